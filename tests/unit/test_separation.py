"""Separation, against limits that are known: by counting, or by the same model without the rows that run away."""

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import nelder as nd
from nelder.diagnosis import Separated
from nelder.endings import separation

G = np.repeat([0.0, 1.0], 20)
CELLS = np.column_stack([np.ones(40), G])
HALF = np.r_[np.tile([0.0, 1.0], 10), np.ones(20)]  # group 0: half ones; group 1: all ones
COUNTS = np.r_[np.arange(20) % 5.0, np.zeros(20)]  # group 1: no count at all
LINKS_OF_UNIT = ["logit", "probit", "cloglog", "loglog", "cauchit"]


def separated(*arguments, **named):
    with pytest.warns(nd.BoundaryWarning, match="separation"):
        return nd.glm_fit(*arguments, **named)


def finding(fit):
    [found] = [finding for finding in fit.warnings if isinstance(finding, Separated)]
    return found


@pytest.mark.parametrize("link", LINKS_OF_UNIT)
def test_a_cell_of_ones_sends_one_coefficient_to_infinity(link):
    fit = separated(CELLS, HALF, "binomial", link)
    alone = nd.glm_fit(np.ones((20, 1)), HALF[:20], "binomial", link)
    assert np.isclose(fit.coef["x1"], alone.coef["x1"], rtol=1e-10, atol=1e-12)
    assert np.isclose(fit.se["x1"], alone.se["x1"], rtol=1e-10)
    assert fit.coef["x2"] == np.inf and np.isnan(fit.se["x2"])
    assert np.isclose(fit.deviance, alone.deviance, rtol=1e-12)
    assert np.isclose(fit.loglik, alone.loglik, rtol=1e-12)
    assert np.allclose(fit.fitted, HALF.reshape(2, 20).mean(axis=1).repeat(20), rtol=1e-12)
    assert finding(fit).columns == ("x2",) and finding(fit).rows == 20
    assert not fit.converged and "infinity" in fit.reason
    assert (fit.df_resid, fit.df_null) == (38, 39)


@pytest.mark.parametrize("family", ["poisson", nd.NegativeBinomial(2.0), nd.Tweedie(1.5), "quasipoisson"])
def test_a_cell_without_counts_sends_its_coefficient_to_minus_infinity(family):
    fit = separated(CELLS, COUNTS, family, "log")
    assert np.isclose(fit.coef["x1"], np.log(2.0), rtol=1e-10)
    assert fit.coef["x2"] == -np.inf
    assert np.allclose(fit.fitted, np.repeat([2.0, 0.0], 20), rtol=1e-10)
    alone = nd.glm_fit(np.ones((20, 1)), COUNTS[:20], family, "log")
    assert np.isclose(fit.deviance, alone.deviance, rtol=1e-12)


@pytest.mark.parametrize("link", LINKS_OF_UNIT)
@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e6])
def test_complete_separation_predicts_every_row(link, scale):
    x = np.random.default_rng(0).normal(size=200)
    y = (x > 0).astype(float)
    fit = separated(np.column_stack([np.ones(200), scale * x]), y, "binomial", link)
    assert fit.coef["x2"] == np.inf
    assert fit.deviance == 0 and np.array_equal(fit.fitted, y)
    assert finding(fit).rows == 200


@pytest.mark.parametrize("solver", ["newton", "irls", "lbfgs", nd.GradientDescent(epochs=5000)])
def test_every_solver_ends_at_the_same_limit(solver):
    fit = separated(CELLS, HALF, "binomial", solver=solver)
    assert np.isclose(fit.coef["x1"], 0, atol=1e-12) and fit.coef["x2"] == np.inf


def test_a_direction_over_two_columns_leaves_the_third_its_meaning():
    random = np.random.default_rng(3)
    z = random.normal(size=300)
    group = random.integers(0, 3, 300)
    y = random.poisson(np.exp(0.3 + 0.5 * z)).astype(float)
    y[group == 2] = 0
    X = np.column_stack([np.ones(300), z, group == 1, group == 2]).astype(float)
    fit = separated(X, y, "poisson", names=["Intercept", "z", "b", "c"])
    rest = group != 2
    alone = nd.glm_fit(X[rest][:, :3], y[rest], "poisson")
    assert np.allclose(np.asarray(fit.coef)[:3], alone.coef, rtol=1e-9)
    assert np.allclose(np.asarray(fit.se)[:3], alone.se, rtol=1e-8)
    assert fit.coef["c"] == -np.inf
    assert np.isclose(fit.deviance, alone.deviance, rtol=1e-12)


