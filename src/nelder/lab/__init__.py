"""The laboratory: a page in the browser, on this machine only, to fit models and watch; `nelder lab` opens it."""

from __future__ import annotations

from nelder.lab.server import Opening, open_lab

__all__ = ["Opening", "open_lab"]
