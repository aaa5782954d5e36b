"""Fits on a Dask cluster are those of this process, digit for digit."""

import sys

import cloudpickle
import numpy as np
import pytest
from rows_on_engines import BETA, SIZES, fit_on, loader, numbers, objective_on, parts_of

import nelder as nd
from nelder.design import Block
from nelder.engines import Threads
from nelder.engines.dask import shares
from nelder.engines.remote import Held
from nelder.kernels import block_kernel
from nelder.parts import Dense

cloudpickle.register_pickle_by_value(sys.modules[__name__])

PAIRS = [
    ("gaussian", "identity"),
    ("poisson", "log"),
    ("binomial", "logit"),
    ("binomial", "cloglog"),
    ("gamma", "log"),
    ("gamma", "inverse"),
    ("inverse_gaussian", "log"),
    ("poisson", "identity"),
    ("quasipoisson", "log"),
]
SEARCHES = {("inverse_gaussian", "log")}  # among rows, for a start


@pytest.fixture
def engine(dask_client):
    return nd.Dask(dask_client)


@pytest.fixture
def guarded(dask_client):
    return nd.Dask(dask_client, rows_stay=True)


def same(fit, reference):
    assert fit.steps == reference.steps and fit.reason == reference.reason
    assert numbers(fit) == pytest.approx(numbers(reference), rel=1e-12, nan_ok=True)


@pytest.mark.parametrize("pair", PAIRS, ids="-".join)
def test_a_fit_is_that_of_threads_and_no_row_leaves(pair, guarded, engine):
    parts = parts_of(SIZES, *pair)
    same(fit_on(engine if pair in SEARCHES else guarded, parts), fit_on(Threads(), parts))


@pytest.mark.parametrize("solver", ["newton", "irls", "lbfgs", "sampled_newton", nd.GradientDescent(epochs=9)])
def test_every_solver_works_where_the_rows_are(solver, guarded):
    same(fit_on(guarded, parts_of(), solver), fit_on(Threads(), parts_of(), solver))


@pytest.mark.slow
@pytest.mark.parametrize("family", ["negative_binomial", "tweedie"])
def test_shapes_are_estimated_where_the_rows_are(family, guarded):
    parts = parts_of((400, 300), family)
    same(fit_on(guarded, parts), fit_on(Threads(), parts))


def test_many_rows_begin_with_a_sample_of_them(guarded):
    parts = parts_of((20_000, 30_000, 10_000))
    fit = fit_on(guarded, parts)
    assert fit.solved.solver == "sampled_newton"
    same(fit, fit_on(Threads(), parts))


def test_the_number_of_workers_changes_no_digit(dask_client):
    from distributed import Client, LocalCluster

    parts = parts_of((300,) * 9)
    several = numbers(fit_on(nd.Dask(dask_client), parts))
    with (
        LocalCluster(n_workers=1, threads_per_worker=3, processes=False, dashboard_address=":0") as cluster,
        Client(cluster, set_as_default=False) as client,
    ):
        assert np.array_equal(numbers(fit_on(nd.Dask(client), parts)), several)


def test_data_of_this_process_are_fitted_there_too(engine):
    from nelder.fitting import Model, fit_rows
    from nelder.model import resolve_model
    from nelder.observations import observe
    from nelder.trace import Recorder

    block = loader(parts_of((3000,))[0])[0]
    terms = nd.glm_fit(block.dense(), block.y, "poisson").terms
    rows = np.arange(block.n)
    seen = observe(nd.Poisson(), [block.y], None, np.zeros(block.n), rows)
    model: Model = resolve_model("poisson", None, "auto", "unpenalised", engine)
    fit = fit_rows(model, (Dense(np.arange(6), block.dense()),), seen, terms, Recorder(()))
    assert numbers(fit) == pytest.approx(numbers(nd.glm_fit(block.dense(), block.y, "poisson")), rel=1e-12)


def separated(part):
    (block,) = loader(part)
    level = block.parts[1].codes == 3
    return [Block(block.parts, 6, np.where(level, 0.0, block.y), block.weight, block.offset)]


def test_separation_is_found_by_bringing_rows_here(engine):
    parts = parts_of((300, 200), "binomial", "logit")
    fit, reference = (fit_on(each, parts, load=separated) for each in (engine, Threads()))
    assert fit.coef["group[4]"] == -np.inf == reference.coef["group[4]"]
    assert fit.deviance == reference.deviance and np.array_equal(fit.se, reference.se, equal_nan=True)


def test_separation_cannot_be_told_where_rows_stay(guarded):
    with pytest.raises(nd.CapabilityError, match="rows_stay=True: this looks at single rows"):
        fit_on(guarded, parts_of((300, 200), "binomial", "logit"), load=separated)


def aliased(part):
    (block,) = loader(part)
    X = block.parts[0].X.copy()
    X[:, 2] = 2 * X[:, 0] - X[:, 1]
    return [Block((Dense(block.parts[0].columns, X), block.parts[1]), 6, block.y, block.weight, block.offset)]


def test_aliased_columns_are_left_out_where_the_rows_are(guarded):
    fit, reference = (fit_on(each, parts_of((300, 200)), load=aliased) for each in (guarded, Threads()))
    assert np.isnan(fit.coef["b"]) and str(fit.warnings[0]) == str(reference.warnings[0])
    assert numbers(fit) == pytest.approx(numbers(reference), rel=1e-12, nan_ok=True)


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


def test_what_is_one_number_a_row_does_not_leave(guarded):
    objective = objective_on(guarded, parts_of())
    for kernel in (block_kernel, lambda block: block.y, lambda block: {"of": [block.parts[1].codes]}):
        with pytest.raises(nd.CapabilityError, match=r"rows_stay=True: an array of .* numbers from .* rows is no sum"):
            guarded.map(kernel, objective.design.handles)
    with pytest.raises(nd.CapabilityError, match=r"engine=nd\.Dask\(rows_stay=False\)"):
        guarded.map(lambda block: lambda: block.y, objective.design.handles)
    with pytest.raises(nd.CapabilityError):
        objective.design.handles[0]
    with pytest.raises(nd.CapabilityError):
        objective.design.handles[1:]
    assert objective.slope(BETA).gradient.shape == (6,)


def test_a_search_among_rows_says_what_to_give_instead(guarded):
    with pytest.raises(nd.CapabilityError, match=r"give the solver one, such as solver=nd\.Newton\(start="):
        fit_on(guarded, parts_of(SIZES, "inverse_gaussian", "log"))
    given = nd.Newton(start=BETA.tolist())
    assert fit_on(guarded, parts_of(SIZES, "inverse_gaussian", "log"), given).converged


def test_packs_are_one_for_each_thread_and_no_larger_than_a_share_of_memory():
    sizes = [100] * 12
    assert [len(pack) for pack in shares(range(12), sizes, {"nthreads": 3, "memory_limit": 10**6})] == [4, 4, 4]
    assert [len(pack) for pack in shares(range(12), sizes, {"nthreads": 1, "memory_limit": 1600})] == [2] * 6
    assert shares([3], [10] * 4, None) == [[3]]


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


def wait_for(met, seconds=10):
    import time

    end = time.monotonic() + seconds
    while not met() and time.monotonic() < end:
        time.sleep(0.05)
    assert met()


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
