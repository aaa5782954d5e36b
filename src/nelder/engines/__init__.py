"""The engines, by name. To add one: a file here and a line in ENGINES."""

from __future__ import annotations

from nelder.engines.ahead import ahead
from nelder.engines.base import Engine, Handles, counts_of, pattern_of
from nelder.engines.counted import Counted
from nelder.engines.dask import Dask
from nelder.engines.merging import merge
from nelder.engines.spark import Spark
from nelder.engines.spilled import Spilled
from nelder.engines.threads import Threads, one_thread

__all__ = [
    "ENGINES",
    "Counted",
    "Dask",
    "Engine",
    "Handles",
    "Spark",
    "Spilled",
    "Threads",
    "ahead",
    "counts_of",
    "merge",
    "one_thread",
    "pattern_of",
]

ENGINES: dict[str, type[Engine]] = {"threads": Threads, "dask": Dask, "spark": Spark}
