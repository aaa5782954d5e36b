"""Traps at the end of a fit: no finite maximum, a halt before it, columns that cannot be told apart."""

from pathlib import Path

import numpy as np
import pytest

import nelder as nd

GROUP = np.repeat([0.0, 1.0], 20)
CELLS = np.column_stack([np.ones(40), GROUP])
NAMES = ["Intercept", "x"]
HALF_AND_ALL = np.r_[np.tile([0.0, 1.0], 10), np.ones(20)]  # x = 0: half ones; x = 1: all ones
COUNTS_AND_NONE = np.r_[np.arange(20) % 5.0, np.zeros(20)]  # x = 0: mean 2; x = 1: no count at all
DETERMINISTIC = ["newton", "irls", "lbfgs", nd.GradientDescent(epochs=2000)]
TOO_FEW_STEPS = [
    nd.Newton(max_steps=1),
    nd.IRLS(max_steps=2),
    nd.LBFGS(max_steps=1),
    nd.GradientDescent(epochs=2),
    nd.StochasticGradientDescent(epochs=1),
]


def errors_away(fit: nd.Fit, truth: np.ndarray) -> float:
    """The largest distance from the true optimum, in standard errors."""
    return float(np.max(np.abs(np.asarray(fit.coef) - truth) / np.asarray(fit.se)))


def counts() -> tuple[np.ndarray, np.ndarray]:
    """An intercept with two columns (120, 3), and Poisson counts."""
    random = np.random.default_rng(8)
    X = np.column_stack([np.ones(120), random.normal(size=(120, 2))])
    return X, random.poisson(np.exp(X @ [0.5, 0.4, -0.3])).astype(float)


# The maximum lies at infinity


@pytest.mark.parametrize("solver", DETERMINISTIC, ids=["newton", "irls", "lbfgs", "gradient_descent"])
def test_a_group_of_ones_has_an_infinite_slope_whatever_the_solver(solver: str | nd.GradientDescent) -> None:
    """R 4.2, statsmodels 0.15.0, glum 3.4.1, pyfixest 0.60.0, H2O and Spark print slopes from 9.6 to 26.6, silently."""
    with pytest.warns(nd.BoundaryWarning, match=r"x to \+inf"):
        fit = nd.glm_fit(CELLS, HALF_AND_ALL, "binomial", solver=solver, names=NAMES)
    assert fit.coef["x"] == np.inf and np.isnan(fit.se["x"]) and np.isnan(fit.table()["p"][1])
    # the group of halves alone: logit(1/2) = 0 with variance 1/(20 · 1/4), deviance 20 · 2 log 2
    assert fit.coef["Intercept"] == pytest.approx(0.0, abs=1e-12)
    assert fit.se["Intercept"] == pytest.approx(1 / np.sqrt(5), rel=1e-9)
    assert fit.deviance == pytest.approx(40 * np.log(2), rel=1e-12)
    assert fit.fitted == pytest.approx(np.where(GROUP == 1, 1.0, 0.5), rel=1e-12)
    assert not fit.converged


def test_a_group_of_successes_among_trials_has_an_infinite_slope() -> None:
    """R 4.2 says 19.6 ± 2405 for forty rows of zeros and ones and, as silently, 25.8 ± 52998 for the same as counts."""
    with pytest.warns(nd.BoundaryWarning, match=r"x to \+inf"):
        fit = nd.glm_fit([[1, 0], [1, 1]], [[10, 10], [20, 0]], "binomial", names=NAMES)
    assert fit.coef["x"] == np.inf and np.isnan(fit.se["x"])
    assert fit.se["Intercept"] == pytest.approx(1 / np.sqrt(5), rel=1e-9)


def test_complete_separation_is_not_called_converged() -> None:
    """statsmodels 0.15.0 warns but says converged; scikit-learn 1.9.1 (119, 258, 100), glum 3.4.1 (140) say nothing."""
    x = np.linspace(-1, 1, 20)
    with pytest.warns(nd.BoundaryWarning, match="20 rows"):
        fit = nd.glm("y ~ x", {"x": x, "y": x > 0}, "binomial")
    assert not fit.converged and "NOT CONVERGED" in str(fit)
    assert fit.coef["x"] == np.inf
    assert np.isnan(np.asarray(fit.se)).all()
    assert fit.deviance == 0.0


