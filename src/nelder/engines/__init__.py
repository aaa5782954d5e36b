"""The engines, by name. To add one: a file here and a line in ENGINES."""

from __future__ import annotations

from nelder.engines.base import Engine, merge
from nelder.engines.counted import Counted
from nelder.engines.threads import Threads, one_thread

__all__ = ["ENGINES", "Counted", "Engine", "Threads", "merge", "one_thread"]

ENGINES: dict[str, type[Engine]] = {"threads": Threads}
