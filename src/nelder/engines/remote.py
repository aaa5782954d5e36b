"""What runs where the rows are, on a cluster of any kind: kernels on blocks, and errors that come back as they are.

An error of nelder's own is a result, not a crash: a scheduler would write a crash into its log and may try again.
"""

from __future__ import annotations

import itertools
import pickle
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from types import FunctionType
from typing import Any

import numpy as np

from nelder.engines.merging import Node, nodes
from nelder.engines.threads import one_thread
from nelder.errors import CapabilityError, DataError, EngineError, NelderError

NEARLY = 0.9  # of the rows: so many levels are a column
MANY = 500  # rows that are more than the points of a line search
STAYS = "rows_stay=True: {what} stays in its partition; engine={engine}(rows_stay=False) lets it out"
ONE = (
    "rows_stay=True: this looks at single rows, which stay in their partitions; engine={engine}(rows_stay=False) lets "
    "them out"
)
CHANGED = (
    "a partition had {before:,} rows when it was first read and has {after:,} now that a lost worker's are read again: "
    "the data must not change during a fit"
)
NO_MEMORY = "a worker had no memory left ({problem}): give workers more memory, or the data in smaller partitions"
ABSENT = "{who} cannot import {name}: install there what is installed here"
OTHER_VERSION = "{who} has nelder {theirs} and this process {ours}: install the same version on both"


@dataclass(frozen=True)
class Failed:
    """An error of nelder's own, on its way to the caller."""

    error: NelderError


@dataclass(frozen=True)
class Held:
    """Blocks that a worker keeps."""

    blocks: tuple[Any, ...]

    def __sizeof__(self) -> int:
        """What schedulers go by when they weigh moving it, or run short of memory."""
        return 100 + bytes_in(self.blocks)


@dataclass(frozen=True)
class Program:
    """A kernel and what it takes beside a block, pickled once; `engine` is named in errors where rows are to stay."""

    packed: bytes
    version: str
    engine: str | None = None

    @classmethod
    def of(cls, kernel: Callable[..., Any], small: Sequence[Any], stay: str | None = None) -> Program:
        """What to run; any function can be taken along, also one that has no name."""
        return cls(sealed((kernel, tuple(small))), version(), stay)

    def __sizeof__(self) -> int:
        return 100 + len(self.packed)

    def each(self, items: Sequence[Any], own: Sequence[tuple[Any, ...]] = ()) -> list[Any]:
        """[kernel(item, *small, *own[k]) for each item], with BLAS held to one thread."""
        return list(self.run(items, own))

    def run(self, items: Iterable[Any], own: Sequence[tuple[Any, ...]] = ()) -> Iterator[Any]:
        """The same, one by one."""
        if self.version != version():
            raise EngineError(OTHER_VERSION.format(who="a worker", theirs=version(), ours=self.version))
        kernel, small = pickle.loads(self.packed)
        with one_thread():
            for k, item in enumerate(items):
                yield kernel(item, *small, *(own[k] if own else ()))

    def checked(self, blocks: Sequence[Any]) -> Iterator[Any]:
        """The kernel's result for each block. Raises CapabilityError for one that holds rows which are to stay."""
        for block, result in zip(blocks, self.run(blocks), strict=True):
            if self.engine is not None:
                refuse_rows(result, block, self.engine)
            yield result


def version() -> str:
    """That of nelder in this process."""
    import nelder

    return nelder.__version__


def answered(work: Callable[[], Any]) -> Any:
    """What the work gives, or the error of nelder's own that it raised."""
    try:
        return work()
    except NelderError as error:
        return Failed(error)
    except MemoryError as problem:
        return Failed(EngineError(NO_MEMORY.format(problem=problem)))
    except ModuleNotFoundError as problem:
        return Failed(EngineError(ABSENT.format(who="a worker", name=problem.name)))


def sealed(part: Any) -> bytes:
    """A part as bytes, which a scheduler takes along without a look: what cannot be opened is the error of one task."""
    import cloudpickle

    packed: bytes = cloudpickle.dumps(part, protocol=pickle.HIGHEST_PROTOCOL)
    return packed


def loaded(parts: Sequence[bytes], program: Program) -> Held | Failed:
    """The blocks of parts, each of which is sealed."""
    return answered(lambda: Held(tuple(itertools.chain.from_iterable(program.run(map(pickle.loads, parts))))))


