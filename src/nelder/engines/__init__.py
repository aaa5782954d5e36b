"""The engines, by name. To add one: a file here and a line in ENGINES."""

from __future__ import annotations

from nelder.engines.base import Engine, merge
from nelder.engines.threads import Threads

__all__ = ["ENGINES", "Engine", "Threads", "merge"]

ENGINES: dict[str, type[Engine]] = {"threads": Threads}