def test_an_infinite_coefficient_has_a_sign_only_where_the_data_give_it_one() -> None:
    """Peers print the intercept they reached; here every sign, and zero, separates, so that no sign can be reported."""
    x = np.array([-3.0, -2, -1, 1, 2, 3])
    with pytest.warns(nd.BoundaryWarning):
        fit = nd.glm("y ~ x", {"x": x, "y": x > 0}, "binomial")
    assert fit.coef["x"] == np.inf
    # x → −x with y → 1 − y gives the same table, and would turn the sign of the intercept
    assert not np.isinf(fit.coef["Intercept"])


def test_a_poisson_cell_without_counts_is_minus_infinity() -> None:
    """scikit-learn 1.9.1 says -9.4 or -11.8, glum 3.4.1 -9.4, statsmodels 0.15.0 -25, pyfixest 0.60.0 -19, silently."""
    with pytest.warns(nd.BoundaryWarning, match="x to -inf"):
        fit = nd.glm_fit(CELLS, COUNTS_AND_NONE, "poisson", names=NAMES)
    assert fit.coef["x"] == -np.inf and np.isnan(fit.se["x"])
    # forty counts in the other cell: log of their mean, variance 1/40
    assert fit.coef["Intercept"] == pytest.approx(np.log(2.0), rel=1e-10)
    assert fit.se["Intercept"] == pytest.approx(1 / np.sqrt(40), rel=1e-9)


@pytest.mark.parametrize(("successes", "side"), [(20, "lower"), (0, "upper")])
def test_the_mean_of_a_separated_cell_is_not_given_as_certain(successes: int, side: str) -> None:
    """Peers' intervals follow from where they stopped; one that ended at the estimate would claim to be certain."""
    with pytest.warns(nd.BoundaryWarning):
        fit = nd.glm_fit([[1, 0], [1, 1]], [[10, 10], [successes, 20 - successes]], "binomial")
    interval = fit.predict([[1.0, 1.0]], interval="confidence")
    assert isinstance(interval, nd.Table)
    # twenty of twenty: 2 · 20 log(1/μ) ≤ χ²(0.95) = 3.8415 holds down to μ = exp(−3.8415/40) = 0.908
    failures = 1 - interval[side][0] if successes else interval[side][0]
    assert np.isnan(failures) or failures >= 1 - np.exp(-3.841458820694124 / 40)


# The solver halts before the maximum


@pytest.mark.parametrize("solver", TOO_FEW_STEPS, ids=lambda solver: solver.name)
def test_reaching_the_step_limit_is_loud_and_remembered(solver: nd.IRLS, tmp_path: Path) -> None:
    """statsmodels 0.15.0 IRLS with maxiter=2 is silent, its summary too; Spark 4.3.0 with maxIter=1 prints a table."""
    X, y = counts()
    with pytest.warns(nd.NotConvergedWarning, match="step limit.* standard errors from the optimum"):
        fit = nd.glm_fit(X, y, "poisson", solver=solver)
    fit.save(tmp_path / "fit.json")
    for each in (fit, nd.load(tmp_path / "fit.json")):
        assert not each.converged
        assert "NOT CONVERGED: the step limit was reached" in str(each.summary())
        assert "standard errors from the optimum" in str(each.summary())


@pytest.mark.parametrize("solver", TOO_FEW_STEPS, ids=lambda solver: solver.name)
def test_the_remedy_for_too_few_steps_is_more_steps(solver: nd.IRLS) -> None:
    """statsmodels 0.15.0 and Spark 4.3.0 offer no remedy at the iteration limit, being silent there."""
    X, y = counts()
    with pytest.warns(nd.NotConvergedWarning, match="take more steps"):
        nd.glm_fit(X, y, "poisson", solver=solver)