def counted(held: Held | Failed) -> tuple[list[int], int] | Failed:
    """How many rows each block has, and the bytes of all."""
    return held if isinstance(held, Failed) else ([block.n for block in held.blocks], bytes_in(held.blocks))


def packed(several: Sequence[Held | Failed], counts: Sequence[int]) -> Held | Failed:
    """The blocks of several parts as one, which takes no more memory; they must have as many rows as before."""
    for held in several:
        if isinstance(held, Failed):
            return held
    blocks = tuple(block for held in several if isinstance(held, Held) for block in held.blocks)
    for block, before in zip(blocks, counts, strict=True):
        if block.n != before:
            return Failed(DataError(CHANGED.format(before=before, after=block.n)))
    return Held(blocks)


def mapped(held: Held | Failed, program: Program) -> list[Any] | Failed:
    """Results of a kernel on each block."""
    return held if isinstance(held, Failed) else answered(lambda: list(program.checked(held.blocks)))


def added(held: Held | Failed, program: Program, places: Sequence[int]) -> list[Node[Any]] | Failed:
    """The same added up, as far as neighbours among all blocks are here; each has its place among them."""
    if isinstance(held, Failed):
        return held
    results = program.checked(held.blocks)
    return answered(lambda: nodes((place, 1, result) for place, result in zip(places, results, strict=True)))


def asked(part: bytes, program: Program) -> Any:
    """The result of a kernel on what is no block, sealed."""
    return answered(lambda: told(pickle.loads(part), program))


def told(part: Any, program: Program) -> Any:
    """The result of a kernel on what is no block. Raises CapabilityError where it has a column that is to stay."""
    result = program.each([part])[0]
    rows = getattr(result, "complete", 0)  # of a look at a table: how many it tells of
    if program.engine is not None and rows > MANY and any(a.size > NEARLY * rows for a in arrays_in(result)):
        raise CapabilityError(STAYS.format(what=f"a column of {rows:,} rows", engine=program.engine))
    return result


def derived(held: Held | Failed, program: Program, own: Sequence[tuple[Any, ...]]) -> Held | Failed:
    """Blocks made of blocks."""
    return held if isinstance(held, Failed) else answered(lambda: Held(tuple(program.each(held.blocks, own))))


def picked(held: Held | Failed, place: int, rows: slice) -> Any:
    """Some rows of one block."""
    return held if isinstance(held, Failed) else held.blocks[place].rows(rows)


def inside(value: Any) -> list[Any]:
    """What a value is made of: attributes of an object, members of a list, what a function closes over."""
    if isinstance(value, dict):
        return list(value.values())
    if isinstance(value, list | tuple):
        return list(value)
    if isinstance(value, FunctionType):
        return [cell.cell_contents for cell in value.__closure__ or ()]
    return [] if isinstance(value, type) else list(getattr(value, "__dict__", {}).values())


def arrays_in(value: Any) -> list[Any]:
    """All arrays that a value is made of, each once."""
    met: dict[int, Any] = {}
    rest = [value]
    while rest:
        one = rest.pop()
        if id(one) not in met:
            met[id(one)] = one
            rest += [] if isinstance(one, np.ndarray) else inside(one)
    return [one for one in met.values() if isinstance(one, np.ndarray)]


def bytes_in(value: Any) -> int:
    """Bytes of the arrays that a value is made of."""
    return sum(array.nbytes for array in arrays_in(value))


def refuse_rows(result: Any, block: Any, engine: str) -> None:
    """Raise CapabilityError for a result that is no sum over the rows of a block, as its shape shows: it has an entry
    for each row, rows of its own as wide as the block's, or, where rows are many, as many numbers.

    A block with fewer rows than columns hides nothing: sums over them are as good as the rows.
    """
    n, p = block.n, block.p
    for array in arrays_in(result):
        per_row = n > p and n in array.shape
        drawn = array.ndim == 2 and array.shape[1] == p != array.shape[0]
        if per_row or drawn or array.size >= n > max(p**2, MANY):
            shape = " × ".join(f"{length:,}" for length in array.shape)
            what = f"an array of {shape} numbers from {n:,} rows is no sum over them, and"
            raise CapabilityError(STAYS.format(what=what, engine=engine))
