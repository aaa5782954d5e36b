"""What an engine does: it keeps blocks of rows where they are, and runs kernels on them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from nelder.engines.merging import merge
from nelder.errors import CapabilityError

BOUND = (
    "rows in a temporary file of this process, or on a cluster that it is connected to, cannot be pickled: "
    "fit.save('fit.json') writes a fit without its rows, for nd.load in another process; what asks for rows, and an "
    "engine for a cluster, is made where it is used"
)


class Handles(Sequence[Any], ABC):
    """Blocks that are not in this process: asking for one brings it here, and nobody keeps it."""

    @property
    @abstractmethod
    def counts(self) -> Sequence[int]:
        """How many rows each has."""

    @abstractmethod
    def one(self, place: int) -> Any:
        """A block, brought here."""

    @property
    def pattern(self) -> Any:
        """A block without rows, which shows the columns that all have."""
        return self.one(0).rows(slice(0, 0))

    def __len__(self) -> int:
        return len(self.counts)

    def __getstate__(self) -> object:
        raise CapabilityError(BOUND)

    def __getitem__(self, place: Any) -> Any:
        places = range(len(self))[place]
        return Some(self, places) if isinstance(places, range) else self.one(places)


class Some(Handles):
    """Those of others at some places."""

    def __init__(self, handles: Handles, places: range) -> None:
        self.handles, self.places = handles, places

    @property
    def counts(self) -> Sequence[int]:
        counts = self.handles.counts
        return [counts[place] for place in self.places]

    def one(self, place: int) -> Any:
        return self.handles.one(self.places[place])

    @property
    def pattern(self) -> Any:
        return self.handles.pattern


def counts_of(handles: Sequence[Any]) -> Sequence[int]:
    """How many rows each block has, without bringing any here."""
    if not isinstance(handles, list) and isinstance(handles, Handles):  # an abstract class is slow to ask
        return handles.counts
    return [block.n for block in handles]


def pattern_of(handles: Sequence[Any]) -> Any:
    """A block that shows the columns which all have, whatever its rows."""
    return handles.pattern if isinstance(handles, Handles) else handles[0]


class Engine(ABC):
    """`load` makes blocks where they will stay and `hold` takes those that are here; `map` runs a kernel on each of
    them, in order, `total` adds up what it gives, and `derive` and `draw` make others of them.
    """

    name: str
    holds_rows: bool = False  # whether single rows are quickly had in this process
    folder: str | None = None  # where rows go that do not fit into memory; None for the system's own
    rows_stay: bool = False  # whether nothing but sums leaves a part
    together: bool = True  # whether the rows of a part are to be one block

    @property
    def memory(self) -> int | None:
        """Bytes that rows may take in this process, where that is limited."""
        return None

    def reads_in_parts(self, size: int | None) -> bool:
        """Whether columns of a table of this size in bytes (0 for one in memory, None if unknown) are read part by part
        where its rows are, rather than here and at once.
        """
        return True

    @abstractmethod
    def load(self, parts: Sequence[Any], loader: Callable[[Any], Iterable[Any]]) -> Sequence[Any]:
        """Handles of the blocks of loader(part), part by part."""

    @abstractmethod
    def hold(self, blocks: Sequence[Any]) -> Sequence[Any]:
        """Handles of blocks that are in this process."""

    @abstractmethod
    def map(self, kernel: Callable[..., Any], handles: Sequence[Any], *small: Any) -> list[Any]:
        """[kernel(block, *small) for each handle], in order."""

    def total(self, kernel: Callable[..., Any], handles: Sequence[Any], *small: Any) -> Any:
        """The sum of kernel(block, *small) over the handles, in the order of `merge`, to the last digit."""
        return merge(self.map(kernel, handles, *small))

    @abstractmethod
    def derive(
        self, kernel: Callable[..., Any], handles: Sequence[Any], *small: Any, each: Sequence[tuple[Any, ...]] = ()
    ) -> Sequence[Any]:
        """Handles of the blocks kernel(block, *small, *each[k]), which stay where the rows are."""

    def draw(self, kernel: Callable[..., Any], handles: Sequence[Any], *small: Any) -> Sequence[Any]:
        """As `derive`, for few of the rows: they may be kept apart from the others."""
        return self.derive(kernel, handles, *small)
