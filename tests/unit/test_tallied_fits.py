"""Fits of distinct rows that DuckDB has counted: those of all rows, in every number."""

import numpy as np
import pytest

import nelder as nd

pa = pytest.importorskip("pyarrow")
pq = pytest.importorskip("pyarrow.parquet")
pytest.importorskip("duckdb")

TIGHT = nd.Threads(memory=1)
CASES = {
    "numbers and factors": ("y ~ g + h", {"family": "poisson"}),
    "interactions": ("y ~ g * C(h)", {"family": "poisson"}),
    "trials": ("cbind(s, f) ~ g + h", {"family": "binomial"}),
    "prior weights": ("b ~ g + h", {"family": "binomial", "weights": "w"}),
    "frequencies": ("b ~ g + h", {"family": "binomial", "weights": nd.frequency("w")}),
    "least squares": ("y ~ g + h", {"family": "gaussian"}),
    "a shape": ("y ~ g", {"family": "negative_binomial"}),
    "quasi": ("y ~ g + h", {"family": "quasipoisson"}),
    "smaller bias": ("b ~ g", {"family": "binomial", "penalty": "firth"}),
}


@pytest.fixture(scope="module")
def table():
    random = np.random.default_rng(3)
    n = 30_000
    g, h, trials = random.choice(["a", "b", "c"], n), random.integers(0, 6, n).astype(float), random.integers(1, 4, n)
    s = random.binomial(trials, 0.3 + 0.1 * (g == "c"))
    mean = np.exp(0.1 * h - 0.4 * (g == "b")) * random.gamma(2.0, 0.5, n)
    h[::97] = np.nan
    columns = {"y": random.poisson(mean), "g": g, "h": pa.array(h, from_pandas=True), "s": s, "f": trials - s}
    return pa.table({**columns, "w": random.integers(0, 3, n), "b": random.random(n) < 0.4})


@pytest.fixture(scope="module")
def path(table, tmp_path_factory):
    path = tmp_path_factory.mktemp("tally") / "rows.parquet"
    pq.write_table(table, path, row_group_size=4_000)
    return path


@pytest.mark.parametrize("case", CASES)
def test_the_fit_of_counted_rows_is_the_fit_of_all_rows(case, table, path):
    formula, options = CASES[case]
    whole = nd.glm(formula, table, compress=False, **options)
    counted = nd.glm(formula, path, engine=TIGHT, **options)
    assert any("30,000 rows -> " in note and "distinct ones, exact" in note for note in counted.notes)
    assert counted.names == whole.names
    scale = np.asarray(whole.se)
    assert np.max(np.abs(np.asarray(counted.coef) - np.asarray(whole.coef)) / scale) < 1e-9
    np.testing.assert_allclose(counted.se, whole.se, rtol=1e-8)
    for number in ("deviance", "null_deviance", "loglik", "dispersion", "df_resid", "aic"):
        np.testing.assert_allclose(getattr(counted, number), getattr(whole, number), rtol=1e-10, err_msg=number)
    np.testing.assert_allclose(counted.statistics.pearson, whole.statistics.pearson, rtol=1e-10)
    if "penalty" not in options:
        np.testing.assert_allclose(counted.covariance("HC1"), whole.covariance("HC1"), rtol=1e-7)


def test_a_column_may_have_any_name(tmp_path):
    random = np.random.default_rng(0)
    columns = {
        "y": random.poisson(2.0, 4_000),
        "n": random.choice(["a", "b"], 4_000),
        "n of nelder": np.arange(4_000) % 2,
    }
    pq.write_table(pa.table(columns), tmp_path / "rows.parquet")
    fit = nd.glm("y ~ `n of nelder` + n", tmp_path / "rows.parquet", "poisson", engine=TIGHT)
    assert any("distinct ones, exact" in note for note in fit.notes)
    np.testing.assert_allclose(fit.coef, nd.glm("y ~ `n of nelder` + n", columns, "poisson").coef, rtol=1e-9)


def test_columns_of_the_formula_name_clusters_and_groups(table, path):
    counted, whole = (nd.glm("y ~ h", data, "poisson", engine=TIGHT) for data in (path, table))
    assert any("distinct ones, exact" in note for note in counted.notes)
    errors = [fit.with_covariance(nd.Clustered("h")).se for fit in (counted, whole)]
    np.testing.assert_allclose(*errors, rtol=1e-6)
    apart = [fit.cross_validate(folds=6, groups="h").deviance for fit in (counted, whole)]
    assert apart[0] == pytest.approx(apart[1], rel=1e-9)
    with pytest.raises(nd.CapabilityError, match="'g' is the name of a column, and this fit holds the distinct rows"):
        counted.with_covariance(nd.Clustered("g"))
    with pytest.raises(nd.CapabilityError, match="'HAC' needs rows in order, and this fit holds the distinct rows"):
        counted.with_covariance("HAC")


def test_dropped_rows_are_counted_as_rows(table, path):
    whole, counted = nd.glm("y ~ h", table, "poisson"), nd.glm("y ~ h", path, "poisson", engine=TIGHT)
    assert counted.notes[0] == whole.notes[0] == "310 of 30000 rows left out for missing values"
    with pytest.raises(nd.DataError, match="'h' has missing values in 310 rows: fill"):
        nd.glm("y ~ h", path, "poisson", engine=TIGHT, missing="error")


