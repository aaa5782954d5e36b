"""Dask's workers as the engine: each loads its partitions once and keeps them; a pass sends a kernel to each.

Blocks are futures of tasks that read a partition, so that those of a worker that dies are read again by another.
Several are packed into one future a thread, without a copy, so that the price of a pass does not grow with them.
"""

from __future__ import annotations

import concurrent.futures
import itertools
import os
import pkgutil
import signal
import threading
import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from operator import itemgetter
from typing import Any

from nelder.engines import remote
from nelder.engines.base import BOUND, Engine, Handles
from nelder.engines.merging import crown
from nelder.engines.remote import Failed, Program, sealed
from nelder.errors import CapabilityError, EngineError, InputTypeError, MissingExtraError, NelderError, a_truth
from nelder.lazy import lazy

ANSWERS = 10  # seconds in which a scheduler has to
TASKS = 1_024  # that load: of fewer, each is one part
SHARE = 8  # of a thread's part of its worker's memory: no pack is larger, so that packs can go to disk one by one
LOOK, PATIENCE = 2, 60  # seconds between two looks at workers, and until a cluster that does not work is given up
LARGE = 100_000  # bytes of a program that is sent to one worker, from which the others have it
START = (
    "start one, and fit again: from distributed import Client; client = Client() for the cores of this machine, or "
    "Client('tcp://scheduler:8786') for a cluster"
)
CLOSED = "the Dask cluster is closed, or its scheduler lost, and the rows with it: start it, and fit again"
KILLED = (
    "a Dask worker was killed {times} times over the same rows, mostly because it ran out of memory: give workers more "
    "memory (fewer workers on a machine, or memory_limit=…), or the data in smaller partitions or row groups"
)
PAUSED = "all Dask workers have stopped working, because their memory is full: " + KILLED.partition(": ")[2]
LONELY = "the Dask cluster has no workers: start some, wait for them (client.wait_for_workers(1)), and fit again"


def distributed() -> Any:
    """The library. Raises MissingExtraError where it is not installed."""
    try:
        import distributed as library
    except ImportError:
        raise MissingExtraError("Dask", "dask", "engine='dask'") from None
    return library


class Dask(Engine):
    """The workers of a Dask cluster. `client` is a `distributed.Client`, the address of a scheduler, or None for the
    client that this process has.

    With `rows_stay=True` nothing but sums leaves a partition, and what needs single rows is refused. Raises EngineError
    where there is no cluster.
    """

    name = "dask"

    def __init__(self, client: object = None, rows_stay: bool = False) -> None:
        self.client = connected(client)
        self.rows_stay = a_truth(rows_stay, "rows_stay")

    def __getstate__(self) -> object:
        raise CapabilityError(BOUND)

    def reads_in_parts(self, size: int | None) -> bool:
        return size != 0  # what is in memory is sent as blocks

    def load(self, parts: Sequence[Any], loader: Callable[[Any], Iterable[Any]]) -> Sequence[Any]:
        with self.waiting() as tasks:
            size = stretch(len(parts), workers_of(self.client))
            few = [list(map(sealed, parts[first : first + size])) for first in range(0, len(parts), size)]
            single = tasks.submit("load", remote.loaded, few, self.shared(tasks, loader))
            known = tasks.gather(tasks.submit("count", remote.counted, single), early=True)
            return self.packed(tasks, single, known)

    def hold(self, blocks: Sequence[Any]) -> Sequence[Any]:
        with self.waiting() as tasks:
            single = tasks.submit("hold", remote.Held, [(block,) for block in blocks])
            return self.packed(tasks, single, [([block.n], remote.bytes_in(block)) for block in blocks])

    def packed(self, tasks: Tasks, single: Sequence[Any], known: Sequence[tuple[list[int], int]]) -> Futures:
        """Futures of many blocks each, where these are: of those on one worker that follow one another."""
        full = [k for k, (counts, _) in enumerate(known) if counts]
        where = self.client.who_has([single[k] for k in full])
        homes: dict[str, list[int]] = {}
        for k in full:
            homes.setdefault(next(iter(where.get(single[k].key) or ("",))), []).append(k)
        workers = workers_of(self.client)
        packs = [
            pack
            for home, held in homes.items()
            for pack in shares(held, [size for _, size in known], workers.get(home))
        ]
        counts = [[rows for k in pack for rows in known[k][0]] for pack in packs]
        futures = tasks.submit("pack", remote.packed, [[single[k] for k in pack] for pack in packs], each=counts)
        begins = list(itertools.accumulate((len(rows) for rows, _ in known), initial=0))
        places = [[place for k in pack for place in range(begins[k], begins[k + 1])] for pack in packs]
        return Futures(self, tuple(futures), tuple(map(tuple, places)), [rows for each, _ in known for rows in each])

    def map(self, kernel: Callable[..., Any], handles: Sequence[Any], *small: Any) -> list[Any]:
        with self.waiting() as tasks:
            if not isinstance(handles, Futures):
                parts = list(map(sealed, handles))
                return tasks.gather(tasks.submit("look", remote.asked, parts, self.shared(tasks, kernel, small)))
            found = tasks.gather(
                tasks.submit("pass", remote.mapped, handles.futures, self.shared(tasks, kernel, small))
            )
            return handles.ordered(found)

    def total(self, kernel: Callable[..., Any], handles: Sequence[Any], *small: Any) -> Any:
        if not isinstance(handles, Futures):
            return super().total(kernel, handles, *small)
        with self.waiting() as tasks:
            program, places = self.shared(tasks, kernel, small), handles.places
            found = tasks.gather(tasks.submit("sum", remote.added, handles.futures, program, each=places))
        return crown(sorted(itertools.chain.from_iterable(found), key=itemgetter(0)))

    def derive(
        self, kernel: Callable[..., Any], handles: Sequence[Any], *small: Any, each: Sequence[tuple[Any, ...]] = ()
    ) -> Sequence[Any]:
        if not isinstance(handles, Futures):
            handles = self.hold(handles)
            assert isinstance(handles, Futures)
        with self.waiting() as tasks:
            own = [[tuple(each[place]) for place in places] if each else [] for places in handles.places]
            program = self.shared(tasks, kernel, small)
            futures = tasks.submit("derive", remote.derived, handles.futures, program, each=own)
            found = tasks.gather(tasks.submit("count", remote.counted, futures))
            return Futures(self, tuple(futures), handles.places, handles.ordered([counts for counts, _ in found]))

    def shared(self, tasks: Tasks, kernel: Callable[..., Any], small: Sequence[Any] = ()) -> Any:
        """A program for all tasks; a large one is the result of a task, so that it is sent once."""
        program = Program.of(kernel, small, "nd.Dask" if self.rows_stay else None)
        if len(program.packed) < LARGE:
            return program
        return tasks.submit("program", Program, [program.packed], program.version, program.engine)[0]

    @contextmanager
    def waiting(self) -> Iterator[Tasks]:
        """Tasks that are cancelled if the wait for them is broken off, and errors of the cluster in words."""
        tasks = Tasks(self.client)
        try:
            yield tasks
        except BaseException as problem:
            tasks.cancel()
            error = in_words(problem, self.client)
            if error is None:
                raise
            raise error from None


