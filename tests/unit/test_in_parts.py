"""Tables that are read in parts: the same fit, however the rows are cut and wherever they are kept."""

import copy
import os
import pickle
import signal
import subprocess
import sys
import time
import warnings
from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import nelder as nd
from nelder.engines import Handles, Spilled, ahead
from nelder.formula import parse_formula
from nelder.formula.expressions import parse
from nelder.loading import look
from nelder.loading.looking import Sought
from nelder.sources import Partition, Source, source_of
from nelder.sources.arrays import ArraysSource

pa = pytest.importorskip("pyarrow")
pq = pytest.importorskip("pyarrow.parquet")


@dataclass(frozen=True)
class Piece(Partition):
    """Some rows of arrays."""

    data: dict
    label: str
    rows: int | None

    def read(self, names):
        yield from ArraysSource(self.data).read(names)


class Pieces(Source):
    """Arrays cut at some rows, of a size that nobody knows."""

    def __init__(self, data, cuts):
        self.data = data
        self.cuts = [0, *sorted(set(cuts) - {0, rows_of(data)}), rows_of(data)]

    @classmethod
    def reads(cls, data):
        return False

    @property
    def names(self):
        return tuple(self.data)

    @property
    def partitions(self):
        ends = list(zip(self.cuts[:-1], self.cuts[1:], strict=True))
        return [Piece({k: v[a:b] for k, v in self.data.items()}, f"piece {a}", b - a) for a, b in ends]

    def read(self, names):
        for part in self.partitions:
            yield from part.read(names)


def rows_of(data):
    return len(next(iter(data.values())))


