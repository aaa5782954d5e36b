"""What is particular to Spark; what holds on every cluster is in test_clusters."""

import gc
import os
import sys
from contextlib import nullcontext
from types import SimpleNamespace

import cloudpickle
import numpy as np
import pandas as pd
import pytest
from rows_on_engines import loader, numbers, parts_of, wait_for

import nelder as nd
from nelder.design import Block
from nelder.engines.spark_jobs import Jobs
from nelder.sources.spark_frames import SparkSource

pytest.importorskip("pyspark")
cloudpickle.register_pickle_by_value(sys.modules[__name__])

SIZES = (700, 0, 900)


@pytest.fixture
def engine(spark_session):
    return nd.Spark(spark_session)


def test_blocks_are_kept_by_spark_as_long_as_somebody_can_ask_for_them(engine):
    kept = engine.session.sparkContext._jsc.getPersistentRDDs
    gc.collect()
    before = set(kept())  # of tests before this one, which something may still hold
    handles = engine.load(parts_of(SIZES), loader)
    derived = engine.derive(Block.select, handles, np.array([0, 1]))
    assert len(set(kept()) - before) == 2 and len(derived) == 2
    del handles, derived
    wait_for(lambda: not set(kept()) - before)


def files_of(blocks):
    """The files that workers have written for blocks which have been asked, here or before."""
    return [path for folder in blocks.seen.folders for path in folder.glob(f"{blocks.files.token}-*")]


def test_blocks_are_in_files_of_the_executor_and_spark_keeps_tickets(engine):
    kept = {info.id(): info for info in engine.jobs.context._jsc.sc().getRDDStorageInfo()}
    handles = engine.load(parts_of((40_000, 30_000)), loader)
    derived = engine.derive(Block.select, handles, np.array([0, 1]))
    engine.map(lambda block: block.n, derived)
    for info in engine.jobs.context._jsc.sc().getRDDStorageInfo():
        assert info.id() in kept or info.memSize() + info.diskSize() < 5000
    loaded = files_of(handles)
    assert len(loaded) == len(files_of(derived)) == 2
    assert sum(path.stat().st_size for path in loaded) > 70_000 * 8 * 5
    folders = handles.seen.folders | derived.seen.folders
    tokens = [blocks.files.token for blocks in (handles, derived)]
    del handles, derived
    gc.collect()
    wait_for(lambda: not [path for folder in folders for token in tokens for path in folder.glob(f"{token}*")])


def test_files_of_which_nobody_here_knows_the_folder_are_removed_by_the_executors(engine):
    handles = engine.load(parts_of(SIZES), loader)
    files = files_of(handles)
    assert len(files) == 2
    handles.seen.whole = False  # as after Ctrl-C
    handles.seen.folders.clear()
    del handles
    gc.collect()
    wait_for(lambda: not any(path.exists() for path in files))


def sums(block):
    return block.y.sum(), block.X.sum() if hasattr(block, "X") else block.dense().sum()


@pytest.mark.parametrize("form", ["loaded", "held", "derived", "derived of lost ones"])
def test_a_block_that_an_executor_does_not_have_is_made_there(form, engine):
    parts = parts_of((300, 500, 200))
    blocks = [block for part in parts for block in loader(part)]
    base = engine.hold(blocks) if form == "held" else engine.load(parts, loader)
    columns = np.arange(6)
    handles = engine.derive(Block.select, base, columns) if "derived" in form else base
    reference = engine.map(sums, handles)
    assert reference == [sums(block) for block in blocks]
    for path in files_of(handles)[:2]:
        path.unlink()
    if form == "derived of lost ones":
        for path in files_of(base):
            path.unlink()
    assert engine.map(sums, handles) == reference
    assert len(files_of(handles)) == 3
    assert engine.map(sums, handles) == reference


def test_blocks_derived_of_those_that_were_lost_meanwhile_are_made_too(engine):
    base = engine.load(parts_of((300, 500)), loader)
    derived = engine.derive(Block.select, base, np.array([0, 1]))
    for path in files_of(base):
        path.unlink()
    assert engine.map(lambda block: (block.n, block.p), derived) == [(300, 2), (500, 2)]
    assert derived.counts == [300, 500] and derived[0].n == 300


def test_a_file_that_is_cut_short_is_not_read(engine):
    handles = engine.load(parts_of((40_000,)), loader)
    reference = engine.map(sums, handles)
    (path,) = files_of(handles)
    path.write_bytes(path.read_bytes()[:100_000])
    assert engine.map(sums, handles) == reference


def test_a_worker_serves_many_passes(engine):
    handles = engine.load(parts_of(SIZES), loader)
    workers = {worker for _ in range(6) for worker in engine.map(lambda block: os.getpid(), handles)}
    assert len(workers) <= 3