class Futures(Handles):
    """Blocks on workers: `futures` of packs of them, and the `places` of each pack's blocks among all."""

    def __init__(
        self, engine: Dask, futures: tuple[Any, ...], places: tuple[tuple[int, ...], ...], counts: list[int]
    ) -> None:
        self.engine, self.futures, self.places, self._counts = engine, futures, places, counts

    @property
    def counts(self) -> Sequence[int]:
        return self._counts

    @lazy
    def pattern(self) -> Any:
        return self._rows(0, slice(0, 0))

    def one(self, place: int) -> Any:
        if self.engine.rows_stay:
            raise CapabilityError(remote.ONE.format(engine="nd.Dask"))
        return self._rows(place, slice(None))

    def ordered(self, found: Sequence[Sequence[Any]]) -> list[Any]:
        """What was found for each block, pack by pack, in the order of the blocks."""
        results: list[Any] = [None] * len(self)
        for places, some in zip(self.places, found, strict=True):
            for place, result in zip(places, some, strict=True):
                results[place] = result
        return results

    def _rows(self, place: int, rows: slice) -> Any:
        pack = next(k for k, places in enumerate(self.places) if place in places)
        inside = self.places[pack].index(place)
        with self.engine.waiting() as tasks:
            return tasks.gather(tasks.submit("rows", remote.picked, [self.futures[pack]], inside, rows))[0]


@dataclass
class Tasks:
    """Tasks of one pass, which nobody else waits for."""

    client: Any

    def __post_init__(self) -> None:
        self.running: list[Any] = []

    def submit(
        self, what: str, function: Callable[..., Any], items: Sequence[Any], *small: Any, each: Sequence[Any] = ()
    ) -> list[Any]:
        """A future of function(item, *small, each[k]) for each item; `what` is their name on Dask's pages."""
        import dask

        token = uuid.uuid4().hex
        names = [(f"nelder-{what}-{token}", k) for k in range(len(items))]
        given = [*([value] * len(items) for value in small), *([list(each)] if each else [])]
        with dask.config.set({"distributed.admin.large-graph-warning-threshold": "1PB"}):  # rows of this process
            futures: list[Any] = self.client.map(function, list(items), *given, key=names, pure=False)
        self.running += futures
        return futures

    def gather(self, futures: Sequence[Any], early: bool = False) -> list[Any]:
        """Their results in order. Raises an error of nelder's own among them: the first, or with `early` one that came
        while others are under way.
        """
        left = list(futures)
        for _ in self.watched(futures):
            if early:
                ended = [future for future in left if future.status != "pending"]
                left = [future for future in left if future.status == "pending"]
                raise_first(self.client.gather(ended))
        return raise_first(self.client.gather(list(futures)))

    def watched(self, futures: Sequence[Any]) -> Iterator[None]:
        """Look up every LOOK seconds until these have ended. Raises EngineError where no worker works any longer."""
        idle = 0
        while True:
            try:
                with self.client.as_current():
                    distributed().wait(list(futures), timeout=LOOK)
                return
            except TimeoutError:
                if self.client.status != "running":
                    raise EngineError(CLOSED) from None
            states = [worker["status"] for worker in workers_of(self.client).values()]
            idle = 0 if any(state != "paused" for state in states) else idle + LOOK
            if idle >= PATIENCE:
                raise EngineError(PAUSED if states else LONELY)
            yield

    def cancel(self) -> None:
        """Stop those that have not ended; one that runs ends unheard."""
        if self.running and self.client.status == "running":
            self.client.cancel(self.running)


