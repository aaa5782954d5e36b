"""Tables that are read in parts: one look that learns, then each part as a block, where the rows are."""

from __future__ import annotations

from nelder.loading.apart import Apart, Fitted, rescaled
from nelder.loading.followed import followed
from nelder.loading.loader import Incomplete, Loader, Part, Read
from nelder.loading.looking import Look, look
from nelder.loading.spooled import spooled

__all__ = ["Apart", "Fitted", "Incomplete", "Loader", "Look", "Part", "Read", "followed", "look", "rescaled", "spooled"]
