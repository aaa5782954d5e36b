"""Long factors: their diagonal block is eliminated, and every number stays that of the matrix in full."""

import tracemalloc
import warnings

import numpy as np
import pytest

import nelder as nd
from nelder import design, sparse
from nelder.arrow import Arrow, Layout, Variances, factor, plus
from nelder.errors import CapabilityError, DataError
from nelder.linalg import cholesky

PAIRS = [
    ("poisson", "log"),
    ("binomial", "logit"),
    ("gaussian", "identity"),
    ("gamma", "log"),
    ("negative_binomial(2)", "log"),
    ("quasipoisson", "log"),
]


def drawn(seed, k=9, q=3):
    """A positive definite arrow, its long columns in odd places."""
    random = np.random.default_rng(seed)
    codes, X = random.integers(k, size=200), random.normal(size=(200, q)) * 10.0 ** random.integers(-3, 4, q)
    weight = random.uniform(0.1, 3, 200)
    marks = np.eye(k)[codes]
    layout = Layout.of(random.permutation(k + q)[:k], k + q)
    border, corner = marks.T @ (weight[:, None] * X), X.T @ (weight[:, None] * X)
    return Arrow(layout, marks.T @ weight, border, corner)


@pytest.mark.parametrize("seed", range(5))
def test_a_factor_solves_as_that_of_the_matrix_in_full(seed):
    arrow = drawn(seed)
    ours, theirs, random = factor(arrow), cholesky(arrow.dense()), np.random.default_rng(seed)
    right = random.normal(size=(12, 4))
    for side in (right, right[:, 0]):
        np.testing.assert_allclose(ours.solve(side), theirs.solve(side), rtol=1e-10, atol=1e-13)
        assert np.sum(ours.half_solve(side) ** 2) == pytest.approx(np.sum(theirs.half_solve(side) ** 2), rel=1e-11)
    inverse = np.linalg.inv(arrow.dense())
    np.testing.assert_allclose(ours.inverse(), inverse, rtol=1e-9, atol=1e-13)
    np.testing.assert_allclose(ours.inverse_diagonal(), np.diagonal(inverse), rtol=1e-10)
    root = ours.spread(np.eye(12))
    np.testing.assert_allclose(root @ root.T, inverse, rtol=1e-9, atol=1e-12)
    assert (ours.inverse() == ours.inverse().T).all()


def test_arrows_add_scale_and_show_their_diagonal_as_matrices_do():
    one, other = drawn(1), drawn(1)
    np.testing.assert_allclose(plus(one, 3.0 * other).dense(), 4 * one.dense(), rtol=1e-15)
    np.testing.assert_array_equal(one.diagonal(), np.diagonal(one.dense()))
    held = one.with_diagonal(np.arange(12.0))
    np.testing.assert_allclose(held.dense(), one.dense() + np.diag(np.arange(12.0)), rtol=1e-15)


@pytest.mark.parametrize("bad", [0.0, -1.0, np.nan])
def test_an_arrow_that_is_not_positive_definite_has_no_factor(bad):
    arrow = drawn(2)
    levels = arrow.levels.copy()
    levels[3] = bad
    assert factor(Arrow(arrow.layout, levels, arrow.border, arrow.corner)) is None
    assert factor(Arrow(arrow.layout, arrow.levels, arrow.border, np.zeros((3, 3)))) is None


def table(family="poisson", n=3000, k=60, seed=3):
    """A factor of k levels, one of three, two numbers, an exposure and weights; every level has some of each answer."""
    random = np.random.default_rng(seed)
    codes, h = np.arange(n) % k, random.integers(3, size=n)
    x = random.normal(size=(n, 2))
    eta = 0.5 + random.normal(size=k)[codes] * 0.4 + 0.3 * x[:, 0] - 0.2 * x[:, 1] + 0.2 * h
    y = {
        "binomial": lambda: random.binomial(1, 1 / (1 + np.exp(-eta))).astype(float),
        "gaussian": lambda: eta + random.normal(size=n),
        "gamma": lambda: random.gamma(2, np.exp(eta) / 2),
    }.get(family.partition("(")[0], lambda: random.poisson(np.exp(eta)).astype(float))()
    return {
        "y": y,
        "g": np.array([f"g{code:02d}" for code in codes]),
        "h": np.array(["a", "b", "c"])[h],
        "x": x[:, 0],
        "z": x[:, 1],
        "e": random.uniform(0.5, 2, n),
        "w": random.integers(1, 4, n).astype(float),
    }