def raise_first(results: list[Any]) -> list[Any]:
    """The results, where none is an error."""
    for result in results:
        if isinstance(result, Failed):
            raise result.error
    return results


def connected(given: object) -> Any:
    """A client that answers. Raises EngineError where there is none, InputTypeError for what is no client."""
    library = distributed()
    if given is None:
        try:
            client = library.get_client()
        except ValueError:
            raise EngineError(f"engine='dask': this process has no Dask client; {START}") from None
    elif isinstance(given, str):
        try:
            client = library.Client(given, set_as_default=False, timeout=ANSWERS, name="nelder")
        except (OSError, ValueError, TimeoutError) as problem:
            said = str(problem).partition("\n")[0]
            raise EngineError(f"nd.Dask({given!r}): no scheduler answers there ({said:.200}); {START}") from None
    elif isinstance(given, library.Client):
        client = given
    else:
        kind = type(given).__name__
        raise InputTypeError(f"nd.Dask takes a distributed.Client, an address or None, not {kind}; {START}")
    if client.status != "running":
        raise EngineError(f"nd.Dask: the Dask client is {client.status}; {START}")
    refuse_other_versions(client)
    if hasattr(os, "getpgrp"):
        client.register_plugin(deaf(library, os.getpid(), os.getpgrp()), name="nelder-interrupts")
    return client


def refuse_other_versions(client: Any) -> None:
    """Raise EngineError where the scheduler or a worker has no nelder, or another one."""
    wanted = (pkgutil.resolve_name, "nelder:__version__")
    found = {f"the Dask worker at {at}": its for at, its in client.run(*wanted, on_error="return").items()}
    try:
        found["the Dask scheduler"] = client.run_on_scheduler(*wanted)
    except ImportError as problem:
        found["the Dask scheduler"] = problem
    for who, theirs in found.items():
        if isinstance(theirs, ImportError):
            raise EngineError(remote.ABSENT.format(who=who, name=theirs.name))
        if theirs != remote.version():
            raise EngineError(remote.OTHER_VERSION.format(who=who, theirs=theirs, ours=remote.version()))


def deaf(library: Any, caller: int, group: int) -> Any:
    """What keeps workers that this process has started alive when Ctrl-C, which a terminal sends to all of them, is
    meant for a fit: it ends with its best step, for which it needs them.
    """

    class Deaf(library.WorkerPlugin):  # type: ignore[misc]
        def setup(self, worker: Any) -> None:
            of_caller = os.getpgrp() == group and os.getppid() == caller
            if of_caller and threading.current_thread() is threading.main_thread():
                signal.signal(signal.SIGINT, signal.SIG_IGN)

    return Deaf()


def workers_of(client: Any) -> dict[str, Any]:
    """What the scheduler knows of each worker, by its address."""
    known: dict[str, Any] = client.scheduler_info(n_workers=-1)["workers"]
    return known


def stretch(many: int, workers: dict[str, Any]) -> int:
    """How many of so many parts, one after the other, a task loads: where they are many, as many as leave each thread
    its share of tasks. A power of two, so that what a pass finds in them is one sum (`merging`).
    """
    threads = sum(worker["nthreads"] for worker in workers.values())
    most = min(many // max(SHARE * threads, 1), many // TASKS)
    return 1 << max(most, 1).bit_length() - 1


def shares(parts: Sequence[int], sizes: Sequence[int], worker: dict[str, Any] | None) -> list[list[int]]:
    """Parts of one worker that follow one another, in packs of about the same number of bytes: one for each thread, or
    more where these are large.
    """
    threads = 1 if worker is None else worker["nthreads"]
    memory = (worker or {}).get("memory_limit") or float("inf")
    total = sum(sizes[part] for part in parts)
    target = min(total / threads, memory / threads / SHARE)
    packs: list[list[int]] = [[]]
    size = 0
    for part in parts:
        if packs[-1] and size + sizes[part] / 2 > target:
            packs.append([])
            size = 0
        packs[-1].append(part)
        size += sizes[part]
    return packs


def in_words(problem: BaseException, client: Any) -> EngineError | None:
    """What a failure of the cluster means, None for anything else."""
    library = distributed()
    if isinstance(problem, NelderError):
        return None
    if isinstance(problem, library.KilledWorker):
        return EngineError(KILLED.format(times=problem.allowed_failures + 1))
    if isinstance(problem, ModuleNotFoundError):
        return EngineError(remote.ABSENT.format(who="a Dask worker", name=problem.name))
    lost = isinstance(problem, Exception) and client.status != "running"
    return EngineError(CLOSED) if lost or isinstance(problem, concurrent.futures.CancelledError) else None