def test_predictions_follow_the_ray_and_survive_a_save(tmp_path):
    with pytest.warns(nd.BoundaryWarning):
        fit = nd.glm("y ~ g", {"y": HALF, "g": np.where(G == 1, "b", "a")}, "binomial")
    fit.save(tmp_path / "fit.json")
    for each in (fit, nd.load(tmp_path / "fit.json")):
        predicted = each.predict({"g": ["a", "b"]}, interval="confidence")
        assert np.allclose(predicted["fit"], [0.5, 1.0], rtol=1e-12)
        assert np.isfinite(predicted["se"][0]) and predicted["se"][1] == np.inf
        assert np.array_equal(each.predict({"g": ["b"]}, kind="link"), [np.inf])
        assert "inf" in str(each.summary())


def test_residuals_and_simulation_at_the_limit():
    fit = separated(CELLS, HALF, "binomial")
    assert np.isclose(np.sum(fit.residuals("deviance") ** 2), fit.deviance, rtol=1e-12)
    assert (fit.residuals("response")[20:] == 0).all()


def test_a_gaussian_mean_that_cannot_be_negative_runs_to_zero():
    x = np.linspace(-1, 1, 50)
    fit = separated(np.column_stack([np.ones(50), x]), -np.exp(x), "gaussian", "log")
    assert fit.coef["x1"] == -np.inf
    assert np.isclose(fit.deviance, np.sum(np.exp(2 * x)), rtol=1e-12)


def no_separation():
    """Problems that look like separation and are not: (X, y, family, link)."""
    random = np.random.default_rng(5)
    n = 400
    x = random.normal(size=n)
    X = np.column_stack([np.ones(n), x])
    rare = np.zeros(n)
    rare[[3, 50]] = 1
    near = (x > 0).astype(float)
    near[np.argmin(np.abs(x))] = 1 - near[np.argmin(np.abs(x))]
    overlap = (x > 0).astype(float)
    overlap[np.argmax(x)] = 0
    yield pytest.param(X, rare, "binomial", "logit", id="rare events")
    yield pytest.param(X, overlap, "binomial", "logit", id="one row on the far side")
    yield pytest.param(np.column_stack([np.ones(n), 1e8 * x]), overlap, "binomial", "probit", id="a huge column")
    yield pytest.param(X, np.exp(2 + x), "poisson", "log", id="a perfect fit")
    yield pytest.param(X, random.poisson(np.exp(-4 + x)).astype(float), "poisson", "log", id="few counts")
    yield pytest.param(X, 1e-100 * random.gamma(2.0, np.exp(x)), "gamma", "log", id="tiny amounts")


@pytest.mark.filterwarnings("ignore::nelder.ResponseWarning")
@pytest.mark.parametrize(("X", "y", "family", "link"), list(no_separation()))
def test_no_false_alarm(X, y, family, link):
    fit = nd.glm_fit(X, y, family, link)
    assert fit.converged and np.isfinite(np.asarray(fit.coef)).all()


def test_a_ridge_is_the_remedy_it_is_said_to_be():
    fit = nd.glm_fit(CELLS, HALF, "binomial", penalty=nd.Ridge(1.0))
    assert fit.converged and np.isfinite(np.asarray(fit.coef)).all() and not fit.warnings


@st.composite
def cones(draw):
    """Rows (m, k) of small whole numbers, of which many lie in a plane and some may be all in a half-space."""
    k, m = draw(st.integers(1, 4)), draw(st.integers(1, 40))
    rows = np.array(draw(st.lists(st.lists(st.integers(-2, 2), min_size=k, max_size=k), min_size=m, max_size=m)), float)
    side = np.array(draw(st.lists(st.integers(-2, 2), min_size=k, max_size=k)), float)
    towards = np.sign(rows @ side) if draw(st.booleans()) else np.ones(m)
    flat = draw(st.booleans())
    return np.where(towards == 0, rows.T if not flat else 0.0 * rows.T, towards * rows.T).T


@settings(deadline=None, max_examples=100)
@given(cones(), st.integers(1, 6))
def test_a_programme_of_a_few_rows_moves_those_that_one_of_all_rows_does(rows, few):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(separation, "FEW", few)
        found = separation.furthest(rows)
    length = np.linalg.norm(rows, axis=1)
    unit = rows / np.where(length > 0, length, 1.0)[:, None]
    _, moved = separation.moving_most(unit)
    if found is None:
        assert not moved.any()
    else:
        z, moves = found
        np.testing.assert_array_equal(moves, moved)
        assert (unit @ z >= -1e-7).all() and (unit[moves] @ z > 1e-3).all()
        np.testing.assert_allclose(unit[~moves] @ z, 0.0, atol=1e-6)