@pytest.mark.parametrize("solver", ["newton", "irls", "lbfgs"])
def test_unscaled_columns_are_fitted_as_scaled_ones(solver: str) -> None:
    """scikit-learn 1.9.1 PoissonRegressor(alpha=0) stops after one iteration, 15.8 standard errors from the maximum."""
    X, Z, y, scale = unscaled()
    scaled = nd.glm_fit(Z, y, "poisson")
    assert np.abs(Z.T @ (y - scaled.fitted)).max() < 1e-8
    fit = nd.glm_fit(X, y, "poisson", solver=solver)
    assert fit.converged
    assert errors_away(fit, np.r_[fit.coef[0], scaled.coef[1:] / scale]) < 1e-8
    assert np.asarray(fit.se)[1:] == pytest.approx(np.asarray(scaled.se)[1:] / scale, rel=1e-8)


def test_a_descent_that_unscaled_columns_slow_down_says_how_far_it_is() -> None:
    """scikit-learn 1.9.1 says nothing of the 15.8 standard errors, only NumPy's "invalid value in matmul"."""
    X, _, y, _ = unscaled()
    truth = np.asarray(nd.glm_fit(X, y, "poisson").coef)
    with pytest.warns(nd.NotConvergedWarning, match="standard errors from the optimum"):
        fit = nd.glm_fit(X, y, "poisson", solver=nd.GradientDescent(epochs=200))
    assert not fit.converged
    assert errors_away(fit, truth) > 0.1


def unscaled() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """A year, an income and a concentration beside an intercept; the same standardised; counts; and the scales (3,)."""
    random = np.random.default_rng(0)
    columns = np.column_stack(
        [random.normal(2000, 10, 300), random.normal(5e4, 2e4, 300), random.normal(1e-5, 1e-6, 300)]
    )
    middle, scale = columns.mean(axis=0), columns.std(axis=0)
    Z = np.column_stack([np.ones(300), (columns - middle) / scale])
    y = random.poisson(np.exp(Z @ [1.0, 0.3, 0.2, 0.1])).astype(float)
    return np.column_stack([np.ones(300), columns]), Z, y, scale


def test_lbfgs_ends_where_the_score_vanishes() -> None:
    """scikit-learn's LogisticRegression(lbfgs) stopped where the objective no longer changed, before the maximum."""
    random = np.random.default_rng(2)
    X = np.column_stack([np.ones(400), random.normal(size=(400, 4))]) * [1.0, 1e-3, 1.0, 30.0, 1e3]
    y = (random.random(400) < 1 / (1 + np.exp(-X @ [0.2, 300.0, -0.5, 0.02, 1e-3]))).astype(float)
    fit = nd.glm_fit(X, y, "binomial", solver="lbfgs")
    mu = fit.fitted
    covariance = np.linalg.inv(X.T @ ((mu * (1 - mu))[:, None] * X))
    score = X.T @ (y - mu)
    assert fit.converged
    assert score @ covariance @ score < 1e-16  # squared distance to the maximum, in standard errors


@pytest.mark.parametrize("solver", ["newton", "irls", "lbfgs"])
def test_correlated_columns_do_not_cost_digits(solver: str) -> None:
    """glmnet 4.1-6 at its default thresh is 1e-3 off in a coefficient of a correlated Poisson regression."""
    random = np.random.default_rng(4)
    shared = random.normal(size=(500, 1))
    X = np.column_stack([np.ones(500), shared + 0.05 * random.normal(size=(500, 5))])
    y = random.poisson(np.exp(X @ [0.3, 0.5, -0.5, 0.2, 0.1, 0.1])).astype(float)
    fit = nd.glm_fit(X, y, "poisson", solver=solver)
    mu = fit.fitted
    step = np.linalg.solve(X.T @ (mu[:, None] * X), X.T @ (y - mu))  # what is left of the way, by Newton's method
    assert np.abs(step).max() < 1e-9