def unsteady(part):
    (block,) = loader(part)
    return [Block(block.parts, 6, np.random.default_rng().normal(size=block.n), block.weight, block.offset)]


def test_rows_that_are_others_when_they_are_read_again_are_refused(engine):
    handles = engine.load(parts_of((300, 200)), unsteady)
    handles.records.unpersist(blocking=True)  # as if executors were lost
    with pytest.raises(nd.DataError, match="rows of partition 0 are others than when they were first read"):
        engine.map(lambda block: block.n, handles)


CLOSED = "Job aborted due to stage failure: Lost task 0.0 in stage 5.0\nCaused by: java.io.IOException: Stream closed"


@pytest.mark.parametrize(
    ("master", "said", "answered"),
    [
        ("local[1]", [CLOSED, CLOSED], True),
        ("local[1]", [CLOSED] * 3, False),
        ("local[1]", ["Job 4 cancelled part of cancelled job group"], False),
        ("spark://host", [CLOSED], False),
    ],
)
def test_a_task_that_fails_on_this_machine_is_tried_again_whatever_spark_calls_it(master, said, answered):
    left = list(said)

    def run(records, work, places):
        if left:
            raise RuntimeError(left.pop(0))
        return places

    jobs, records = Jobs(SimpleNamespace(master=master, runJob=run)), SimpleNamespace(getNumPartitions=lambda: 2)
    with nullcontext() if answered else pytest.raises(RuntimeError, match=r"cancelled|closed"):
        assert jobs.ran(records) == [0, 1]
    assert not left


def test_a_mistake_says_where_it_was_made(engine):
    with pytest.raises(ZeroDivisionError) as caught:
        engine.map(lambda part: 1 / part, [1, 0])
    assert "in a worker of Spark" in caught.value.__notes__[0]


def test_what_spark_says_becomes_a_sentence(engine):
    with pytest.raises(nd.EngineError, match=r"^Spark could not finish: .*DIVIDE_BY_ZERO") as caught:
        engine.jobs.run(lambda: engine.session.sql("select raise_error('DIVIDE_BY_ZERO') as x").collect())
    assert len(str(caught.value)) < 500 and "\n" not in str(caught.value)


def test_a_session_that_is_not_there_is_missed_in_words(spark_session, monkeypatch):
    from pyspark.sql import SparkSession

    with pytest.raises(nd.InputTypeError, match=r"nd\.Spark takes a pyspark\.sql\.SparkSession or None, not int"):
        nd.Spark(3)
    assert nd.Spark().session is spark_session
    monkeypatch.setattr(SparkSession, "getActiveSession", lambda: None)
    with pytest.raises(nd.EngineError, match=r"this process has no Spark session; start one, such as: from pyspark"):
        nd.Spark()
    monkeypatch.setenv("PATH", "")
    monkeypatch.delenv("JAVA_HOME", raising=False)
    with pytest.raises(nd.EngineError, match="Spark needs Java 17 or newer, and there is none here: install it"):
        nd.Spark()
    monkeypatch.setitem(sys.modules, "pyspark.sql", None)
    with pytest.raises(nd.MissingExtraError, match=r"engine='spark' needs PySpark: pip install 'nelder\[spark\]'"):
        nd.Spark()


@pytest.fixture(scope="module")
def claims():
    """A table with a factor, a name with a dot, weights, missing values and a column that nobody asks for."""
    random, n = np.random.default_rng(8), 3000
    table = pd.DataFrame({"x": random.normal(size=n), "area": random.choice(list("abcd"), n), "no.": range(n)})
    table["weight"], table["group"] = random.uniform(0.5, 2, n), random.integers(0, 30, n)
    table["y"] = random.poisson(np.exp(0.4 * table.x + (table.area == "b")))
    table.loc[7, "x"] = np.nan
    return table


@pytest.fixture(scope="module")
def files(claims, tmp_path_factory):
    path = tmp_path_factory.mktemp("claims") / "claims.parquet"
    claims.to_parquet(path, row_group_size=800)
    return path


FORMULA = "y ~ x + area + `no.`"


@pytest.mark.parametrize("name", ["spark", "threads"])
def test_a_spark_table_is_fitted_as_any_other(name, spark_session, claims, files):
    table = spark_session.read.parquet(str(files)).repartition(3)
    reference = nd.glm(FORMULA, claims, "poisson", weights="weight")
    fit = nd.glm(FORMULA, table, "poisson", weights="weight", engine=name)
    assert numbers(fit) == pytest.approx(numbers(reference), rel=1e-11)
    assert fit.notes == reference.notes and fit.statistics.n == 2999