def rows_of_a_table(n, level):
    """X (n, 4) with an intercept, a number, one far out, and a cell of 60 rows that all have the response `level`."""
    random = np.random.default_rng(0)
    x, cell = random.normal(size=(n, 2)), np.zeros(n)
    x[777, 1], cell[:: n // 60] = 1e6, 1.0
    y = (random.random(n) < 0.3).astype(float)
    return np.column_stack([np.ones(n), x, cell]), np.where((cell == 1) & (level is not None), level, y).astype(float)


def test_of_many_rows_none_is_separated_though_one_is_far_out():
    """One programme of so many rows would take minutes."""
    fit = nd.glm_fit(*rows_of_a_table(200_000, None), "binomial", "probit")
    assert fit.converged and np.isfinite(np.asarray(fit.coef)).all()


def test_of_many_rows_a_few_are_separated():
    X, y = rows_of_a_table(200_000, 1.0)
    fit, rest = separated(X, y, "binomial"), X[:, 3] == 0
    alone = nd.glm_fit(X[rest, :3], y[rest], "binomial")
    np.testing.assert_allclose(np.asarray(fit.coef)[:3], np.asarray(alone.coef), rtol=1e-9, atol=1e-12)
    assert fit.coef["x4"] == np.inf and finding(fit).rows == np.sum(~rest)
    assert fit.deviance == pytest.approx(alone.deviance, rel=1e-11)


def again(fit):
    """The fit that a finding of separation advises."""
    with warnings.catch_warnings(action="ignore", category=nd.ResponseWarning):
        return eval(f"fit.update({finding(fit).instead})", {"fit": fit})


@pytest.mark.parametrize("family", ["negative_binomial", "tweedie"])
def test_a_shape_that_was_estimated_is_written_out_in_the_remedy(family):
    """Firth's penalty moves away from the maximum that an estimate is at, and is refused without a given shape."""
    fit = separated(CELLS, np.where(G == 0, COUNTS * (1 + COUNTS), 0.0), family)
    assert finding(fit).instead == f"family='{family}({fit.shape.value:g})', penalty='firth'"
    assert finding(fit).instead in finding(fit).sentence
    assert again(fit).converged and np.isfinite(again(fit).coef).all()


def test_the_remedy_keeps_the_link():
    y = np.where(G == 0, HALF, 0.0)
    fit = separated(CELLS, (G > 0) + 0.0, "quasibinomial", "probit")
    assert finding(fit).instead == "family='binomial', link='probit', penalty='firth'"
    assert again(fit).link.label() == "probit" and np.isfinite(again(fit).coef).all()
    assert finding(separated(CELLS, y, "quasibinomial", "probit")).instead == "penalty='firth'"  # φ is held by the rest


@pytest.mark.parametrize(("family", "like"), [("quasipoisson", "poisson"), ("quasibinomial", "binomial")])
def test_a_dispersion_of_nothing_is_not_what_the_remedy_takes(family, like):
    fit = separated(CELLS, np.zeros(40), family)
    assert finding(fit).instead == f"family='{like}', penalty='firth'"
    assert again(fit).converged and np.isfinite(again(fit).coef).all()


def test_a_sample_is_held_by_a_ridge():
    fit = separated(CELLS, HALF, "binomial", weights=nd.sampling(np.ones(40)))
    assert finding(fit).instead == "penalty='ridge'"
    assert again(fit).converged and np.isfinite(again(fit).coef).all()


@pytest.mark.parametrize(
    "of",
    [("tweedie(1.5)", None, None), ("poisson", None, nd.sampling(np.ones(40)))],
    ids=["no residuals", "no penalty"],
)
def test_where_nothing_is_finite_nothing_is_promised(of):
    family, link, weights = of
    fit = separated(CELLS, np.zeros(40), family, link, weights=weights)
    assert finding(fit).instead == "" and "finite" not in finding(fit).sentence.partition("drop or merge")[2]
    assert finding(fit).sentence.endswith("drop or merge these columns")


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 8])
def test_the_limit_of_a_table_with_empty_cells_is_that_of_its_cells(seed):
    random = np.random.default_rng(seed)
    x = (10 * random.normal(size=400)).round() // 2
    k = random.integers(0, 5, 400)
    y = random.poisson(np.exp(0.1 * x + 0.1 * k - 1.2))
    with pytest.warns(nd.NelderWarning):
        fit = nd.glm("y ~ C(k)*C(x)", {"x": x, "k": k, "y": y}, "poisson", compress=False)
    cell = np.unique(100 * k + x, return_inverse=True)[1]
    mean = (np.bincount(cell, y) / np.bincount(cell))[cell]
    np.testing.assert_allclose(fit.fitted, mean, rtol=1e-7, atol=1e-12)
    rest = np.where(y > 0, y * np.log(np.where(y > 0, y, 1.0) / np.where(mean > 0, mean, 1.0)), 0.0) - (y - mean)
    assert fit.deviance == pytest.approx(2 * rest.sum(), rel=1e-9)