@pytest.fixture
def long(monkeypatch):
    """Factors of twenty levels are long."""
    monkeypatch.setattr(design, "LONG", 20)


@pytest.fixture
def vast(monkeypatch, long):
    """And of fifty columns no matrix is made."""
    monkeypatch.setattr(sparse, "WIDE", 50)


def in_full(formula, data, family, link=None, **options):
    """The fit without elimination."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(design, "LONG", 10**9)
        patch.setattr(sparse, "WIDE", 10**9)
        return nd.glm(formula, data, family, link, **options)


def same(ours, theirs, covariance=True):
    for name in ("coef", "se"):
        np.testing.assert_allclose(np.asarray(getattr(ours, name)), np.asarray(getattr(theirs, name)), rtol=1e-8)
    for name in ("deviance", "null_deviance", "loglik", "dispersion", "aic", "df_resid"):
        assert getattr(ours, name) == pytest.approx(getattr(theirs, name), rel=1e-10, nan_ok=True)
    if covariance:
        np.testing.assert_allclose(ours.covariance_unscaled, theirs.covariance_unscaled, rtol=1e-7, atol=1e-12)


@pytest.mark.parametrize(("family", "link"), PAIRS)
@pytest.mark.parametrize("formula", ["y ~ g + h + x + z", "y ~ 0 + g + x", "y ~ x + h + g + offset(log(e))"])
def test_a_long_factor_gives_the_fit_of_the_matrix_in_full(long, family, link, formula):
    data = table(family)
    ours = nd.glm(formula, data, family, link, weights="w")
    assert ours.objective.design.handles[0].long is not None
    same(ours, in_full(formula, data, family, link, weights="w"))


@pytest.mark.parametrize("solver", ["irls", "newton", "lbfgs"])
def test_each_solver_takes_a_long_factor(long, solver):
    data = table()
    same(nd.glm("y ~ g + x", data, "poisson", solver=solver), in_full("y ~ g + x", data, "poisson"))


def test_a_ridge_holds_a_long_factor_as_it_does_any(long):
    data, penalty = table(), nd.Ridge(2.0)
    ours, theirs = (
        nd.glm("y ~ g + x", data, "poisson", penalty=penalty),
        in_full("y ~ g + x", data, "poisson", penalty=penalty),
    )
    np.testing.assert_allclose(np.asarray(ours.coef), np.asarray(theirs.coef), rtol=1e-9)
    assert ours.df_resid == pytest.approx(theirs.df_resid, rel=1e-10)


def test_what_reads_a_fit_reads_that_of_a_long_factor(long):
    data = table()
    ours, theirs = nd.glm("y ~ g + x", data, "poisson"), in_full("y ~ g + x", data, "poisson")
    for kind in ("HC1", "HC3", "observed"):
        np.testing.assert_allclose(ours.covariance(kind), theirs.covariance(kind), rtol=1e-6, atol=1e-12)
    np.testing.assert_allclose(ours.influence().leverage, theirs.influence().leverage, rtol=1e-9)
    assert ours.confint(kind="profile", terms="x")["lower"] == pytest.approx(
        theirs.confint(kind="profile", terms="x")["lower"], rel=1e-8
    )
    assert ours.anova()["p"] == pytest.approx(theirs.anova()["p"], rel=1e-8, nan_ok=True)
    assert ours.score_test("x = 0.3")["p"] == pytest.approx(theirs.score_test("x = 0.3")["p"], rel=1e-8)


@pytest.mark.parametrize(("family", "link"), PAIRS)
def test_leverages_and_checks_of_a_long_factor_are_those_of_its_columns(long, family, link):
    data = table(family)
    weights = nd.frequency("w") if family == "poisson" else "w"
    ours = nd.glm("y ~ g + x + h", data, family, link, weights=weights, compress=False)
    columns = np.concatenate([block.dense() for block in ours.objective.design.handles])
    given = nd.frequency(data["w"]) if family == "poisson" else data["w"]
    theirs = nd.glm_fit(columns, data["y"], family, link, weights=given, compress=False)
    assert ours.objective.design.long is not None and theirs.objective.design.long is None
    np.testing.assert_allclose(ours.influence().leverage, theirs.influence().leverage, rtol=1e-9)
    np.testing.assert_allclose(ours.residuals("studentised"), theirs.residuals("studentised"), rtol=1e-9, atol=1e-12)
    for name in ("goodness_of_fit", "dispersion_tests", "zero_inflation"):
        try:
            expected = getattr(theirs, name)()
        except (CapabilityError, DataError):
            continue
        for column, values in getattr(ours, name)().items():
            if values.dtype.kind == "f":
                np.testing.assert_allclose(values, expected[column], rtol=1e-7, atol=1e-14)


def test_zeros_are_as_many_as_expected_under_right_models_of_many_coefficients(long):
    random, g, z = np.random.default_rng(11), np.tile(np.arange(200), 10), []
    for _ in range(30):
        y = random.poisson(np.exp(0.9 + 0.3 * random.normal(size=200)[g])).astype(float)
        found = nd.glm("y ~ C(g)", {"y": y, "g": g}, "poisson", compress=False).zero_inflation()
        z.append(np.sign(found["ratio"] - 1.0) * np.sqrt(found["chi2"]))
    z = np.array(z)
    assert np.all(np.abs(z.mean(axis=0)) < 0.6) and np.all(np.abs(z.std(axis=0) - 1.0) < 0.4), (z.mean(0), z.std(0))


def test_a_level_of_one_row_has_a_leverage_of_one(long):
    data = table()
    data["g"][17] = "alone"
    fit = nd.glm("y ~ g + x", data, "poisson")
    assert np.flatnonzero(fit.influence().leverage == 1.0).tolist() == [17]


def test_an_explanation_looks_at_all_rows_of_a_factor_of_many_levels():
    data = table(n=20_000, k=700)
    explained = nd.glm("y ~ g + x + h + z", data, "poisson").explain()
    assert explained.well and "sample" not in str(explained), str(explained)


def test_bias_reduction_takes_a_long_factor(long):
    data = table("binomial")
    ours, theirs = (fit("y ~ g + x", data, "binomial", penalty="firth") for fit in (nd.glm, in_full))
    np.testing.assert_allclose(np.asarray(ours.coef), np.asarray(theirs.coef), rtol=1e-8)


def test_aliased_and_separated_levels_are_found_as_without_elimination(long):
    data = table()
    data["copy"] = (data["g"] == "g07").astype(float)
    with pytest.warns(nd.AliasedWarning):
        assert nd.glm("y ~ g + copy", data, "poisson").aliased.sum() == 1
    data["y"] = np.where(data["g"] == "g05", 0.0, data["y"])
    with pytest.warns(nd.BoundaryWarning):
        fit = nd.glm("y ~ g + x", data, "poisson")
    assert fit.coef["g[T.g05]"] == -np.inf


def test_a_vast_fit_has_the_standard_errors_of_the_matrix_it_never_makes(vast):
    data = table("gamma")
    ours = nd.glm("y ~ g + h + x", data, "gamma", "log")
    assert isinstance(ours.unscaled, Variances)
    same(ours, in_full("y ~ g + h + x", data, "gamma", "log"), covariance=False)
    assert any("not made" in note for note in ours.notes)
    assert "g[T.g01]" in str(ours.summary())


def test_a_vast_fit_predicts_and_is_saved(vast, tmp_path):
    data = table()
    fit = nd.glm("y ~ g + x", data, "poisson")
    fit.save(tmp_path / "fit.json")
    again = nd.load(tmp_path / "fit.json")
    np.testing.assert_array_equal(np.asarray(again.se), np.asarray(fit.se))
    np.testing.assert_allclose(again.predict(data), fit.fitted, rtol=1e-14)
    assert fit.table().title == again.table().title
    damaged = (tmp_path / "fit.json").read_text().replace('"variances_unscaled": [\n  ', '"variances_unscaled": [\n  -')
    (tmp_path / "bad.json").write_text(damaged)
    with pytest.raises(nd.SavedFitError, match="variances"):
        nd.load(tmp_path / "bad.json")


@pytest.mark.parametrize(
    "reader",
    [
        lambda fit: fit.covariance(),
        lambda fit: fit.covariance("HC1"),
        lambda fit: fit.predict(interval="confidence"),
        lambda fit: fit.wald_test("x = 0"),
        lambda fit: fit.influence().dfbetas,
        lambda fit: fit.vif(),
        lambda fit: str(fit.emmeans("g")),
        lambda fit: fit.profile("x"),
        lambda fit: fit.slopes("x"),
    ],
)
def test_what_needs_the_covariance_of_a_vast_fit_says_so(vast, reader):
    fit = nd.glm("y ~ g + x", table(), "poisson")
    with pytest.raises(CapabilityError, match=r"columns|coefficients"):
        reader(fit)


def test_a_vast_design_names_the_column_that_its_levels_make_redundant(vast):
    data = table()
    data["copy"] = (data["g"] == "g07") * 2.0
    with pytest.raises(DataError, match="'copy' is a combination"):
        nd.glm("y ~ g + x + copy", data, "poisson")


@pytest.mark.parametrize(("level", "named"), [("g05", r"'g\[T.g05\]'"), ("g00", "the level without a column")])
def test_a_vast_design_names_levels_with_infinite_coefficients(vast, level, named):
    data = table()
    data["y"] = np.where(data["g"] == level, 0.0, data["y"])
    with pytest.raises(DataError, match=named):
        nd.glm("y ~ g + x", data, "poisson")


def test_a_factor_of_6000_levels_takes_no_matrix_of_them():
    random = np.random.default_rng(0)
    n, k = 60_000, 6_000
    codes = np.arange(n) % k
    effect = random.normal(size=k) * 0.3
    x = random.normal(size=n)
    y = random.poisson(np.exp(2 + effect[codes] + 0.5 * x)).astype(float)
    data = {"y": y, "x": x, "g": np.array([f"g{j:04d}" for j in range(k)])[codes]}
    tracemalloc.start()
    fit = nd.glm("y ~ 0 + g + x", data, "poisson")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 8 * k**2 / 4
    # the score equations of levels: fitted counts are those seen
    seen, fitted = (np.bincount(codes, values, k) for values in (y, fit.fitted))
    np.testing.assert_allclose(fitted, seen, rtol=1e-9)
    mu = fit.fitted
    level, mean = np.bincount(codes, mu, k), np.bincount(codes, mu * x, k) / np.bincount(codes, mu, k)
    errors = 1 / level + (mean * fit.se["x"]) ** 2
    np.testing.assert_allclose(np.asarray(fit.se)[:k] ** 2, errors, rtol=1e-9)


@pytest.mark.parametrize("solver", ["gradient_descent", "stochastic_gradient_descent(epochs=20)"])
def test_descent_on_a_vast_design_finds_its_rate_without_a_matrix(vast, solver):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", nd.NotConvergedWarning)
        fit = nd.glm("y ~ g + x", table(), "poisson", solver=solver)
    best = nd.glm("y ~ g + x", table(), "poisson")
    assert fit.deviance == pytest.approx(best.deviance, rel=1e-3)


def test_the_largest_rate_is_that_of_the_matrix_in_full(vast):
    data = table()
    rates = []
    for fit in (nd.glm, in_full):
        with pytest.warns(nd.DivergedWarning):
            rates.append(fit("y ~ g + x", data, "poisson", solver=nd.GradientDescent(rate=1.0)).warnings[0].largest)
    assert rates[0] == pytest.approx(rates[1], rel=1e-8)


def test_what_needs_variances_alone_is_open_to_a_vast_fit(vast):
    data, formula = table(), "y ~ g + x + h + z"
    ours, theirs = nd.glm(formula, data, "poisson"), in_full(formula, data, "poisson")
    for reader in (
        lambda fit: fit.influence().cook,
        lambda fit: fit.goodness_of_fit()["p"],
        lambda fit: fit.zero_inflation()["chi2"],
        lambda fit: fit.confint(terms="x")["lower"],
        lambda fit: fit.confint(adjust="holm")["upper"],
        lambda fit: fit.relativities()["lower"],
        lambda fit: fit.table(exponentiate=True)["se"],
    ):
        np.testing.assert_allclose(reader(ours), reader(theirs), rtol=1e-8)
    assert ours.explain().well
    with pytest.raises(CapabilityError, match="is not made"):
        ours.confint(adjust="scheffe")
