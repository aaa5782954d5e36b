"""A Dask dataframe is fitted as the table that it is, a partition at a time."""

import numpy as np
import pandas as pd
import pytest

import nelder as nd
from nelder.sources import source_of

dd = pytest.importorskip("dask.dataframe")

FORMULA = "count ~ age + region + offset(log(years))"


@pytest.fixture(scope="module")
def table():
    random = np.random.default_rng(3)
    n = 3000
    age, region = random.uniform(18, 80, n), random.choice(["north", "east", "south"], n)
    years = random.uniform(0.1, 1.0, n)
    count = random.poisson(years * np.exp(-1.2 + 0.02 * age + 0.3 * (region == "south")))
    return pd.DataFrame({"count": count, "age": age, "region": region, "years": years, "unused": ["text"] * n})


@pytest.fixture(scope="module")
def folder(table, tmp_path_factory):
    folder = tmp_path_factory.mktemp("claims")
    for k in range(5):
        table.iloc[600 * k : 600 * (k + 1)].to_parquet(folder / f"{k}.parquet")
    return folder


@pytest.fixture(params=["files", "memory", "cluster", "derived"])
def frame(request, table, folder, dask_client):
    files = dd.read_parquet(folder)
    if request.param == "files":
        return files
    if request.param == "derived":
        return files[files.age > 0].assign(age=files.age + 0.0)
    here = dd.from_pandas(table, npartitions=5)
    return dask_client.persist(here) if request.param == "cluster" else here


@pytest.fixture(params=["threads", "dask"])
def engine(request, dask_client):
    return nd.Dask(dask_client) if request.param == "dask" else nd.Threads(2)


@pytest.mark.filterwarnings("ignore:Running on a single-machine scheduler when a distributed client is active")
def test_a_fit_is_that_of_the_table(frame, engine, table):
    fit, reference = nd.glm(FORMULA, frame, "poisson", engine=engine), nd.glm(FORMULA, table, "poisson", compress=False)
    assert np.abs((fit.coef - reference.coef) / reference.se).max() < 1e-9
    assert [fit.deviance, fit.loglik, fit.null_deviance] == pytest.approx(
        [reference.deviance, reference.loglik, reference.null_deviance], rel=1e-12
    )
    assert fit.names == reference.names and fit.statistics.n == 3000


def test_only_columns_of_the_formula_are_read(folder):
    source = source_of(dd.read_parquet(folder))
    assert source.names == ("count", "age", "region", "years", "unused") and len(source.partitions) == 5
    (chunk,) = source.partitions[1].read(["age"])
    assert list(chunk) == ["age"] and len(chunk["age"]) == 600


def test_a_partition_that_fails_is_named(table, engine):
    def broken(rows, partition_info=None):
        if partition_info and partition_info["number"] == 2:
            raise OSError("the disk is on fire")
        return rows

    frame = dd.from_pandas(table, npartitions=3).map_partitions(broken, meta=table.iloc[:0])
    with pytest.raises(nd.DataError, match=r"^partition 2 of the Dask dataframe cannot .*: OSError: the disk"):
        nd.glm(FORMULA, frame, "poisson", engine=engine)


def test_a_response_that_cannot_be_is_named_with_its_partition(table, engine):
    wrong = table.assign(count=np.where(table.index == 2500, -1, table["count"]))
    with pytest.raises(nd.SupportError, match=r"^partition 2 of the .*: poisson .* row 2500 of count has -1"):
        nd.glm(FORMULA, dd.from_pandas(wrong, npartitions=3), "poisson", engine=engine)


def test_a_column_that_is_not_there_is_named(table):
    with pytest.raises(nd.UnknownNameError, match="'ages': did you mean 'age'"):
        nd.glm("count ~ ages", dd.from_pandas(table, npartitions=3), "poisson")


