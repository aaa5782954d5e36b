"""A Dask cluster of real processes, broken on purpose: the same digits, or one clear error, and nothing left behind."""

import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from pathlib import Path

import cloudpickle
import numpy as np
import pytest
from rows_on_engines import fit_on, loader, numbers, parts_of

import nelder as nd
from nelder.engines import Threads

distributed = pytest.importorskip("distributed")
dask = pytest.importorskip("dask")
cloudpickle.register_pickle_by_value(sys.modules[__name__])

PARTS = parts_of((300,) * 12)
HERE = Path(__file__).parent


@contextmanager
def cluster_of(workers=2, **options):
    """A cluster of processes, and a client of it."""
    options = {"threads_per_worker": 1, "processes": True, "dashboard_address": ":0", **options}
    with (
        distributed.LocalCluster(n_workers=workers, **options) as cluster,
        distributed.Client(cluster, set_as_default=False) as client,
    ):
        yield cluster, client


def processes_of(client):
    return list(client.run(os.getpid).values())


def kill(process):
    os.kill(process, signal.SIGKILL)


def slow(block):
    time.sleep(0.1)
    return float(block.y.sum())


def alive(processes):
    """Those of the processes that run."""
    return [each for each in processes if Path(f"/proc/{each}").exists() and "Z" not in state(each)]


def state(process):
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return "Z"


def test_a_worker_that_is_killed_in_a_pass_changes_no_digit():
    expected = [slow(block) for part in PARTS for block in loader(part)]
    with cluster_of() as (_, client):
        engine = nd.Dask(client)
        handles = engine.load(PARTS, loader)
        first = processes_of(client)[0]
        timer = threading.Timer(0.2, kill, [first])
        timer.start()
        assert engine.map(slow, handles) == expected
        timer.join()
        assert first not in alive([first])
        assert engine.map(slow, handles) == expected


def test_a_fit_goes_on_when_workers_are_killed():
    expected = fit_on(Threads(), PARTS)
    killed = []
    with cluster_of() as (_, client):

        def watch(record):
            if record.step in (1, 3):
                killed.append(processes_of(client)[-1])
                kill(killed[-1])

        fit = fit_on(nd.Dask(client), PARTS, watch=watch)
    assert len(killed) == 2 and fit.steps == expected.steps
    assert np.array_equal(numbers(fit), numbers(expected))


def greedy(part):
    """A loader that takes far more memory than a worker has."""
    much = [np.ones(40_000_000) for _ in range(3)]
    time.sleep(20)
    return [loader(part), much][:1]


@pytest.mark.slow
def test_a_worker_without_memory_is_one_clear_error():
    with (
        dask.config.set({"distributed.scheduler.allowed-failures": 1}),
        cluster_of(memory_limit="400MB") as (_, client),
    ):
        with pytest.raises(
            nd.EngineError, match=r"killed 2 times .* ran out of memory: give workers more memory"
        ) as seen:
            nd.Dask(client).load(PARTS[:2], greedy)
        assert "\n" not in str(seen.value)


def without_memory(part):
    raise MemoryError("Unable to allocate 3 TiB")


def test_memory_that_cannot_be_had_is_the_same_kind_of_error(dask_client):
    with pytest.raises(nd.EngineError, match=r"no memory left \(Unable to allocate 3 TiB\): give workers more memory"):
        nd.Dask(dask_client).load(PARTS[:2], without_memory)


def without_a_library(part):
    import no_such_library  # noqa: F401


def test_a_library_that_workers_lack_is_named(dask_client):
    with pytest.raises(nd.EngineError, match="worker cannot import no_such_library: install there what is installed"):
        nd.Dask(dask_client).load(PARTS[:2], without_a_library)


def test_a_cluster_that_is_closed_under_a_fit_is_one_clear_error():
    with cluster_of() as (cluster, client):

        def watch(record):
            cluster.close()

        with pytest.raises(
            nd.EngineError, match="closed, or its scheduler lost, and the rows with it: start it"
        ) as seen:
            fit_on(nd.Dask(client), PARTS, watch=watch)
        assert "\n" not in str(seen.value)