@pytest.mark.parametrize("weights", ["w", nd.frequency("w")], ids=["prior", "frequency"])
def test_rows_of_weight_zero_are_counted_as_rows(weights, table, path):
    whole = nd.glm("y ~ g", table, "poisson", weights=weights, compress=False)
    counted = nd.glm("y ~ g", path, "poisson", weights=weights, engine=TIGHT)
    assert counted.notes[1:] == whole.notes == (f"{np.sum(table['w'].to_numpy() == 0)} rows of weight zero left out",)


@pytest.mark.parametrize("weights", [None, "w", nd.frequency("w")], ids=["none", "prior", "frequency"])
def test_odd_responses_are_counted_as_rows(weights, table, path):
    with pytest.warns(nd.ResponseWarning, match="rows have a response that is not a whole number") as said:
        nd.glm("I(y / 2) ~ g", table, "poisson", weights=weights, compress=False)
        nd.glm("I(y / 2) ~ g", path, "poisson", weights=weights, engine=TIGHT)
    assert str(said[0].message) == str(said[1].message)


def test_what_is_learned_from_single_rows_is_not_counted(path):
    fit = nd.glm("y ~ bs(h, df=4)", path, "poisson", engine=TIGHT)
    assert not any("distinct" in note for note in fit.notes)
    with pytest.raises(nd.CapabilityError, match=r"compress=True: bs\(h, df=4\) is learned from single rows"):
        nd.glm("y ~ bs(h, df=4)", path, "poisson", engine=TIGHT, compress=True)
    with pytest.raises(nd.CapabilityError, match="compress=True: the errors of a sample"):
        nd.glm("y ~ g", path, "poisson", weights=nd.sampling("w"), engine=TIGHT, compress=True)


def test_compression_that_is_not_wanted_is_not_done(path):
    fit = nd.glm("y ~ g", path, "poisson", engine=TIGHT, compress=False)
    assert fit.notes == () and fit.objective.design.rows == 30_000


def test_readers_take_distinct_rows_with_their_counts(table, path):
    whole, counted = nd.glm("y ~ g + h", table, "poisson"), nd.glm("y ~ g + h", path, "poisson", engine=TIGHT)
    np.testing.assert_allclose(whole.anova()["deviance"], counted.anova()["deviance"], rtol=1e-9)
    np.testing.assert_allclose(
        *(np.asarray(fit.predictions("g").table()["estimate"], dtype=float) for fit in (whole, counted)), rtol=1e-10
    )
    assert len(counted.residuals("deviance")) == counted.objective.design.rows < 1_000


@pytest.fixture(scope="module")
def true(tmp_path_factory):
    """Fits of a true model to all rows and to the counted ones."""
    random = np.random.default_rng(0)
    n = 4_000
    g, x, trials = random.choice(list("abcd"), n), random.choice([0.0, 0.5, 1.0, 2.0], n), random.integers(1, 3, n)
    chance = 1 / (1 + np.exp(0.3 - 0.8 * x))
    data = {"g": g, "x": x, "b": random.binomial(1, chance), "s": random.binomial(trials, chance)}
    data |= {"f": trials - data["s"], "w": random.choice([0.3, 1.1], n)}
    path = tmp_path_factory.mktemp("true") / "rows.parquet"
    pq.write_table(pa.table(data), path)
    return data, path


def test_cross_validation_of_counted_rows_deals_their_observations(true):
    data, path = true
    whole, counted = nd.glm("b ~ g + x", data, "binomial"), nd.glm("b ~ g + x", path, "binomial", engine=TIGHT)
    assert counted.objective.design.rows == 32
    found = [np.array([fit.cross_validate(seed=seed).explained for seed in range(8)]) for fit in (whole, counted)]
    assert found[0].mean() == pytest.approx(found[1].mean(), abs=4e-4) and found[1].std() < 2 * found[0].std()
    unseen = counted.cross_validate()
    assert unseen.folds["rows"].tolist() == [400] * 10
    assert counted.roc(predicted=unseen).auc == pytest.approx(whole.roc(predicted=whole.cross_validate()).auc, abs=5e-3)


def test_quantile_residuals_of_counted_rows_are_normal_where_those_of_all_rows_are(true):
    data, path = true
    whole, counted = nd.glm("b ~ g + x", data, "binomial"), nd.glm("b ~ g + x", path, "binomial", engine=TIGHT)
    p = [np.array([fit.normality(seed)["p"][2] for seed in range(40)]) for fit in (whole, counted)]
    assert p[1].min() > 1e-4 and np.abs(p[0].mean() - p[1].mean()) < 0.25


def test_counted_rows_with_prior_weights_are_dealt_as_the_rows_that_they_are(true):
    _, path = true
    fit = nd.glm("cbind(s, f) ~ x", path, "binomial", weights="w", engine=TIGHT)
    rows = nd.glm("cbind(s, f) ~ x", path, "binomial", weights="w", engine=TIGHT, compress=False)
    assert fit.cross_validate().folds["rows"].sum() == rows.cross_validate().folds["rows"].sum()
    assert np.allclose(fit.with_covariance("HC0").se, rows.with_covariance("HC0").se, rtol=1e-9)
    assert np.isfinite(fit.cross_validate(np.arange(fit.objective.design.rows) % 4).deviance)
