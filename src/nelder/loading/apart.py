"""The rows of a fit that were read in parts, for what asks for them later."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from nelder.design import Block
from nelder.engines import Engine
from nelder.formula import Schema
from nelder.lazy import lazy
from nelder.loading.loader import Loader, Part
from nelder.sources import Column, Source, concatenated


@dataclass(frozen=True)
class Apart:
    """A table read in parts: where its rows are, and what makes blocks of them."""

    source: Source
    parts: tuple[Part, ...]
    loader: Loader
    total: int  # rows of the table
    fitted: int  # and those of the fit

    @lazy
    def numbers(self) -> NDArray[np.integer]:
        """The numbers of the fitted rows in the table (n,), by reading again what says which those are."""
        if self.fitted == self.total:
            return np.arange(self.total)
        return np.concatenate([self.loader.numbers(part) for part in self.parts])

    def handles(self, schema: Schema, engine: Engine) -> Sequence[Block]:
        """The same rows under another schema."""
        beside = tuple(name for name in schema.predictors if name not in self.loader.needed)
        return engine.load(self.parts, replace(self.loader, schema=schema, beside=beside))

    @property
    def chunk(self) -> Columns:
        """The columns that the fit used, each read when asked for."""
        return Columns(self)


@dataclass(frozen=True)
class Columns(Mapping[str, Column]):
    """Columns at the rows of a fit, read from where they are when they are asked for."""

    apart: Apart

    def __getitem__(self, name: str) -> Column:
        if name not in self.apart.loader.needed:
            raise KeyError(name)
        whole = concatenated(list(self.apart.source.chunks([name])))[name]
        numbers = self.apart.numbers
        return whole if len(numbers) == len(whole) else whole.take(numbers)

    def __iter__(self) -> Iterator[str]:
        return iter(self.apart.loader.needed)

    def __len__(self) -> int:
        return len(self.apart.loader.needed)
