"""What makes a block of a part of a table, wherever it runs: complete rows, checked and encoded by what was learned."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from nelder.design import Block, block_rows, split
from nelder.errors import DataError, InputError
from nelder.families import Family
from nelder.formula import Expression, Schema, complete_rows, numeric_column
from nelder.formula.transforms import State
from nelder.joining import joined
from nelder.linalg import Array
from nelder.observations import Observations, Response, Weights, observed
from nelder.parts import Coded, Codes, Dense
from nelder.parts import Part as Columns
from nelder.sources import Chunk, Partition, concatenated

Rows = NDArray[np.integer]
LARGE = 2**31  # rows of a table, of which a part has few: its blocks need not be small so that all threads have some


class Incomplete(DataError):
    """A row lacks a value in a column that was presumed to have one in every row."""


@dataclass(frozen=True)
class Part:
    """A partition, and the number of its first row in the table."""

    partition: Partition
    begin: int


@dataclass(frozen=True)
class Read:
    """What is read of a row beside the design: its response, y or (successes, failures), and weights, which hold an
    expression.
    """

    response: tuple[Expression, ...]
    weights: Weights | None


@dataclass(frozen=True)
class Loader:
    """Makes blocks of a part: of at most BLOCK_ROWS rows, or one of all where they are to stay `together`.

    `needed` are the columns of which none may be missing, `beside` others that the schema reads; `states` are what
    transforms remember. Columns that are `presumed` to have a value in every row were not looked at: `Incomplete` is
    raised where one has not.
    """

    schema: Schema
    family: Family
    read: Read
    needed: tuple[str, ...]
    states: dict[str, State]
    together: bool
    beside: tuple[str, ...] = ()
    presumed: tuple[str, ...] = ()

    def __call__(self, part: Part) -> Iterator[Block]:
        """Its blocks, none where no row is left. Errors name the part and the rows' numbers in the table."""
        chunks: Iterator[tuple[Chunk, Rows]] = ((chunk, rows) for chunk, rows in self.chunks(part) if len(rows))
        if self.together:
            several = list(chunks)
            chunks = iter([put_together(several)] if several else [])
        for chunk, rows in chunks:
            yield from self.blocks(part, chunk, rows)

    def chunks(self, part: Part) -> Iterator[tuple[Chunk, Rows]]:
        """The complete rows of a part in pieces, with their numbers in the table."""
        begin = part.begin
        for chunk in part.partition.read((*self.needed, *self.beside)):
            complete = complete_rows(chunk, self.needed)
            rows = np.flatnonzero(complete)
            whole = len(rows) == len(complete)
            if not whole and not complete_rows(chunk, self.presumed).all():
                raise Incomplete(f"{part.partition.label}: a value is missing that was presumed to be there")
            yield chunk if whole else {name: column.take(rows) for name, column in chunk.items()}, begin + rows
            begin += len(complete)

    def blocks(self, part: Part, chunk: Chunk, rows: Rows) -> list[Block]:
        """Rows as blocks, without those of weight zero."""
        try:
            seen, columns = self.encoded(chunk, rows)
        except InputError as problem:
            row = self.named(problem, chunk, rows)
            place = part.partition.label if row is None else part.partition.where(row - part.begin)
            raise type(problem)(f"{place}: {problem}") from None
        block = Block(columns, len(self.schema.names), seen.y, seen.weight, seen.offset, seen.precision, seen.trials)
        block = narrowed(joined(block))
        block = block if isinstance(seen.used, slice) else block.rows(seen.used)
        if not block.n:
            return []
        many = block_rows(block, LARGE)
        return [block] if self.together else [in_one_piece(each) for each in split(block, many)]

    def encoded(self, chunk: Chunk, rows: Rows) -> tuple[Observations, tuple[Columns, ...]]:
        """What is observed of some rows, and their columns of the design."""
        return self.observed(chunk, rows), tuple(self.schema.parts(chunk, rows))

    def named(self, problem: InputError, chunk: Chunk, rows: Rows) -> int | None:
        """The first row whose number stands in an error and that is wrong by itself."""
        for number in map(int, re.findall(r"\brows? (\d{1,15})\b", str(problem))):
            at = np.flatnonzero(rows == number)
            try:
                self.encoded({name: column.take(at) for name, column in chunk.items()}, rows[at]) if len(at) else None
            except InputError:
                return number
        return None

    def observed(self, chunk: Chunk, rows: Rows) -> Observations:
        """Response, weights and offset of some rows."""
        response = [numeric_column(each, chunk, rows, self.states, "response") for each in self.read.response]
        weights = self.read.weights
        if weights is not None:
            assert isinstance(weights.given, Expression)
            weights = replace(weights, given=numeric_column(weights.given, chunk, rows, self.states, "weights"))
        named = Response(response, self.read.response[0].text)
        return observed(self.family, named, weights, self.schema.offset(chunk, rows), rows)

    def reading(self, names: Sequence[str], every: bool) -> Loader:
        """One that reads these columns beside those that say which rows there are and what their response is; where
        the fit has `every` row, the latter will do.
        """
        weights = () if self.read.weights is None else (self.read.weights.given,)
        told = (*self.read.response, *weights, *self.schema.formula.offsets)
        few = tuple(dict.fromkeys(name for each in told if isinstance(each, Expression) for name in each.columns))
        needed = few if every else self.needed
        return replace(self, needed=needed, beside=tuple(name for name in names if name not in needed), presumed=())

    def columns(self, part: Part, names: Sequence[str]) -> Iterator[tuple[Array, Chunk]]:
        """The responses and these columns at the rows that the blocks of a part have, in pieces."""
        for chunk, rows in self.chunks(part):
            if len(rows):
                seen = self.observed(chunk, rows)
                used = np.arange(len(rows))[seen.used]
                yield seen.y[used], {name: chunk[name].take(used) for name in names}

    def numbers(self, part: Part) -> Rows:
        """The numbers in the table of the rows that its blocks have."""
        kept: list[Rows] = [np.zeros(0, dtype=np.intp)]
        for chunk, rows in self.chunks(part):
            if len(rows):  # a row may have no weight without weights: one of no trials
                kept.append(rows[self.observed(chunk, rows).used])
        return np.concatenate(kept)


def put_together(pieces: Sequence[tuple[Chunk, Rows]]) -> tuple[Chunk, Rows]:
    """Pieces of a part as one."""
    return concatenated([chunk for chunk, _ in pieces]), np.concatenate([rows for _, rows in pieces])


def in_one_piece(block: Block) -> Block:
    """The block with its numbers in memory of its own, so that they can be written and mapped as they are."""
    parts = (replace(part, X=np.asfortranarray(part.X)) if isinstance(part, Dense) else part for part in block.parts)
    return replace(block, parts=tuple(parts))


def narrowed(block: Block) -> Block:
    """The block with codes in the fewest bytes that hold them; parts that share codes go on sharing them."""
    known: dict[int, Codes] = {}

    def narrow(part: Columns) -> Columns:
        if not isinstance(part, Coded):
            return part
        fewest = np.min_scalar_type(max(part.coding.levels - 1, 0))
        return replace(part, codes=known.setdefault(id(part.codes), part.codes.astype(fewest)))

    return replace(block, parts=tuple(map(narrow, block.parts)))