def test_steps_that_overshoot_are_halved() -> None:
    """statsmodels 0.15.0 and glmnet 4.1-6 never halve a step, R 4.2 only an infinite one: plain scoring leaves here."""
    x = np.linspace(-2, 2, 40)
    X, y = np.column_stack([np.ones(40), x]), (np.sin(9 * x) + x > 0).astype(float)
    beta = start = np.array([3.0, 5.0])
    with np.errstate(all="ignore"):
        for _ in range(3):
            mu = 1 / (1 + np.exp(-X @ beta))
            weight = np.maximum(mu * (1 - mu), 1e-300)
            beta = beta + np.linalg.lstsq(np.sqrt(weight)[:, None] * X, (y - mu) / np.sqrt(weight), rcond=None)[0]
    assert np.abs(beta).max() > 1e6
    fit = nd.glm_fit(X, y, "binomial", solver=nd.IRLS(start=start.tolist()))
    assert fit.converged
    assert np.abs(X.T @ (y - fit.fitted)).max() < 1e-10
    assert np.all(np.diff(fit.trace.deviance) <= 1e-12 * fit.trace.deviance[0])
    assert fit.trace.table()["halvings"].sum() > 0


def test_a_poisson_mean_that_is_a_sum_needs_no_starting_values() -> None:
    """R 4.2 glm(y ~ x, poisson(identity)) ends in "no valid set of coefficients has been found" on these counts."""
    x, y = np.arange(10.0), [1, 1, 2, 5, 7, 5, 12, 14, 12, 18]
    fit = nd.glm("y ~ x", {"x": x, "y": y}, "poisson", "identity")
    assert fit.converged and not fit.warnings
    left = y / fit.fitted - 1
    assert abs(left.sum()) < 1e-9 and abs(x @ left) < 1e-9
    # R 4.2.2: glm(y ~ x, poisson(identity), start = c(.5, 1), control = list(epsilon = 1e-14)), good to seven digits
    assert np.asarray(fit.coef) == pytest.approx([0.51453407607470336, 1.59677020531673231], rel=1e-6)
    assert np.asarray(fit.se) == pytest.approx([0.63674097594395751, 0.23014029194669763], rel=1e-6)
    assert fit.deviance == pytest.approx(5.2510857716761503, rel=1e-12)


# Columns that cannot be told apart


def test_an_aliased_column_is_named_and_gets_no_test() -> None:
    """statsmodels 0.15.0 prints p-values for it, scikit-learn 1.9.1 a minimum-norm answer, glum 3.4.1 a LinAlgError."""
    X, y = counts()
    data = {"y": y, "a": X[:, 1], "b": X[:, 2], "c": X[:, 1] - 2 * X[:, 2]}
    with pytest.warns(nd.AliasedWarning, match="c = a - 2 b"):
        fit = nd.glm("y ~ a + b + c", data, "poisson")
    alone = nd.glm("y ~ a + b", data, "poisson")
    assert np.isnan([fit.coef["c"], fit.se["c"], fit.table()["p"][3]]).all()
    assert np.asarray(fit.coef)[:3] == pytest.approx(np.asarray(alone.coef), rel=1e-10)
    assert np.asarray(fit.se)[:3] == pytest.approx(np.asarray(alone.se), rel=1e-10)
    assert (fit.df_resid, fit.aic) == pytest.approx((alone.df_resid, alone.aic), rel=1e-12)


def test_a_row_outside_the_pattern_of_an_aliased_column_is_not_predicted() -> None:
    """A minimum-norm answer, as of scikit-learn 1.9.1 and statsmodels 0.15.0, predicts such a row without a word."""
    X, y = counts()
    with pytest.warns(nd.AliasedWarning):
        fit = nd.glm("y ~ a + b", {"y": y, "a": X[:, 1], "b": 2 * X[:, 1]}, "poisson")
    with pytest.warns(nd.AliasedWarning, match="1 of the new rows"):
        predicted = fit.predict({"a": [0.5, 0.5], "b": [1.0, 5.0]})
    assert np.isnan(np.asarray(predicted)).tolist() == [False, True]