def test_a_cluster_that_is_closed_in_a_pass_is_one_clear_error():
    with cluster_of() as (cluster, client):
        engine = nd.Dask(client)
        handles = engine.load(PARTS, loader)
        timer = threading.Timer(0.2, cluster.close)
        timer.start()
        with pytest.raises(nd.EngineError, match="closed, or its scheduler lost, and the rows with it: start it"):
            engine.map(slow, handles)
        timer.join()


def test_rows_of_a_client_that_was_closed_are_missed_in_words():
    with cluster_of(workers=1) as (_, client):
        engine = nd.Dask(client)
        handles = engine.load(PARTS[:2], loader)
        client.close()
        for ask in (lambda: engine.map(slow, handles), lambda: handles[0], lambda: engine.load(PARTS[:2], loader)):
            with pytest.raises(nd.EngineError, match="closed, or its scheduler lost"):
                ask()
        with pytest.raises(nd.EngineError, match="the Dask client is closed; start one"):
            nd.Dask(client)


def pause(dask_worker):
    dask_worker.status = distributed.Status.paused


def test_workers_that_all_stand_still_are_not_waited_for(monkeypatch):
    monkeypatch.setattr("nelder.engines.dask.PATIENCE", 1)
    monkeypatch.setattr("nelder.engines.dask.LOOK", 0.2)
    with cluster_of(memory_limit=0) as (_, client):
        engine = nd.Dask(client)
        handles = engine.load(PARTS[:2], loader)
        client.run(pause)
        with pytest.raises(nd.EngineError, match="all Dask workers have stopped working, because their memory is full"):
            engine.map(slow, handles)


def test_a_cluster_without_workers_is_not_waited_for(monkeypatch):
    monkeypatch.setattr("nelder.engines.dask.PATIENCE", 1)
    monkeypatch.setattr("nelder.engines.dask.LOOK", 0.2)
    with cluster_of(workers=0) as (_, client), pytest.raises(nd.EngineError, match="has no workers: start some"):
        nd.Dask(client).load(PARTS, loader)


def changing(part):
    """A loader of a file that another process writes to: a worker that has not read it before finds fewer rows."""
    import distributed

    return [block.rows(slice(0, 100 + 50 * (distributed.get_worker().name == "old"))) for block in loader(part)]


def test_data_that_change_under_a_fit_are_not_mixed():
    with cluster_of(workers=0) as (cluster, client):
        with a_worker(cluster, "old"):
            engine = nd.Dask(client)
            handles = engine.load(PARTS[:2], changing)
        with (
            a_worker(cluster, "new"),
            pytest.raises(nd.DataError, match="had 150 rows when it was first read and has 100"),
        ):
            engine.map(slow, handles)


@contextmanager
def a_worker(cluster, name):
    """A worker of its own for a cluster."""
    command = [sys.executable, "-m", "dask", "worker", cluster.scheduler_address, "--name", name]
    process = subprocess.Popen([*command, "--no-nanny", "--no-dashboard", "--nthreads", "1"], stderr=subprocess.DEVNULL)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


SCRIPT = """
import sys, time
sys.path.insert(0, {here!r})
import nelder as nd
import rows_on_engines as rows
from distributed import Client, LocalCluster

if __name__ == "__main__":
    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=":0") as cluster, Client(cluster) as client:
        print(*client.run(__import__("os").getpid).values(), flush=True)
        engine = nd.Dask()

        def watch(record):
            if record.step == 20:
                print("begun", flush=True)
            time.sleep(0.01)

        slow = nd.GradientDescent(rate=1e-9)
        fit = rows.fit_on(engine, rows.parts_of((300,) * 12), slow, watch)
        print("ended:", fit.reason, fit.converged, flush=True)
"""


@pytest.mark.parametrize("everyone", [True, False], ids=["terminal", "client"])
def test_an_interrupted_fit_ends_with_the_best_step_and_leaves_no_process(everyone, tmp_path):
    """As from a terminal, whose Ctrl-C goes to the workers too, or to the client alone."""
    script = tmp_path / "fit.py"
    script.write_text(SCRIPT.format(here=str(HERE)))
    process = subprocess.Popen(
        [sys.executable, script], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    workers = [int(each) for each in process.stdout.readline().split()]
    assert len(alive(workers)) == 2 and process.stdout.readline() == "begun\n"
    (os.killpg if everyone else os.kill)(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    assert out == "ended: interrupted False\n"
    assert not alive(workers)