def test_partitions_of_a_table_that_an_executor_does_not_have_are_read_again(spark_session, claims, files):
    table = spark_session.read.parquet(str(files)).repartition(3)
    fit = nd.glm(FORMULA, table, "poisson", engine="spark")
    before = fit.objective.slope(np.asarray(fit.coef)).gradient
    for path in files_of(fit.objective.design.handles):
        path.unlink()
    assert np.array_equal(fit.objective.slope(np.asarray(fit.coef)).gradient, before)


def test_a_spark_table_gives_the_columns_that_are_asked_for(spark_session, claims):
    table = spark_session.createDataFrame(
        [(1, 2.5, "a", True, None, [1]), (None, 3.5, None, False, None, [2])],
        "whole int, number double, label string, yes boolean, nothing string, list array<int>",
    )
    source = SparkSource(table.coalesce(1))
    (chunk,) = source.chunks(("whole", "number", "label", "yes", "nothing"))
    assert chunk["number"].values.tolist() == [2.5, 3.5] and chunk["yes"].kind == "b"
    assert chunk["whole"].missing.tolist() == [False, True] == chunk["label"].missing.tolist()
    assert chunk["nothing"].missing.all()
    with pytest.raises(nd.InputTypeError, match=r"column 'list' holds array<int>"):
        list(source.chunks(("list",)))
    with pytest.raises(nd.CapabilityError, match=r"are read by Spark: use engine=nd\.Spark\(\)"):
        cloudpickle.dumps(source.partitions[0])


@pytest.mark.parametrize("name", ["spark", "threads"])
def test_a_spark_table_without_rows_has_none_to_fit(name, spark_session, files):
    table = spark_session.read.parquet(str(files)).repartition(3)
    with pytest.raises(nd.DataError, match="there are no rows to fit: the table is empty"):
        nd.glm(FORMULA, table.filter("x > 1000"), "poisson", engine=name)
    few = table.filter("`no.` < 40")  # whose partitions may be empty
    assert nd.glm("y ~ x", few, "poisson", engine=name).statistics.n == 39


def test_errors_in_a_spark_table_name_the_partition(spark_session, files):
    table = spark_session.read.parquet(str(files)).selectExpr("x", "y - 1 as y")
    with pytest.raises(nd.SupportError, match=r"^partition 0: .*row"):
        nd.glm("y ~ x", table, "poisson", engine="spark")


def test_what_follows_a_fit_has_the_same_digits(engine, claims, files):
    fit, here = (nd.glm("y ~ x + area", str(files), "poisson", engine=each) for each in (engine, "threads"))
    for each in ("HC0", "HC3", nd.Clustered("group")):
        np.testing.assert_allclose(fit.with_covariance(each).se, here.with_covariance(each).se, rtol=1e-11)
    for door in ("wald_test", "score_test", "likelihood_ratio"):
        assert str(getattr(fit, door)("x = 0")) == str(getattr(here, door)("x = 0"))
    assert str(fit.check()) == str(here.check()) and str(fit.calibration()) == str(here.calibration())
    np.testing.assert_allclose(fit.residuals("deviance"), here.residuals("deviance"), rtol=1e-11)
    np.testing.assert_allclose(fit.predict(), here.predict(), rtol=1e-11)
    assert str(fit.slopes()) == str(here.slopes()) and str(fit.emmeans("area")) == str(here.emmeans("area"))


def test_clusters_of_a_table_whose_rows_have_no_order_are_refused(spark_session, claims, files):
    """Spark deals rows out anew when fewer columns are asked for."""
    dealt = spark_session.read.parquet(str(files)).repartition(5)
    here = nd.glm("y ~ x", str(files), "poisson", compress=False).with_covariance(nd.Clustered("group")).se
    for name in ("spark", "threads"):
        fit = nd.glm("y ~ x", dealt, "poisson", engine=name, compress=False)
        try:
            found = fit.with_covariance(nd.Clustered("group")).se
        except nd.DataError as refusal:
            assert "not in their order" in str(refusal)
        else:
            np.testing.assert_allclose(found, here, rtol=1e-9)


@pytest.mark.parametrize("form", ["files", "table"])
def test_columns_do_not_leave_to_be_learned_from(form, spark_session, files):
    guarded = nd.Spark(spark_session, rows_stay=True)
    data = str(files) if form == "files" else spark_session.read.parquet(str(files)).repartition(3)
    with pytest.raises(
        nd.CapabilityError, match=r"rows_stay=True: bs\(x, df=4\) is learned from values of single rows"
    ):
        nd.glm("y ~ bs(x, df=4)", data, "poisson", engine=guarded)
    with pytest.raises(nd.CapabilityError, match=r"a column of .* rows stays in its partition; engine=nd\.Spark\("):
        nd.glm("y ~ C(x)", data, "poisson", engine=guarded)