@pytest.mark.parametrize("n", [500, 50_000])
@pytest.mark.parametrize("solver", ["newton", "irls", "lbfgs"])
@pytest.mark.parametrize("family", ["poisson", "binomial", "quasipoisson", nd.NegativeBinomial(2.0)], ids=str)
def test_an_empty_level_is_found_also_where_it_is_the_one_that_others_are_compared_with(family, solver, n):
    """Its rows fade until rounding drowns them in the intercept, and the fit comes to rest."""
    random = np.random.default_rng(1)
    g = random.choice(["b", "c", "d", "e"], n)
    y = (random.random(n) < 0.4) if family == "binomial" else random.poisson(1.5, n)
    y, g[:5] = np.where(np.arange(n) < 5, 0.0, y), "a"
    with pytest.warns(nd.NelderWarning, match="separation"):
        fit = nd.glm("y ~ g", {"y": y, "g": g}, family, solver=solver)
    means = {level: y[g == level].mean() for level in "abcde"}
    assert not fit.converged and fit.coef["Intercept"] == -np.inf and (np.asarray(fit.coef)[1:] == np.inf).all()
    np.testing.assert_allclose(fit.fitted, [means[level] for level in g], rtol=1e-9)


def test_far_rows_of_an_ill_conditioned_design_are_no_false_alarm():
    random = np.random.default_rng(1)
    x = np.sort(random.uniform(0, 30, 2000))
    y = random.poisson(np.exp(x - 28.0)).astype(float)
    fit = nd.glm_fit(np.column_stack([np.ones(2000), x, x**2, x**3]), y, "poisson")
    assert fit.converged and fit.fitted.min() < 1e-10


@given(st.integers(1, 6), st.integers(1, 9), st.integers(0, 10**6))
@settings(max_examples=60, deadline=None)
def test_the_edges_of_a_cone_tell_what_linear_programmes_tell(k, p, seed):
    """Coefficients are back @ z with rows @ z ≥ 0; k independent rows have k edges."""
    random = np.random.default_rng(seed)
    rows = random.normal(size=(k, k))
    rows /= np.linalg.norm(rows, axis=1)[:, None]
    edges = separation.edges_of(rows)
    if edges is None:  # too near to dependent
        return
    back = random.normal(size=(p, k)) * (random.random((p, k)) < 0.6)
    low, high = separation.extremes(rows, back)
    size = 1e-6 * np.abs(edges).max()
    assert np.allclose((back @ edges).min(axis=1), low, rtol=1e-6, atol=size)
    assert np.allclose((back @ edges).max(axis=1), high, rtol=1e-6, atol=size)


def test_levels_without_a_count_are_at_minus_infinity_and_the_others_as_without_them():
    random = np.random.default_rng(3)
    level, x = random.permutation(np.repeat(np.arange(250), 8)), random.normal(size=2000)
    y = np.where(level % 10 == 7, 0, random.poisson(2.0 + level % 3)).astype(float)
    names = np.char.add("g", level.astype(str))
    with pytest.warns(nd.BoundaryWarning, match="separation"):
        fit = nd.glm("y ~ x + g", {"y": y, "x": x, "g": names}, "poisson")
    keep = level % 10 != 7
    rest = nd.glm("y ~ x + g", {"y": y[keep], "x": x[keep], "g": names[keep]}, "poisson")
    gone = {f"g[T.g{each}]" for each in range(7, 250, 10)}
    assert {name for name in fit.names if fit.coef[name] == -np.inf} == gone
    for name in rest.names:
        assert np.isclose(fit.coef[name], rest.coef[name], rtol=1e-8, atol=1e-9)
        assert np.isclose(fit.se[name], rest.se[name], rtol=1e-8)
    assert np.isclose(fit.deviance, rest.deviance, rtol=1e-12)


def test_what_a_programme_leaves_over_of_a_direction_moves_no_row_that_stays():
    # the programme's direction had 1e-10 in columns it does not need, and rounding of these moved the last row
    X = np.array([[1.0, 2, 2, 2], [1, 1, 2, 3], [1, 1, 2, 1], [1, 2, 0, 1]])
    y, offset = np.array([0.0, 0, 0, 2]), np.array([0.20985991571763674, 0.9254336, -0.73727342, -0.90988415])
    fit = separated(X, y, "poisson", offset=offset)
    assert np.allclose(fit.fitted, y, rtol=1e-12, atol=0)
    assert fit.deviance < 1e-25


def test_a_direction_loses_what_is_not_exact_only_where_one_without_it_is_as_good():
    whole, span = np.eye(3), np.array([[1.0, 0.0], [1e-9, 1.0], [0.0, 1e-9]])
    assert np.array_equal(separation.cleared(np.ones(1), span[:, :1], whole), span[:, 0])
    assert np.array_equal(separation.cleared(np.array([1.0, 0.0]), span, whole), [1.0, 0.0, 0.0])
