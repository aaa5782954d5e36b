"""The rows of a fit that were read in parts, for what asks for them later.

A table may have changed by then, and a query or a cluster may give its rows in another order each time: responses are
read along, and compared with those of the fit.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from nelder.design import Block
from nelder.engines import Engine, counts_of
from nelder.errors import DataError
from nelder.formula import Schema
from nelder.lazy import lazy
from nelder.linalg import Array
from nelder.loading.loader import Loader, Part
from nelder.sources import Chunk, Column, Source, concatenated

OTHERS = (
    "the table does not give the rows that the model was fitted to, or not in their order, when it is read again: fit "
    "again, or fix the order, by ORDER BY in a query, persist() on a cluster, or nd.spill(…)"
)


@dataclass(frozen=True)
class Fitted:
    """The blocks of a fit, on their engine."""

    engine: Engine
    handles: Sequence[Block]

    def responses(self) -> Array:
        """The responses of all rows (n,). Raises CapabilityError where rows are to stay where they are."""
        return np.concatenate(self.engine.map(response_kernel, self.handles))


def response_kernel(block: Block) -> Array:
    """The responses (n,) of a block."""
    return block.y


def rescaled(engine: Engine, handles: Sequence[Block], scale: float) -> Sequence[Block]:
    """The blocks with all weights times a factor."""
    return handles if scale == 1.0 else engine.derive(reweighted, handles, scale)


def reweighted(block: Block, scale: float) -> Block:
    """The block with all weights times a factor."""
    return replace(block, weight=scale * block.weight)


@dataclass(frozen=True)
class Apart:
    """A table read in parts: where its rows are, what makes blocks of them, and the blocks that were fitted."""

    source: Source
    parts: tuple[Part, ...]
    loader: Loader
    total: int  # rows of the table
    blocks: Fitted
    scale: float = 1.0  # of the weights, those of a sample

    @property
    def fitted(self) -> int:
        """How many rows the fit has."""
        return sum(counts_of(self.blocks.handles))

    @lazy
    def numbers(self) -> NDArray[np.integer]:
        """The numbers of the fitted rows in the table (n,), by reading again what says which those are."""
        if self.fitted == self.total:
            return np.arange(self.total)
        return np.concatenate([self.loader.numbers(part) for part in self.parts])

    def handles(self, schema: Schema, engine: Engine) -> Sequence[Block]:
        """The same rows under another schema."""
        beside = tuple(name for name in schema.predictors if name not in self.loader.needed)
        loaded = engine.load(self.parts, replace(self.loader, schema=schema, beside=beside))
        return rescaled(engine, loaded, self.scale)

    def columns(self, names: Sequence[str]) -> Chunk:
        """Columns at the rows of the fit, whether or not the formula reads them, all from one reading.

        Raises DataError where the response that is read along is not that of the fit.
        """
        loader = self.loader.reading(names, self.fitted == self.total)
        found = [piece for part in self.parts for piece in loader.columns(part, names)]
        y = np.concatenate([response for response, _ in found])
        if not np.array_equal(y, self.blocks.responses()):
            raise DataError(OTHERS)
        return concatenated([chunk for _, chunk in found])

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
        return self.apart.columns([name])[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.apart.loader.needed)

    def __len__(self) -> int:
        return len(self.apart.loader.needed)
