"""Fits on a cluster are those of this process, digit for digit, whatever kind of cluster it is."""

import copy
import pickle
import sys

import cloudpickle
import numpy as np
import pytest
from rows_on_engines import BETA, SIZES, aliased, fit_on, loader, numbers, objective_on, parts_of, same, separated

import nelder as nd
from nelder.engines import ENGINES, Threads
from nelder.kernels import block_kernel

cloudpickle.register_pickle_by_value(sys.modules[__name__])

CLUSTERS = {"dask": "dask_client", "spark": "spark_session"}
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
SOLVERS = ["irls", "lbfgs", "sampled_newton", "newton", nd.GradientDescent(epochs=9)]
OFTEN = [*PAIRS[:2], ("binomial", "cloglog"), ("gamma", "log"), *SOLVERS[:3]]


def on_each(cases):
    """Each case on each cluster; on Spark, whose jobs take long to begin, those not in OFTEN are slow tests."""
    found = []
    for cluster in CLUSTERS:
        for case in cases:
            seldom = cluster == "spark" and case not in OFTEN
            words = "-".join(case) if isinstance(case, tuple) else getattr(case, "name", case)
            found.append(pytest.param(cluster, case, marks=[pytest.mark.slow] * seldom, id=f"{cluster}-{words}"))
    return found


seldom_on_spark = pytest.mark.parametrize(
    "make", ["dask", pytest.param("spark", marks=pytest.mark.slow)], indirect=True
)


@pytest.fixture(params=CLUSTERS)
def make(request):
    """What makes an engine of a cluster."""
    client = request.getfixturevalue(CLUSTERS[request.param])
    return lambda **options: ENGINES[request.param](client, **options)


@pytest.fixture
def engine(make):
    return make()


@pytest.fixture
def guarded(make):
    return make(rows_stay=True)


def test_every_cluster_is_tested_here():
    assert set(CLUSTERS) == set(ENGINES) - {"threads"}


@pytest.mark.parametrize(("make", "pair"), on_each(PAIRS), indirect=["make"])
def test_a_fit_is_that_of_threads_and_no_row_leaves(pair, guarded, engine):
    parts = parts_of(SIZES, *pair)
    same(fit_on(engine if pair in SEARCHES else guarded, parts), fit_on(Threads(), parts))


@pytest.mark.parametrize(("make", "solver"), on_each(SOLVERS), indirect=["make"])
def test_every_solver_works_where_the_rows_are(solver, guarded):
    same(fit_on(guarded, parts_of(), solver), fit_on(Threads(), parts_of(), solver))


@pytest.mark.slow
@pytest.mark.parametrize("family", ["negative_binomial", "tweedie"])
def test_shapes_are_estimated_where_the_rows_are(family, guarded):
    parts = parts_of((400, 300), family)
    same(fit_on(guarded, parts), fit_on(Threads(), parts))


@seldom_on_spark
def test_many_rows_begin_with_a_sample_of_them(guarded):
    parts = parts_of((20_000, 30_000, 10_000))
    fit = fit_on(guarded, parts)
    assert fit.solved.solver == "sampled_newton"
    same(fit, fit_on(Threads(), parts))


def test_data_of_this_process_are_fitted_there_too(engine):
    (block,) = loader(parts_of((3000,))[0])
    table = {"y": block.y, **{f"x{k}": column for k, column in enumerate(block.dense().T[1:])}}
    fit, reference = (nd.glm("y ~ x0 + x1 + x2", table, "poisson", engine=each) for each in (engine, "threads"))
    assert numbers(fit) == pytest.approx(numbers(reference), rel=1e-12)


def test_a_fit_and_an_engine_are_copied_here_and_not_pickled(engine):
    fit = fit_on(engine, parts_of())
    assert (copy.deepcopy(fit).covariance("HC0") == fit.covariance("HC0")).all()
    for given in (fit, engine):
        with pytest.raises(nd.CapabilityError, match=r"cannot be pickled: fit\.save\('fit\.json'\) writes"):
            pickle.dumps(given)


def test_separation_is_found_by_bringing_rows_here(engine):
    parts = parts_of((300, 200), "binomial", "logit")
    fit, reference = (fit_on(each, parts, load=separated) for each in (engine, Threads()))
    assert fit.coef["group[4]"] == -np.inf == reference.coef["group[4]"]
    assert fit.deviance == reference.deviance and np.array_equal(fit.se, reference.se, equal_nan=True)


def test_separation_cannot_be_told_where_rows_stay(guarded):
    with pytest.raises(nd.CapabilityError, match="rows_stay=True: this looks at single rows"):
        fit_on(guarded, parts_of((300, 200), "binomial", "logit"), load=separated)


def test_aliased_columns_are_left_out_where_the_rows_are(guarded):
    fit, reference = (fit_on(each, parts_of((300, 200)), load=aliased) for each in (guarded, Threads()))
    assert np.isnan(fit.coef["b"]) and str(fit.warnings[0]) == str(reference.warnings[0])
    assert numbers(fit) == pytest.approx(numbers(reference), rel=1e-12, nan_ok=True)


def test_what_is_one_number_a_row_does_not_leave(guarded):
    objective = objective_on(guarded, parts_of())
    handles, way_out = objective.design.handles, rf"engine=nd\.{type(guarded).__name__}\(rows_stay=False\)"
    for kernel in (block_kernel, lambda block: block.y, lambda block: {"of": [block.parts[1].codes]}):
        with pytest.raises(nd.CapabilityError, match=rf"rows_stay=True: an array of .* rows is no sum.*{way_out}"):
            guarded.map(kernel, handles)
    with pytest.raises(nd.CapabilityError, match=way_out):
        guarded.map(lambda block: lambda: block.y, handles)
    some = handles[1:]
    assert list(some.counts) == list(handles.counts[1:])
    for held, place in ((handles, 0), (some, 0)):
        with pytest.raises(nd.CapabilityError, match=way_out):
            held[place]
    assert objective.slope(BETA).gradient.shape == (6,)


@seldom_on_spark
def test_a_search_among_rows_says_what_to_give_instead(guarded):
    with pytest.raises(nd.CapabilityError, match=r"give the solver one, such as solver=nd\.Newton\(start="):
        fit_on(guarded, parts_of(SIZES, "inverse_gaussian", "log"))
    given = nd.Newton(start=BETA.tolist())
    assert fit_on(guarded, parts_of(SIZES, "inverse_gaussian", "log"), given).converged


@pytest.mark.parametrize("rows_stay", [True, False])
def test_gaps_of_which_a_file_says_nothing_are_found_where_the_rows_are(make, rows_stay, tmp_path):
    pa, pq = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    random, n = np.random.default_rng(4), 900
    data = {"y": random.poisson(2.0, n), "x": random.normal(size=n), "g": random.choice(["a", "b", "c"], n)}
    pq.write_table(pa.table(data), tmp_path / "whole.parquet", row_group_size=300)
    data["x"][[5, 700]] = np.nan
    pq.write_table(pa.table(data), tmp_path / "gaps.parquet", row_group_size=300)
    for path, lost in (("whole.parquet", ()), ("gaps.parquet", ("2 of 900 rows left out for missing values",))):
        there, here = (
            nd.glm("y ~ x + g", tmp_path / path, "poisson", compress=False, engine=engine)
            for engine in (make(rows_stay=rows_stay), Threads(memory=1))
        )
        assert there.notes == here.notes == lost
        assert np.array_equal(there.coef, here.coef) and np.array_equal(there.se, here.se)
        assert (there.loglik, there.null_deviance) == pytest.approx((here.loglik, here.null_deviance), rel=1e-13)
