"""Spark's jobs: each runs in a thread of its own, so that Ctrl-C stops it, and errors are put into words."""

from __future__ import annotations

import pickle
import re
import threading
import uuid
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager, suppress
from typing import Any, TypeVar

from nelder.engines.remote import Failed
from nelder.engines.spark_files import Seen, removed
from nelder.engines.spark_work import Removing
from nelder.errors import EngineError, NelderError

Result = TypeVar("Result")

TRIES = 3  # of a job on this machine: there Spark itself gives up when a task has failed once
TASK = "aborted due to stage failure"  # what Spark says when it was a task that failed, and not the job or the session
SHORT = 400  # letters of what Spark says
DIED = "Python worker exited unexpectedly|Python worker failed to connect back|ExecutorLostFailure|executor .*exited"
LARGER = (
    "give executors more memory (spark.executor.memory, spark.executor.memoryOverhead; spark.driver.memory for a "
    "master on this machine), or the data in smaller partitions or row groups"
)
# what Spark's pages say where something is known about it, and what that means
KNOWN = {
    r"No module named '(?!nelder)[\w.]+'": "a worker of Spark lacks a library ({found}): install on the workers what "
    "is installed here",
    "No module named 'nelder": "the Python of Spark's workers cannot import nelder: install it there, or send it with "
    "spark-submit --py-files; PYSPARK_PYTHON names the Python that workers run",
    r"PYTHON_VERSION_MISMATCH|different version [\d.]+ than": "Spark's workers run another Python than this process: "
    "set PYSPARK_PYTHON to the one that runs here before the session starts",
    "OutOfMemoryError|Java heap space": f"Java ran out of memory in Spark: {LARGER}",
    "maxResultSize": "the sums of all partitions are larger than spark.driver.maxResultSize: raise it, or make fewer "
    "partitions",
    "can not serialize object larger than 2G|exceeds? .*2147483": "a partition is larger than 2 GB, the most that "
    "Spark moves at once: make more, smaller partitions",
    DIED: "Spark lost a Python worker or executor several times over the same rows, mostly for want of memory: "
    f"{LARGER}",
    "SparkContext was shut down|stopped SparkContext|Cannot call methods on a stopped": "the Spark session was stopped "
    "during the fit: start it, and fit again",
    "cancelled": "the job was cancelled in Spark",
}


class Jobs:
    """What is asked of a SparkContext."""

    def __init__(self, context: Any) -> None:
        self.context = context

    def run(self, work: Callable[[], Result]) -> Result:
        """The result of work that calls Spark. Ctrl-C cancels its jobs, waits for their end, and is raised then.

        Raises EngineError for what goes wrong in Spark itself.
        """
        group = f"nelder-{uuid.uuid4().hex}"

        def grouped() -> Result:
            self.context.setJobGroup(group, "nelder", True)
            return work()

        with ThreadPoolExecutor(1, "nelder-spark") as pool:
            under_way = pool.submit(grouped)
            try:
                return under_way.result()
            except KeyboardInterrupt:
                while not under_way.done():
                    with suppress(Exception):  # a session that is gone has no jobs
                        self.context.cancelJobGroup(group)
                    wait([under_way], 0.2)
                raise
            except NelderError:
                raise
            except Exception as problem:
                if not is_of_spark(problem):
                    raise
                raise in_words(problem) from None

    def parallel(self, values: Sequence[Any]) -> Any:
        """An RDD with one of these in each partition."""
        return self.context.parallelize(list(values), len(values))

    def persisted(self, records: Any) -> Any:
        """An RDD that Spark keeps, in memory or on disk."""
        from pyspark import StorageLevel

        return records.persist(StorageLevel.MEMORY_AND_DISK)

    def shared(self, value: Any) -> Any:
        """A value that is sent once to each executor."""
        return self.context.broadcast(value)

    @contextmanager
    def sharing(self, value: Any) -> Iterator[Any]:
        """A value that is sent once to each executor, and forgotten there in the end."""
        shared = self.shared(value)
        try:
            yield shared
        finally:
            with suppress(Exception):
                shared.destroy()

    def results(self, answers: Any, places: Sequence[int] | None = None) -> list[Any]:
        """The answers in an RDD, in the order of its partitions, or of some of these. Raises the first error there."""
        found = [pickle.loads(answer) for answer in self.ran(answers, places)]
        for answer in found:
            if isinstance(answer, Failed):
                raise answer.error
        return found

    def everywhere(self, work: Callable[..., Any]) -> None:
        """Have as many tasks do this as can run at once: there is one on each executor, unless it is busy."""
        many = self.context.defaultParallelism
        self.results(self.parallel(range(many)).mapPartitions(work))

    def ran(self, records: Any, places: Sequence[int] | None = None) -> list[Any]:
        """The records of an RDD, or of some of its partitions; tried again where Spark does not do so itself.

        A worker that dies may be missed as itself or, in the middle of a message, as a stream that is closed; so any
        task that fails is tried again, as on a cluster.
        """
        asked = list(range(records.getNumPartitions())) if places is None else list(places)
        tries = TRIES if re.match(r"local\b(?!-)", self.context.master) else 1
        for left in reversed(range(tries)):
            try:
                return list(self.context.runJob(records, iter, asked))
            except Exception as problem:
                if not left or TASK not in str(problem):
                    raise
        raise AssertionError


def is_of_spark(problem: Exception) -> bool:
    """Whether an error comes from Spark, or from Java behind it."""
    return any(
        base.__module__.partition(".")[0] in ("pyspark", "py4j") for base in type(problem).__mro__
    ) or isinstance(problem, ConnectionError | EOFError)


def in_words(problem: Exception) -> EngineError:
    """What Spark's pages of text mean, in a sentence."""
    text = str(problem)
    for pattern, words in KNOWN.items():
        found = re.search(pattern, text)
        if found:
            return EngineError(words.format(found=found[0]))
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    told = next((line for line in lines if re.match(r"(Caused by: )?(\w+\.)*\w*(Exception|Error)\b", line)), None)
    return EngineError(f"Spark could not finish: {(told or (lines or [type(problem).__name__])[0]):.{SHORT}}")


def released(jobs: Jobs, records: Any, shared: Any, token: str, seen: Seen) -> None:
    """Let Spark forget records that nobody can ask for any longer, and remove the files that they stand for.

    It is asked from a thread of its own: this may be called in the middle of anything, also of another call of Spark.
    """

    def forget() -> None:
        with suppress(Exception):  # the session may be gone, and its folders with it
            records.unpersist()
        with suppress(Exception):
            shared.destroy()
        removed(seen.folders, token)
        if not (seen.whole and all(folder.exists() for folder in seen.folders)):  # on other machines, or not known
            with suppress(Exception):
                jobs.everywhere(Removing(token))

    with suppress(RuntimeError):  # the interpreter is ending
        threading.Thread(target=forget, daemon=True).start()
