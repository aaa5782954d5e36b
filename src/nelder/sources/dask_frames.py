"""Dask dataframes: their partitions are those of the source, and each is worked out when and where it is read."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from nelder.errors import DataError
from nelder.lazy import lazy
from nelder.sources.base import Chunk, InParts, Partition, refuse_twice, sliced
from nelder.sources.frames import FrameSource

LEAN = ("Read", "FromMap")  # how Dask's names of what reads files begin: these are taken along as what to do


@dataclass(frozen=True)
class Reading(Partition):
    """A partition that is read from files: `frame` says how, for any columns."""

    frame: Any = field(compare=False)
    label: str

    def read(self, names: Sequence[str]) -> Iterator[Chunk]:
        columns = self.frame[list(names)]
        way = {"scheduler": "synchronous"} if in_worker() else {}
        yield from chunks_of(self.label, names, lambda: columns.compute(**way))


@dataclass(frozen=True)
class Computed(Partition):
    """A partition of what is in memory, here or on a cluster: the tasks that give it, and the key of the last."""

    tasks: dict[Any, Any] = field(compare=False)
    key: Any
    label: str

    def read(self, names: Sequence[str]) -> Iterator[Chunk]:
        yield from chunks_of(self.label, names, lambda: self._table()[list(names)])

    def _table(self) -> Any:
        held = [value for value in self.tasks.values() if hasattr(value, "client") and hasattr(value, "key")]
        if not held:
            from dask.local import get_sync

            return get_sync(self.tasks, self.key)
        if not in_worker():
            return held[0].client.get(self.tasks, self.key)
        from distributed import worker_client

        with worker_client() as client:
            return client.get(self.tasks, self.key)


class DaskSource(InParts):
    """A `dask.dataframe.DataFrame`."""

    def __init__(self, data: Any) -> None:
        self.frame = data
        refuse_twice("the Dask dataframe", [str(name) for name in data.columns])

    @classmethod
    def reads(cls, data: object) -> bool:
        dataframes = sys.modules.get("dask.dataframe")  # whoever has one has imported it
        return dataframes is not None and isinstance(data, dataframes.DataFrame)

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self.frame.columns)

    @lazy
    def partitions(self) -> Sequence[Partition]:
        """Those of the dataframe, in order."""
        frame, many = self.frame, self.frame.npartitions
        leaves = [type(each).__name__ for each in frame.expr.walk() if not each.dependencies()]
        labels = [f"partition {k} of the Dask dataframe" for k in range(many)]
        if all(leaf.startswith(LEAN) for leaf in leaves):
            return tuple(Reading(frame.partitions[k], label) for k, label in enumerate(labels))
        from dask import optimization

        cull: Any = optimization.cull
        whole = frame.optimize()
        graph = dict(whole.__dask_graph__())
        return tuple(
            Computed(cull(graph, [key])[0], key, label)
            for key, label in zip(whole.__dask_keys__(), labels, strict=True)
        )


def in_worker() -> bool:
    """Whether this runs on a Dask worker, in one of its tasks."""
    distributed = sys.modules.get("distributed")
    if distributed is None:
        return False
    try:
        distributed.get_worker()
    except ValueError:
        return False
    return True


def chunks_of(label: str, names: Sequence[str], work: Any) -> Iterator[Chunk]:
    """The chunks of the table that the work gives. Raises DataError naming the partition where it fails."""
    try:
        table = work()
    except Exception as problem:
        said = str(problem).strip().partition("\n")[0]
        raise DataError(f"{label} cannot be worked out: {type(problem).__name__}: {said:.300}") from problem
    for chunk in FrameSource(table).read(names):
        yield from sliced(chunk)