def table(n, seed=0, missing=True):
    random = np.random.default_rng(seed)
    g = random.choice(np.array(["a", "b", "c", "d"], dtype=object), n, p=[0.4, 0.3, 0.25, 0.05])
    x, z = random.normal(size=n), random.integers(0, 4, n).astype(float)
    exposure = random.uniform(0.5, 2.0, n)
    mean = exposure * np.exp(0.3 * x + 0.1 * z - 0.5 * (g == "b"))
    data = {
        "y": random.poisson(mean).astype(float),
        "b": (random.random(n) < 1 / (1 + np.exp(-0.5 * x))).astype(float),
        "t": random.gamma(3.0, mean / 3.0),
        "x": x,
        "z": z,
        "g": g,
        "era": z - random.choice([0.0, 1.0, 2.0, 5.0], n),
        "exposure": exposure,
        "w": random.integers(0, 3, n).astype(float),
        "cluster": random.integers(0, 12, n).astype(float),
    }
    if missing:
        data["x"][random.integers(0, n, n // 50)] = np.nan
        data["g"][random.integers(1, n, n // 50)] = None
    return data


CASES = {
    "factors and an exposure": ("y ~ x + g + C(z) + offset(log(exposure))", {"family": "poisson"}),
    "splines and polynomials": ("y ~ bs(x, df=5)*g + poly(z, 2)", {"family": "poisson"}),
    "scaled by all rows": ("y ~ scale(x) + center(z)", {"family": "poisson"}),
    "a level in a comparison": ("y ~ x*{g == 'd'}", {"family": "poisson"}),
    "a shape": ("y ~ x + g", {"family": "negative_binomial"}),
    "prior weights": ("b ~ x + g", {"family": "binomial", "weights": "w"}),
    "frequencies": ("b ~ x + g", {"family": "binomial", "weights": nd.frequency("w")}),
    "a sample": ("b ~ x + g", {"family": "binomial", "weights": nd.sampling("w")}),
    "successes and failures": ("cbind(y, w) ~ x + g", {"family": "binomial"}),
    "a learned response": ("scale(t) ~ x + g", {"family": "gaussian"}),
    "gamma with a link": ("t ~ x + g", {"family": "gamma", "link": "log"}),
    "least squares": ("t ~ x + g", {"family": "gaussian"}),
    "quasi-Newton": ("y ~ x + g", {"family": "poisson", "solver": "lbfgs"}),
    "gradient descent": ("y ~ x", {"family": "poisson", "solver": nd.GradientDescent(epochs=30)}),
    "a ridge": ("y ~ x + g", {"family": "poisson", "penalty": nd.Ridge(1.0)}),
    "smaller bias": ("b ~ x + g", {"family": "binomial", "penalty": "firth"}),
    "an alias": ("y ~ x + {2*x} + g", {"family": "poisson"}),
    "a column of zeros": ("y ~ x + {0*x} + g", {"family": "poisson"}),
    "a factor of two columns that are factors": ("y ~ C(z) + C(era) + C(era - z)", {"family": "poisson"}),
    "a factor of two columns, levels of which no row has": (
        "y ~ C(z):C(floor((era - z) / 3)) + g",
        {"family": "poisson"},
    ),
}


def fitted(formula, data, options):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", nd.NelderWarning)
        return nd.glm(formula, data, **options)


def assert_same(one, other, rtol=1e-11):
    assert one.names == other.names
    scale = np.where(np.asarray(one.se) > 0, one.se, 1.0)
    np.testing.assert_array_less(np.nan_to_num(np.abs(np.asarray(one.coef) - np.asarray(other.coef)) / scale), 1e-9)
    np.testing.assert_allclose(np.asarray(one.se), np.asarray(other.se), rtol=1e-9)
    for number in ("deviance", "null_deviance", "loglik", "dispersion", "df_resid", "aic"):
        np.testing.assert_allclose(getattr(one, number), getattr(other, number), rtol=rtol, err_msg=number)
    assert one.notes == other.notes
    assert [str(each) for each in one.warnings] == [str(each) for each in other.warnings]


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("memory", [None, 1], ids=["held", "spilled"])
def test_a_table_read_in_parts_gives_the_fit_of_the_table_in_memory(case, memory):
    formula, options = CASES[case]
    data = table(3_000)
    whole = fitted(formula, data, {**options, "compress": False})
    parts = fitted(formula, Pieces(data, [10, 11, 1_000, 2_500]), {**options, "engine": nd.Threads(memory=memory)})
    assert isinstance(parts.objective.design.handles, Handles) == (memory == 1)
    assert_same(whole, parts)


KINDS = {
    "nothing missing": (False, {}),
    "nulls, which the footers count": (True, {"from_pandas": True}),
    "nan, of which the footers say nothing": (True, {}),
}


def in_files(data, folder, step=700, **options):
    """The columns as Parquet files, with several row groups each."""
    for first in range(0, rows_of(data), step):
        rows = {name: pa.array(values[first : first + step], **options) for name, values in data.items()}
        pq.write_table(pa.table(rows), folder / f"{first:06}.parquet", row_group_size=300)
    return folder


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("kind", KINDS)
def test_files_whose_numbers_need_no_look_give_the_fit_of_the_table_in_memory(case, kind, tmp_path):
    (formula, options), (missing, written) = CASES[case], KINDS[kind]
    data = table(3_000, missing=missing)
    options = {**options, "compress": False}
    parts = fitted(formula, in_files(data, tmp_path, **written), {**options, "engine": nd.Threads(memory=1)})
    assert_same(fitted(formula, data, options), parts)


def test_only_numbers_that_may_be_learned_without_a_look_are_presumed_to_be_whole(tmp_path):
    data = table(500)
    data["whole"], data["count"] = np.arange(500.0), np.arange(500)
    source = source_of(in_files(data, tmp_path, from_pandas=True))
    assert source.gapless(("x", "z", "g", "whole", "count", "y")) == dict(z="f", whole="f", count="i", y="f")
    without = tmp_path / "without"
    without.mkdir()
    pq.write_table(pa.table({"z": data["z"]}), without / "a.parquet", write_statistics=False)
    assert source_of(without).gapless(("z",)) == {}
    pq.write_table(pa.table({"z": pa.array([None, 1.0])}), without / "b.parquet")
    pq.write_table(pa.table({"z": data["z"]}), without / "a.parquet")
    assert source_of(without).gapless(("z",)) == {}


def test_a_level_of_incomplete_rows_alone_is_no_level(tmp_path):
    data = {"y": np.arange(1.0, 9.0), "x": np.array([1.0, 2, 1, 2, np.nan, 1, np.nan, 3]), "g": list("ababcbca")}
    fit = nd.glm("y ~ x + g", in_files(data, tmp_path, 3), "poisson", compress=False, engine=nd.Threads(memory=1))
    assert fit.names == ("Intercept", "x", "g[T.b]")
    assert fit.notes[0] == "2 of 8 rows left out for missing values"
    with pytest.raises(nd.DataError, match="'x' has missing values at rows 4, 6: fill"):
        nd.glm("y ~ x + g", tmp_path, "poisson", engine=nd.Threads(memory=1), missing="error")


def test_texts_may_have_gaps_while_numbers_have_none(tmp_path):
    data = {"y": np.arange(1.0, 9.0), "x": np.arange(8.0) ** 2, "g": ["a", "b", None, "b", "a", "b", None, "a"]}
    path = in_files(data, tmp_path, 3)
    fit = nd.glm("y ~ x + g", path, "poisson", compress=False, engine=nd.Threads(memory=1))
    assert_same(nd.glm("y ~ x + g", data, "poisson", compress=False), fit)
    assert fit.notes[0] == "2 of 8 rows left out for missing values"
    with pytest.raises(nd.DataError, match="'g' has missing values at rows 2, 6: fill"):
        nd.glm("y ~ x + g", path, "poisson", engine=nd.Threads(memory=1), missing="error")


@settings(max_examples=25, deadline=None)
@given(cuts=st.lists(st.integers(1, 399), max_size=6), seed=st.integers(0, 5))
def test_where_the_rows_are_cut_changes_nothing(cuts, seed):
    data = table(400, seed)
    formula, options = "y ~ bs(x, df=4) + g + offset(log(exposure))", {"family": "poisson"}
    whole = fitted(formula, data, {**options, "compress": False})
    assert_same(whole, fitted(formula, Pieces(data, cuts), {**options, "engine": nd.Threads(memory=1)}))


def test_many_rows_are_led_by_a_sample_from_the_file_too():
    data = table(150_000, missing=False)
    whole = nd.glm("y ~ x + z + g", data, "poisson", compress=False)
    parts = nd.glm("y ~ x + z + g", Pieces(data, range(0, 150_000, 40_000)), "poisson", engine=nd.Threads(memory="1MB"))
    assert parts.solved.solver == whole.solved.solver == "sampled_newton"
    assert_same(whole, parts, 1e-10)


READERS = {
    "HC0": lambda fit: fit.covariance("HC0"),
    "HC3": lambda fit: fit.covariance("HC3"),
    "clusters": lambda fit: fit.with_covariance(nd.Clustered("cluster")).se,
    "residuals": lambda fit: fit.residuals("deviance"),
    "quantile residuals": lambda fit: fit.residuals("quantile", seed=1),
    "check": lambda fit: str(fit.check()),
    "influence": lambda fit: fit.influence().cook,
    "anova": lambda fit: str(fit.anova()),
    "drop1": lambda fit: str(fit.drop1()),
    "add1": lambda fit: str(fit.add1("z")),
    "step": lambda fit: str(fit.step()),
    "likelihood ratio": lambda fit: str(fit.likelihood_ratio("x = 0")),
    "score": lambda fit: str(fit.score_test("x = 0")),
    "Wald": lambda fit: str(fit.wald_test("x = 0")),
    "profile": lambda fit: str(fit.confint(kind="profile")),
    "predict": lambda fit: fit.predict({"x": [0.5], "g": ["b"]}),
    "fitted": lambda fit: fit.fitted,
    "calibration": lambda fit: str(fit.calibration()),
    "slopes": lambda fit: str(fit.slopes("x")),
    "marginal means": lambda fit: str(fit.emmeans("g")),
    "cross-validation": lambda fit: str(fit.cross_validate(folds=3)),
    "bootstrap": lambda fit: str(fit.bootstrap(10, seed=1)),
    "explain": lambda fit: str(fit.explain()),
    "update": lambda fit: str(fit.update(formula="y ~ x + cluster").coef),
    "augment": lambda fit: str(fit.augment()),
    "simulate": lambda fit: fit.simulate(2, seed=1),
    "goodness of fit": lambda fit: str(fit.goodness_of_fit()),
    "summary": lambda fit: str(fit.summary()),
}


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    """The same fit of a table in memory and of a folder of Parquet files, spilled."""
    data = table(2_000)
    path = tmp_path_factory.mktemp("parts")
    for first in range(0, 2_000, 300):
        rows = {name: pa.array(values[first : first + 300], from_pandas=True) for name, values in data.items()}
        pq.write_table(pa.table(rows), path / f"{first:04}.parquet")
    return (
        nd.glm("y ~ x + g", data, "poisson", compress=False),
        nd.glm("y ~ x + g", path, "poisson", compress=False, engine=nd.Threads(memory=1)),
    )


@pytest.mark.parametrize("reader", READERS)
def test_what_reads_a_fit_reads_one_whose_rows_are_in_a_file(reader, pair):
    whole, parts = (READERS[reader](fit) for fit in pair)
    if isinstance(whole, str):
        assert parts == whole
    else:
        np.testing.assert_allclose(np.asarray(parts), np.asarray(whole), rtol=1e-9, atol=1e-12)


def both(formula, data, folder, **options):
    """The same fit of a table in memory, and of files, spilled."""
    whole = fitted(formula, data, {**options, "compress": False})
    return whole, fitted(
        formula, in_files(data, folder), {**options, "compress": False, "engine": nd.Threads(memory=1)}
    )


def test_rows_that_a_family_cannot_have_produced_are_counted_in_all_parts(tmp_path):
    data = {"x": np.tile([1.0, 2.0], 15), "y": np.tile([0.0, 1.0, 2.0], 10), "w": np.linspace(0.6, 1.3, 30)}
    files = in_files(data, tmp_path, 10)
    for where in ({"data": data}, {"data": files, "engine": nd.Threads(memory=1)}):
        fit = nd.glm("y ~ x", family="poisson", weights="w", compress=False, **where)
        with pytest.raises(nd.CapabilityError, match="in 20 rows the response times its prior weight is no whole"):
            fit.residuals("quantile")


@pytest.mark.parametrize("reader", ["clusters", "augment", "slopes", "add1", "check", "outliers"])
def test_rows_without_a_trial_have_no_number_in_a_file_either(reader, tmp_path):
    """They have the weight zero without a weight."""
    ask = {**READERS, "outliers": lambda fit: str(fit.outliers())}[reader]
    whole, parts = both("cbind(y, w) ~ x + g", table(1_500), tmp_path, family="binomial")
    assert whole.statistics.n < 1_500 and (whole.kept.rows == parts.kept.rows).all()
    if reader in ("clusters",):
        np.testing.assert_allclose(ask(parts), ask(whole), rtol=1e-9)
    else:
        assert ask(parts) == ask(whole)


@pytest.mark.parametrize("changes", [{"formula": "y ~ x + cluster"}, {"penalty": nd.Ridge(2.0)}], ids=str)
def test_the_weights_of_a_sample_are_scaled_in_models_that_read_the_file_again(changes, tmp_path):
    whole, parts = both("y ~ x + g", table(1_500), tmp_path, family="poisson", weights=nd.sampling("exposure"))
    assert_same(whole.update(**changes), parts.update(**changes))


@pytest.mark.parametrize("family", ["negative_binomial", "inverse_gaussian"])
def test_where_rows_are_cut_changes_no_draw_of_a_bootstrap(family, tmp_path):
    """A count is drawn at a mean that is drawn before it."""
    response = "y" if family == "negative_binomial" else "t"
    whole, parts = both(f"{response} ~ x + g", table(1_500), tmp_path, family=family, link="log")
    np.testing.assert_allclose(parts.bootstrap(2, seed=1).draws, whole.bootstrap(2, seed=1).draws, rtol=1e-6)


LATER = {name: READERS[name] for name in ("clusters", "slopes", "augment", "add1", "update")} | {
    "groups": lambda fit: fit.bootstrap(5, kind="pairs", seed=1, groups="cluster"),
    "folds": lambda fit: fit.cross_validate(groups="cluster"),
    "average": lambda fit: fit.predictions(by="cluster"),
}


@pytest.mark.parametrize("parts", [True, False], ids=["in parts", "in memory"])
@pytest.mark.parametrize("reader", LATER)
def test_rows_that_come_in_another_order_later_are_noticed(reader, parts, tmp_path):
    """As those of a query without ORDER BY, or of a file written anew: clusters would be those of other rows."""
    data = table(2_000, missing=False)
    order = np.random.default_rng(3).permutation(2_000)
    if parts:
        fit = nd.glm(
            "y ~ x + g", Pieces(data, range(0, 2_000, 300)), "poisson", compress=False, engine=nd.Threads(memory=1)
        )
        LATER[reader](fit)
        for values in data.values():  # which the parts are views of
            values[:] = values[order]
    else:
        path = tmp_path / "rows.parquet"
        pq.write_table(pa.table(data), path)
        fit = nd.glm("y ~ x + g", path, "poisson", compress=False)
        LATER[reader](fit)
        pq.write_table(pa.table(data).take(order), path)
    if reader in ("slopes", "augment") and not parts:
        LATER[reader](fit)  # reads nothing again
    else:
        with pytest.raises(nd.DataError, match=r"does not give the rows|has changed since"):
            LATER[reader](fit)


@pytest.mark.parametrize("reader", ["slopes", "marginal means", "augment"])
def test_what_needs_several_columns_reads_each_part_once(reader, monkeypatch):
    data, asked = table(2_000, missing=False), []
    fit = nd.glm(
        "y ~ x + g", Pieces(data, range(0, 2_000, 300)), "poisson", compress=False, engine=nd.Threads(memory=1)
    )
    read = Piece.read
    monkeypatch.setattr(Piece, "read", lambda part, names: asked.append(part.label) or read(part, names))
    monkeypatch.setattr("nelder.inference.effects.cases.BLOCK_ROWS", 100)
    READERS[reader](fit)
    assert len(asked) == len(set(asked)) == 7


def test_other_responses_are_noticed_by_larger_models_too():
    data = table(2_000, missing=False)
    parts = Pieces(data, range(0, 2_000, 300))
    fit = nd.glm("y ~ x + g", parts, "poisson", compress=False, engine=nd.Threads(memory=1))
    data["y"][:] += 1
    for attempt in (lambda: fit.add1("z"), lambda: fit.update("y ~ x + z"), lambda: fit.update("y ~ x")):
        with pytest.raises(nd.DataError, match=r"does not give the rows|has changed since"):
            attempt()


def test_a_file_that_was_written_anew_is_noticed(tmp_path):
    data, path = table(2_000, missing=False), tmp_path / "rows.parquet"
    pq.write_table(pa.table(data), path, row_group_size=300)
    fit = nd.glm("y ~ x + g", path, "poisson", compress=False, engine=nd.Threads(memory=1))
    pq.write_table(pa.table({**data, "x": 100 * data["x"]}), path, row_group_size=300)
    with pytest.raises(nd.DataError, match=r"rows.parquet' has changed since"):
        fit.slopes()


def test_a_fit_of_distinct_rows_has_the_columns_of_its_formula_and_says_why_no_others(tmp_path):
    pytest.importorskip("duckdb")
    random = np.random.default_rng(5)
    data = {"x": random.integers(0, 4, 5_000), "g": random.choice(["a", "b", "c"], 5_000), "firm": np.arange(5_000) % 9}
    data["y"] = random.poisson(np.exp(0.2 * data["x"]))
    pq.write_table(pa.table(data), tmp_path / "rows.parquet")
    whole = nd.glm("y ~ x + g", data, "poisson")
    counted = nd.glm("y ~ x + g", tmp_path / "rows.parquet", "poisson", engine=nd.Threads(memory=1))
    assert "distinct ones" in counted.notes[0]
    for name in ("estimate", "se"):
        ours, theirs = (np.asarray(fit.predictions(by="g").table()[name]) for fit in (counted, whole))
        np.testing.assert_allclose(ours, theirs, rtol=1e-9)
    for attempt in (
        lambda: counted.with_covariance(nd.Clustered("firm")),
        lambda: counted.update("y ~ x + firm"),
        lambda: counted.predictions(by="firm"),
    ):
        with pytest.raises(nd.CapabilityError, match=r"'firm'.*distinct rows of its table.*compress=False"):
            attempt()


def test_a_fit_of_parts_is_saved_and_loaded(pair, tmp_path):
    pair[1].save(tmp_path / "fit.json")
    assert str(nd.load(tmp_path / "fit.json").summary()) == str(pair[1].summary())


def test_a_fit_of_parts_is_copied_and_not_pickled(pair):
    parts = pair[1]
    assert (copy.deepcopy([parts])[0].covariance("HC0") == parts.covariance("HC0")).all()
    assert (copy.copy(parts).covariance("HC0") == parts.covariance("HC0")).all()
    for one in (parts, parts.objective.design.handles, {"fit": parts}):
        with pytest.raises(
            nd.CapabilityError, match=r"cannot be pickled: fit\.save\('fit\.json'\) writes a fit without"
        ):
            pickle.dumps(one)
    assert (pickle.loads(pickle.dumps(pair[0])).covariance("HC0") == pair[0].covariance("HC0")).all()


def test_weights_and_offsets_that_are_arrays_are_refused_in_words():
    data = table(100, missing=False)
    for options in ({"weights": data["w"]}, {"weights": nd.frequency(data["w"])}, {"offset": data["x"]}):
        with pytest.raises(nd.CapabilityError, match=r"must be an expression .* as (weights='w'|offset='log)"):
            nd.glm("y ~ x", Pieces(data, [50]), "poisson", **options)


def test_errors_name_the_part_and_the_row_of_the_table():
    data = table(300, missing=False)
    data["y"][222] = -1.0
    with pytest.raises(nd.SupportError, match=r"piece 200: .*row 222"):
        nd.glm("y ~ x", Pieces(data, [100, 200]), "poisson")
    data["y"][222], data["x"][150] = 1.0, np.inf
    with pytest.raises(nd.DataError, match=r"piece 100: .*not finite.*row 150"):
        nd.glm("y ~ x", Pieces(data, [100, 200]), "poisson")
    with pytest.raises(nd.DataError, match="piece 0: weights are negative at"):
        nd.glm("y ~ g", Pieces(data, [100, 200]), "poisson", weights="-exposure")
    with pytest.raises(nd.UnknownNameError, match="level"):
        nd.glm("y ~ {g == 'nowhere'}", Pieces(data, [100]), "poisson")
    data["x"][[7, 250]] = np.nan
    with pytest.raises(nd.DataError, match="'x' has missing values at rows 7, 250: fill"):
        nd.glm("y ~ x", Pieces(data, [100]), "poisson", missing="error")


def test_a_column_that_is_text_in_one_part_and_numbers_in_another_is_named():
    data = table(300, missing=False)
    source = Pieces(data, [100])
    first, second = source.partitions
    mixed = Piece({**second.data, "g": second.data["x"]}, "piece 100", 200)

    class Mixed(Pieces):
        @property
        def partitions(self):
            return [first, mixed]

    with pytest.raises(nd.DataError, match="'g' is categorical in piece 0 and numeric in piece 100"):
        nd.glm("y ~ g", Mixed(data, [100]), "poisson")


def test_nothing_to_fit_is_said():
    data = table(100, missing=False)
    with pytest.raises(nd.DataError, match="all weights are zero"):
        nd.glm("y ~ x", Pieces({**data, "w": np.zeros(100)}, [50]), "poisson", weights="w")
    with pytest.raises(nd.DataError, match="of 100 rows none has a value in every column"):
        nd.glm("y ~ x", Pieces({**data, "x": np.full(100, np.nan)}, [50]), "poisson")
    with pytest.raises(nd.DataError, match="beyond what can be squared"):
        nd.glm("t ~ x", Pieces({**data, "t": np.full(100, 1e-200)}, [50]), "gaussian")


def test_a_part_of_weight_zero_and_one_without_a_complete_row_are_passed_over():
    data = table(300, missing=False)
    data["w"] = np.where(np.arange(300) < 100, 0.0, 1.0)
    data["x"][100:200] = np.nan
    whole = nd.glm("y ~ x", data, "poisson", weights="w", compress=False)
    assert_same(whole, nd.glm("y ~ x", Pieces(data, [100, 200]), "poisson", weights="w"))


def test_amounts_of_memory_are_read_and_bad_ones_refused():
    assert nd.Threads(memory="1GB").memory == 10**9
    assert nd.Threads(memory="1.5 MiB").memory == 1.5 * 2**20
    assert nd.Threads(memory=1_000).memory == 1_000
    assert nd.Threads().memory > 10**7
    for amount in ("", "GB", "-1", "1 parsec", 0, "1.2.3GB"):
        with pytest.raises(nd.InputError, match="memory="):
            nd.Threads(memory=amount)
    with pytest.raises(nd.InputTypeError, match="memory is"):
        nd.Threads(memory=[1])
    with pytest.raises(nd.InputError, match="no such folder"):
        nd.Threads(folder="/nowhere/at/all")


@dataclass(frozen=True)
class Numbers:
    """Something with rows."""

    values: np.ndarray

    @property
    def n(self):
        return len(self.values)

    def rows(self, chosen):
        return Numbers(self.values[chosen])


def test_a_store_gives_back_what_it_took_and_leaves_no_file(tmp_path):
    store = Spilled(1, str(tmp_path))
    given_ = [Numbers(np.arange(k, dtype=float)) for k in (0, 1, 10_000, 3)]
    for each in given_:
        store.add(each)
    assert store.settled() is store and list(tmp_path.iterdir()) == []
    assert list(store.counts) == [0, 1, 10_000, 3]
    for each, back in zip(given_, store, strict=True):
        np.testing.assert_array_equal(back.values, each.values)
    assert [each.n for each in store[1:3]] == [1, 10_000] and store[-1].n == 3 and store.pattern.n == 0


def test_a_full_disk_is_one_clear_error_and_leaves_nothing_behind(tmp_path):
    code = f"""
import resource, signal, numpy as np, nelder as nd
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))  # no file may be longer: as a disk that is full
import sys; sys.path.insert(0, {os.path.dirname(__file__)!r})
from test_in_parts import Pieces, table
try:
    nd.glm("y ~ x", Pieces(table(50_000), [20_000]), "poisson", engine=nd.Threads(memory=1, folder={str(tmp_path)!r}))
except nd.DataError as problem:
    print(problem)
"""
    done = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True, timeout=120)
    assert "the disk is full" in done.stdout and "nd.Threads(folder=" in done.stdout, done.stderr
    assert list(tmp_path.iterdir()) == []


def test_where_no_temporary_file_can_be_made_it_is_said(tmp_path, monkeypatch):
    pytest.importorskip("duckdb")
    path, none = in_files(table(2_000), tmp_path), "no/such/folder"
    monkeypatch.setattr("tempfile.tempdir", none)
    with pytest.raises(nd.DataError, match=r"none can be made .*No such file.*: give engine=nd\.Threads\(folder=…\)"):
        nd.glm("y ~ x", path, "poisson", compress=False, engine=nd.Threads(memory=1))
    for of in (lambda: path, lambda: nd.sql(f"select * from '{path}/*.parquet'")):
        with pytest.raises(nd.DataError, match=r"no temporary folder can be made \(No such file.*TMPDIR"):
            nd.glm("y ~ g", of(), "poisson", compress=True, engine=nd.Threads(memory=1))


@pytest.mark.parametrize("bad", [{"workers": 1.5}, {"workers": "2"}, {"workers": 0}, {"workers": True}])
def test_what_threads_cannot_be_is_refused(bad):
    with pytest.raises((nd.InputError, nd.InputTypeError), match=r"^workers=.* whole number|^workers must be a number"):
        nd.Threads(**bad)


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_a_fit_that_is_killed_leaves_no_file(how, tmp_path):
    code = f"""
import sys, numpy as np, nelder as nd, signal
signal.signal(signal.SIGINT, signal.default_int_handler)
sys.path.insert(0, {os.path.dirname(__file__)!r})
from test_in_parts import Pieces, table
class Told:
    def __call__(self, record): print("step", record.step, flush=True)
    def close(self): pass
nd.glm("y ~ x + z", Pieces(table(60_000), [20_000]), "poisson", engine=nd.Threads(memory=1, folder={str(tmp_path)!r}),
       solver=nd.GradientDescent(rate=1e-12, epochs=10**7), watch=Told())
print("ended")
"""
    process = subprocess.Popen([sys.executable, "-W", "ignore", "-c", code], stdout=subprocess.PIPE, text=True)
    assert "step" in process.stdout.readline()
    time.sleep(0.2)
    process.send_signal(how)
    out, _ = process.communicate(timeout=60)
    assert ("ended" in out) == (how == signal.SIGINT)  # interrupted, it ends with its best step
    assert list(tmp_path.iterdir()) == []


def test_items_made_ahead_keep_their_order_and_their_exceptions():
    assert list(ahead(iter(range(100)), 3)) == list(range(100))

    def failing():
        yield 1
        raise nd.DataError("no more")

    made = ahead(failing(), 2)
    assert next(made) == 1
    with pytest.raises(nd.DataError, match="no more"):
        next(made)
    endless = ahead(iter(int, 1), 2)
    assert next(endless) == 0
    endless.close()


def test_what_loads_a_part_can_be_sent_anywhere(pair):
    apart = pair[1].kept.apart
    loader, part = pickle.loads(pickle.dumps((apart.loader, apart.parts[1])))
    block, again = next(iter(loader(part))), next(iter(apart.loader(apart.parts[1])))
    np.testing.assert_array_equal(block.dense(), again.dense())
    np.testing.assert_array_equal(block.y, again.y)


def test_nothing_that_comes_back_from_a_look_is_somebodys_row():
    data = table(500)
    source, wanted = Pieces(data, [100, 300]), ("y", "x", "g", "z")
    factors = tuple(factor for term in parse_formula("y ~ x + g + C(z)", wanted).terms for factor in term.factors)
    looked = look(nd.Threads(), source.partitions, Sought(wanted, factors, ()))
    made_up = looked.exemplars
    assert set(made_up["y"].values) == set(made_up["x"].values) == {1.0}
    seen = np.array(made_up["g"].levels)[made_up["g"].codes], made_up["z"].values
    assert set(seen[0]) == {"a", "b", "c", "d"} and set(seen[1]) == {0.0, 1.0, 2.0, 3.0}
    assert ((seen[0] == seen[0][0]) | (seen[1] == seen[1][0])).all()  # no row has a level of its own in two factors


def test_a_part_is_read_from_another_folder_too(tmp_path, monkeypatch):
    pq.write_table(pa.table({"y": [1.0, 2.0]}), tmp_path / "rows.parquet")
    (tmp_path / "rows.csv").write_text("y\n1\n2\n")
    monkeypatch.chdir(tmp_path)
    for name in ("rows.parquet", "rows.csv"):
        sent = pickle.dumps(source_of(name).partitions[0])
        monkeypatch.chdir("/")
        (chunk,) = pickle.loads(sent).read(["y"])
        assert chunk["y"].values.tolist() == [1.0, 2.0]
        monkeypatch.chdir(tmp_path)


def test_what_is_spilled_is_in_the_file_and_not_in_memory():
    fit = nd.glm("y ~ x + z + g", Pieces(table(40_000), [15_000]), "poisson", engine=nd.Threads(memory=1))
    held = sum(len(entry.frame) for entry in fit.objective.design.handles.entries)
    assert held < 0.01 * sum(size for entry in fit.objective.design.handles.entries for _, size in entry.spans)


REMEMBERED = [
    "scale(x)", "center(x)", "scale(log(z), ddof=0)", "bs(x, knots=[-0.5, 0.5])", "cr(x, knots=[0.0, 1.0]) - 1",
    "poly(x, 2, raw=True)", "bs(x, df=5)", "scale(z):g", "bs(scale(x), knots=[0.1])", "poly(x, 3)", "poly(log(z))",
    "bs(exp(x), 6, None, 2, True) - 1", "bs(x, df=3)", "bs(x, df=4, degree=1)*g + poly(z, degree=2)", "cr(x, df=4) - 1",
    "bs(x, df=4, lower_bound=-9, upper_bound=9)", "bs(x, df=7, extrapolation='clip') + poly(exp(x), 2)",
]  # fmt: skip


@pytest.mark.parametrize("term", REMEMBERED)
def test_what_transforms_learn_in_parts_has_the_digits_of_memory(term):
    data = table(5_000)
    data["z"] = np.exp(data["z"])
    here = nd.glm(f"y ~ {term}", data, "poisson", compress=False)
    parts = nd.glm(f"y ~ {term}", Pieces(data, [1_000, 3_700]), "poisson", engine=nd.Threads(memory=1))
    assert parts.terms.schema.states == here.terms.schema.states
    assert parts.names == here.names and parts.deviance == pytest.approx(here.deviance, rel=1e-12)


@pytest.mark.parametrize(
    ("term", "whole"), [(each, "bound" in each or "(scale" in each or "cr(x, df" in each) for each in REMEMBERED]
)
def test_whole_columns_are_asked_for_only_where_nothing_less_will_do(term, whole):
    terms = [each.removesuffix(":g").removesuffix("*g") for each in term.removesuffix(" - 1").split(" + ")]
    assert any(parse(each).needs_whole for each in terms) == whole


@pytest.mark.parametrize(
    "term",
    [
        "scale(g)",
        "bs(x, knots=[0.1], lower_bound=0)",
        "scale(log(x))",
        "scale(x, 1, 2, 3, 4)",
        "bs(x, df=2)",
        "bs(x, df=4.5)",
        "bs(x, df=300)",
        "bs(x, df=5, knots=[0.1])",
        "bs(g, df=5)",
        "bs(log(x), df=5)",
        "poly(x, 2.5)",
        "poly(g, 2)",
        "poly(log(x), 2)",
        "poly(x / 1e100, 5)",
        "poly(x, z)",
        "bs(1 / (x > 3), df=5)",
        "poly(x > 0, 2)",
    ],
)
def test_what_cannot_be_learned_is_refused_in_parts_as_in_memory(term):
    data = table(3_000)
    problems = []
    for each in (data, Pieces(data, [1_000])):
        with pytest.raises(nd.InputError) as caught:
            nd.glm(f"y ~ {term}", each, "poisson", engine=nd.Threads(memory=1), compress=False)
        problems.append(str(caught.value))
    assert problems[0].split(" at ")[0].split(" in ")[0] in problems[1]


def test_a_value_that_no_fit_can_use_is_named_with_its_line_in_a_csv_file(tmp_path):
    notes = ["plain", '"two\nlines"']
    for file, wrong in (("a", -1), ("b", 1_234)):
        rows = (f"{-1 if k == wrong else 2},{k % 7},{notes[k % 3 == 1]}\n" + "\n" * (k == 40) for k in range(2_000))
        (tmp_path / f"{file}.csv").write_text('y,x,"a\nnote, row 9"\n' + "".join(rows))
    lines = (tmp_path / "b.csv").read_text().split("\n")
    found = next(line for line, text in enumerate(lines, 1) if text.startswith("-1"))
    with pytest.raises(nd.SupportError, match=rf"^'.*b\.csv', line {found}: poisson needs .* row 3234 of y has -1"):
        nd.glm("y ~ x", str(tmp_path), "poisson", engine=nd.Threads(memory=1), compress=False)
    with pytest.raises(nd.DataError, match=r"^'.*a\.csv', line 3: .* not finite"):
        nd.glm("x ~ log(x)", str(tmp_path), engine=nd.Threads(memory=1), compress=False)


def test_a_value_that_no_fit_can_use_is_named_with_its_own_row_group(tmp_path):
    data = table(3_000)
    data["y"][1_700] = -1
    pq.write_table(pa.table(data), tmp_path / "a.parquet", row_group_size=500)  # so small that they are read together
    with pytest.raises(nd.SupportError, match=r"^'.*a\.parquet', row group 3: poisson needs .* row 1700 of y has -1"):
        nd.glm("y ~ x", str(tmp_path / "a.parquet"), "poisson", engine=nd.Threads(memory=1), compress=False)


class Listener:
    """A watcher that hears how far the reading is."""

    def __init__(self):
        self.told = []

    def __call__(self, record):
        pass

    def reading(self, rows, total, seconds):
        self.told.append((rows, total))


@pytest.mark.parametrize("kind", KINDS)
def test_the_reading_is_told_from_the_first_rows_to_the_last(kind, tmp_path):
    missing, written = KINDS[kind]
    path, listener = in_files(table(3_000, missing=missing), tmp_path, **written), Listener()
    nd.glm("y ~ x + g", path, "poisson", compress=False, engine=nd.Threads(memory=1), watch=listener)
    last = listener.told[-5:]  # one for each file, the last time that they are read
    assert [total for _, total in last] == [3_000] * 5
    assert [rows for rows, _ in last] == [700, 1_400, 2_100, 2_800, 3_000]
    if "nan" not in kind:
        assert len(listener.told) == 5