def test_a_partition_of_whole_numbers_has_the_kind_of_the_others():
    rows = pd.DataFrame({"y": np.arange(90.0) % 7, "x": np.arange(90) % 3})

    def halved(part, partition_info=None):
        return part.assign(x=part.x / 2) if partition_info and partition_info["number"] else part

    frame = dd.from_pandas(rows, npartitions=3).map_partitions(halved, meta=rows.iloc[:0])
    fit, reference = (nd.glm("y ~ C(x)", each) for each in (frame, frame.compute()))
    assert fit.names == reference.names == ("Intercept", "C(x)[T.0.5]", "C(x)[T.1.0]", "C(x)[T.2.0]")
    assert np.asarray(fit.coef) == pytest.approx(np.asarray(reference.coef))


def test_two_columns_of_one_name_are_refused(table):
    twice = dd.from_pandas(table, npartitions=2).rename(columns={"unused": "age"})
    with pytest.raises(nd.DataError, match="two columns called 'age'"):
        nd.glm("count ~ age", twice, "poisson")


def test_files_are_read_by_the_workers(folder, engine, table):
    fit = nd.glm(FORMULA, str(folder), "poisson", engine=engine, compress=False)
    assert fit.deviance == pytest.approx(nd.glm(FORMULA, table, "poisson", compress=False).deviance, rel=1e-12)


def test_a_table_in_memory_is_sent_to_the_workers(table, dask_client):
    fit, reference = (nd.glm(FORMULA, table, "poisson", engine=each) for each in (nd.Dask(dask_client), "threads"))
    assert fit.deviance == reference.deviance and fit.predict()[0] == reference.predict()[0]


def test_rows_are_not_counted_here_where_they_are_elsewhere(folder, dask_client):
    engine = nd.Dask(dask_client, rows_stay=True)
    assert nd.glm("count ~ region", str(folder), "poisson", engine=engine).objective.design.rows == 3000
    with pytest.raises(nd.CapabilityError, match="engine 'dask' keeps them elsewhere; leave out compress=True"):
        nd.glm("count ~ region", str(folder), "poisson", engine=engine, compress=True)


def test_columns_do_not_leave_to_be_learned_from(folder, dask_client):
    engine = nd.Dask(dask_client, rows_stay=True)
    with pytest.raises(
        nd.CapabilityError, match=r"rows_stay=True: bs\(age, df=4\) is learned from values of single rows"
    ):
        nd.glm("count ~ bs(age, df=4)", str(folder), "poisson", engine=engine)
    learned = nd.glm("count ~ poly(age, 2)", str(folder), "poisson", engine=engine).terms.schema.states
    assert learned == nd.glm("count ~ poly(age, 2)", str(folder), "poisson").terms.schema.states
    with pytest.raises(nd.CapabilityError, match="rows_stay=True: a column of 600 rows stays in its partition"):
        nd.glm("count ~ C(age)", str(folder), "poisson", engine=engine)


@pytest.mark.parametrize("family", ["poisson", "binomial"])
def test_a_check_looks_at_what_it_can_where_rows_stay(family, folder, dask_client):
    formula = "count ~ age" if family == "poisson" else "{count > 0} ~ age"
    check = nd.glm(formula, str(folder), family, engine=nd.Dask(dask_client, rows_stay=True)).check()
    verdicts = {line.check: line.verdict for line in check.lines}
    assert "skipped" not in (verdicts["convergence"], verdicts["data"], verdicts.get("dispersion", "fine"))
    assert verdicts["influence"] == "skipped"


def test_means_deviations_and_ranges_are_learned_where_rows_stay(folder, table, dask_client):
    formula = "count ~ scale(age) + bs(years, knots=[0.5]) + region"
    fit = nd.glm(formula, str(folder), "poisson", engine=nd.Dask(dask_client, rows_stay=True))
    here = nd.glm(formula, table, "poisson", compress=False)
    assert fit.terms.schema.states == here.terms.schema.states
    assert fit.deviance == pytest.approx(here.deviance, rel=1e-12)
