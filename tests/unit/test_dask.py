"""What is particular to Dask; what holds on every cluster is in test_clusters."""

import sys

import cloudpickle
import numpy as np
import pytest
from rows_on_engines import fit_on, loader, numbers, parts_of, wait_for

import nelder as nd
from nelder.engines import merge
from nelder.engines.dask import shares, stretch
from nelder.engines.remote import Held

cloudpickle.register_pickle_by_value(sys.modules[__name__])


@pytest.fixture
def engine(dask_client):
    return nd.Dask(dask_client)


def test_the_number_of_workers_changes_no_digit(dask_client):
    from distributed import Client, LocalCluster

    parts = parts_of((300,) * 9)
    several = numbers(fit_on(nd.Dask(dask_client), parts))
    with (
        LocalCluster(n_workers=1, threads_per_worker=3, processes=False, dashboard_address=":0") as cluster,
        Client(cluster, set_as_default=False) as client,
    ):
        assert np.array_equal(numbers(fit_on(nd.Dask(client), parts)), several)


def test_a_client_that_is_not_there_is_missed_in_words(monkeypatch):
    with pytest.raises(nd.EngineError, match=r"this process has no Dask client; start one.*Client\(\)"):
        nd.Dask()
    with pytest.raises(nd.InputTypeError, match=r"takes a distributed\.Client, an address or None, not int"):
        nd.Dask(3)
    monkeypatch.setattr("nelder.engines.dask.ANSWERS", 0.5)
    with pytest.raises(nd.EngineError, match="no scheduler answers there"):
        nd.Dask("tcp://127.0.0.1:9")
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(nd.MissingExtraError, match=r"engine='dask' needs Dask: pip install 'nelder\[dask\]'"):
        nd.Dask()


def test_a_cluster_is_named_by_its_address(dask_client):
    engine = nd.Dask(dask_client.scheduler.address)
    assert engine.map(lambda part: part + 1, [1, 2]) == [2, 3]


def test_the_current_client_is_taken_by_name(dask_client):
    from nelder.model import resolve_model

    with dask_client.as_current():
        engine = resolve_model("poisson", None, "auto", "unpenalised", "dask").engine
    assert engine.client is dask_client


def test_packs_are_one_for_each_thread_and_no_larger_than_a_share_of_memory():
    sizes = [100] * 12
    assert [len(pack) for pack in shares(range(12), sizes, {"nthreads": 3, "memory_limit": 10**6})] == [4, 4, 4]
    assert [len(pack) for pack in shares(range(12), sizes, {"nthreads": 1, "memory_limit": 1600})] == [2] * 6
    assert shares([3], [10] * 4, None) == [[3]]


@pytest.mark.parametrize(
    ("parts", "threads", "size"),
    [(0, 2, 1), (30, 2, 1), (2_047, 2, 1), (2_048, 2, 2), (10_000, 2, 8), (10**6, 6_400, 16), (5_000, 6_400, 1)],
)
def test_many_parts_are_loaded_in_stretches(parts, threads, size):
    assert stretch(parts, {"a": {"nthreads": threads - 1}, "b": {"nthreads": 1}}) == size
    assert stretch(10, {}) == 1


def test_what_is_loaded_in_stretches_is_added_up_where_it_is(dask_client, monkeypatch):
    monkeypatch.setattr("nelder.engines.dask.TASKS", 4)
    sizes = (20,) * 64
    handles = nd.Dask(dask_client).load(parts_of(sizes), loader)
    assert [block.n for block in handles] == list(sizes) == list(handles.counts)
    assert all(places[0] % 4 == 0 and len(places) % 4 == 0 for places in handles.places)
    blocks = [block for part in parts_of(sizes) for block in loader(part)]
    assert handles.engine.total(a_third, handles) == merge(map(a_third, blocks))


def a_third(block):
    return float(block.y.sum()) / 3.0


def test_nothing_is_left_on_the_cluster(dask_client, engine):
    before = tasks_on(dask_client)
    handles = engine.load(parts_of(), loader)
    engine.map(len_of, handles)
    del handles
    wait_for(lambda: tasks_on(dask_client) <= before)


def len_of(block):
    return block.n


def tasks_on(client):
    return set(client.run_on_scheduler(nelder_tasks))


def nelder_tasks(dask_scheduler):
    return [str(key) for key in dask_scheduler.tasks if "nelder" in str(key)]


def test_nothing_is_left_on_the_cluster_by_an_error(dask_client, engine):
    before = tasks_on(dask_client)
    with pytest.raises(nd.DataError):
        engine.load(parts_of((100, -1, 100, 100)), loader)
    wait_for(lambda: tasks_on(dask_client) <= before)
    handles = engine.load(parts_of((100, 50)), loader)
    with pytest.raises(ZeroDivisionError):
        engine.map(lambda block: 1 / 0, handles)
    wait_for(lambda: {key.split("-")[1] for key in tasks_on(dask_client) - before} == {"load", "pack"})


def test_a_scheduler_is_told_the_size_of_blocks():
    from dask.sizeof import sizeof

    block = loader(parts_of((1000,))[0])[0]
    assert 1000 * 8 * 7 < sizeof(Held((block,))) < 1000 * 8 * 8
