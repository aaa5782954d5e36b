"""A script that the tests of faults run in a process of its own: a Spark session, and what is done in it, by name."""

import os
import sys
import time
import warnings
from pathlib import Path

os.environ["PYSPARK_PYTHON"] = sys.executable
warnings.simplefilter("ignore")

import cloudpickle  # noqa: E402
import numpy as np  # noqa: E402
from pyspark.sql import SparkSession  # noqa: E402
from rows_on_engines import fit_on, loader, numbers, parts_of  # noqa: E402

import nelder as nd  # noqa: E402

cloudpickle.register_pickle_by_value(sys.modules[__name__])
PARTS = parts_of((300,) * 6)


def session_of(master):
    """A session that says nothing; executors have little memory."""
    options = {
        "spark.ui.enabled": False,
        "spark.ui.showConsoleProgress": False,
        "spark.executor.memory": "512m",
        "spark.log.level": "OFF",
    }
    return SparkSession.builder.master(master).config(map=options).getOrCreate()


def fitted(engine, folder):
    """The numbers of a fit whose passes are slow enough to be met."""

    def watch(record):
        Path(folder, "under-way").touch()
        time.sleep(0.2)

    return numbers(fit_on(engine, PARTS, "lbfgs", watch))


def digits(engine, folder):
    """The numbers of a fit, to the last bit."""
    print(fitted(engine, folder).tobytes().hex())


def hungry(engine, folder):
    """A loader that takes all memory there is."""
    import resource

    def takes(part):
        resource.setrlimit(resource.RLIMIT_AS, (4 * 10**9, 4 * 10**9))
        return [np.ones(10**10)]

    engine.load(PARTS, takes)


def killed(engine, folder):
    """A loader whose worker always dies, as by the system for want of memory."""
    import signal

    engine.load(PARTS, lambda part: os.kill(os.getpid(), signal.SIGKILL))


def bad(engine, folder):
    """A loader that meets a row that no model can have."""
    engine.load([*PARTS, *parts_of((-1,))], loader)


def endless(engine, folder):
    """A pass that would take minutes."""
    handles = engine.load(PARTS, loader)

    def sleeps(block):
        Path(folder, "under-way").touch()
        time.sleep(60)

    engine.map(sleeps, handles)


def interrupted(engine, folder):
    """A fit that is interrupted."""
    fit = fit_on(
        engine, PARTS, nd.GradientDescent(rate=1e-9, epochs=10**6), lambda record: Path(folder, "under-way").touch()
    )
    print(fit.reason, bool(np.isfinite(fit.deviance)))


if __name__ == "__main__":
    master, what, folder = sys.argv[1:]
    session = session_of(master)
    began = time.monotonic()
    try:
        globals()[what](nd.Spark(session), folder)
    except BaseException as problem:
        print(f"{type(problem).__name__}: {problem}")
    print(f"{time.monotonic() - began:.1f} seconds", file=sys.stderr)
    session.stop()
