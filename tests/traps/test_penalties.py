"""Traps under a penalty: what is penalised, on which scale, and what may be said afterwards."""

import numpy as np
import pytest

import nelder as nd

RANDOM = np.random.default_rng(21)
COLUMNS = RANDOM.normal([0.0, 2.0, -5.0], size=(80, 3))
X = np.column_stack([np.ones(80), COLUMNS])
AMOUNTS = X @ [1.0, 0.5, 2.0, 3.0] + RANDOM.normal(size=80)
COUNTS = RANDOM.poisson(np.exp(0.5 + (COLUMNS - COLUMNS.mean(axis=0)) @ [0.3, -0.2, 0.4])).astype(float)


def least_squares_ridge(X: np.ndarray, y: np.ndarray, alpha: float) -> np.ndarray:
    """Minimises Σ (y − b₀ − x'b)² + α Σ b²: centre, solve, put the intercept back; b₀ first (p + 1,)."""
    middle, size = X.mean(axis=0), X.shape[1]
    Z = X - middle
    slopes = np.linalg.solve(Z.T @ Z + alpha * np.eye(size), Z.T @ (y - y.mean()))
    return np.asarray(np.r_[y.mean() - middle @ slopes, slopes])


# The solution


@pytest.mark.parametrize("alpha", [1e-9, 0.1, 8.0, 1e6])
@pytest.mark.parametrize("solver", ["closed_form", "newton", "irls", "lbfgs"])
def test_the_gaussian_ridge_is_its_closed_form(alpha: float, solver: str) -> None:
    """statsmodels 0.15.0 GLM.fit_regularized(L1_wt=0) gives (.138, .887, 1.263) for (.445, 2.051, 3.186)."""
    fit = nd.glm_fit(X, AMOUNTS, penalty=nd.Ridge(alpha), solver=solver)
    assert fit.converged
    assert np.asarray(fit.coef) == pytest.approx(least_squares_ridge(COLUMNS, AMOUNTS, alpha), rel=1e-8, abs=1e-10)


def test_a_ridge_tells_equal_columns_apart_by_halves() -> None:
    """statsmodels 0.15.0 returns something else than the ridge solution; so does leaving out an equal column."""
    twice = np.column_stack([COLUMNS, COLUMNS[:, 2]])
    fit = nd.glm_fit(np.column_stack([np.ones(80), twice]), AMOUNTS, penalty=nd.Ridge(1.0))
    assert np.asarray(fit.coef) == pytest.approx(least_squares_ridge(twice, AMOUNTS, 1.0), rel=1e-8)


def test_a_ridge_fits_more_columns_than_rows() -> None:
    """The same, where a ridge is most used: every column has a coefficient, and none is aliased."""
    wide = np.random.default_rng(1).normal(size=(12, 30))
    y = wide[:, 0] + np.random.default_rng(2).normal(size=12)
    fit = nd.glm_fit(np.column_stack([np.ones(12), wide]), y, penalty=nd.Ridge(2.0))
    assert np.asarray(fit.coef) == pytest.approx(least_squares_ridge(wide, y, 2.0), rel=1e-8)


@pytest.mark.parametrize("solver", ["newton", "irls", "lbfgs"])
def test_the_score_of_a_ridge_is_the_penalty_times_the_slopes(solver: str) -> None:
    """statsmodels 0.15.0 puts the scale into its objective; ½ deviance + ½ α Σ b² has the score X'(y − μ) = α b."""
    fit = nd.glm_fit(X, COUNTS, "poisson", penalty=nd.Ridge(3.0), solver=solver)
    slopes = np.asarray(fit.coef)[1:]
    assert X.T @ (COUNTS - fit.fitted) == pytest.approx(np.r_[0.0, 3.0 * slopes], abs=1e-8)


@pytest.mark.parametrize(("family", "y", "intercept"), [("poisson", COUNTS, np.log), ("gaussian", AMOUNTS, np.asarray)])
def test_the_intercept_is_free(family: str, y: np.ndarray, intercept: np.ufunc) -> None:
    """statsmodels 0.15.0 penalises it: .71 at alpha = .5, nearly all slopes 0, where the log of the mean is .93."""
    fit = nd.glm_fit(X, y, family, penalty=nd.Ridge(1e12))
    assert np.abs(fit.coef[1:]).max() < 1e-8
    assert fit.coef[0] == pytest.approx(intercept(y.mean()), rel=1e-8)
    assert fit.fitted.sum() == pytest.approx(y.sum(), rel=1e-10)  # at every penalty
    weak = nd.glm_fit(X, y, family, penalty=nd.Ridge(0.5))
    assert weak.fitted.sum() == pytest.approx(y.sum(), rel=1e-10)


@pytest.mark.parametrize("family", ["poisson", "gaussian"])
def test_frequencies_under_a_ridge_are_repeated_rows(family: str) -> None:
    """statsmodels 0.15.0 fit_regularized divides by rows and not by the sum of freq_weights: .515 for .508."""
    counts = np.random.default_rng(3).integers(1, 5, 80)
    y = COUNTS if family == "poisson" else AMOUNTS
    weighted = nd.glm_fit(X, y, family, penalty=nd.Ridge(2.0), weights=nd.frequency(counts))
    rows = np.repeat(np.arange(80), counts)
    repeated = nd.glm_fit(X[rows], y[rows], family, penalty=nd.Ridge(2.0))
    assert np.asarray(weighted.coef) == pytest.approx(np.asarray(repeated.coef), rel=1e-8)
    assert (weighted.df_resid, weighted.aic) == pytest.approx((repeated.df_resid, repeated.aic), rel=1e-8)


def test_a_ridge_is_not_divided_by_the_number_of_rows() -> None:
    """Peers that divide by n need α/n for the same fit: twice the rows at twice the penalty are the same fit here."""
    once = nd.glm_fit(X, COUNTS, "poisson", penalty=nd.Ridge(2.0))
    twice = nd.glm_fit(np.vstack([X, X]), np.r_[COUNTS, COUNTS], "poisson", penalty=nd.Ridge(4.0))
    assert np.asarray(twice.coef) == pytest.approx(np.asarray(once.coef), rel=1e-8)


# What may be said afterwards


@pytest.mark.parametrize("alpha", [0.1, 5.0, 500.0])
def test_a_penalised_fit_has_no_p_values_and_stays_penalised(alpha: float) -> None:
    """H2O 3.46.0.12 asked for p-values turns the penalty off, .305 for .254; Spark 4.3.0 prints unadjusted errors."""
    fit = nd.glm_fit(X, COUNTS, "poisson", penalty=nd.Ridge(alpha))
    before = np.asarray(fit.coef).copy()
    table, interval = fit.table(), fit.predict(X[:3], interval="confidence")
    assert isinstance(interval, nd.Table)
    for column in ("se", "p", "lower", "upper"):
        assert np.isnan(table[column]).all()
    assert np.isnan(interval["lower"]).all() and np.isnan(interval["upper"]).all()
    assert np.array_equal(table["estimate"], before)
    assert "ridge: no standard errors" in str(fit.summary())
    assert X.T @ (COUNTS - fit.fitted) == pytest.approx(np.r_[0.0, alpha * before[1:]], abs=1e-7)


def test_a_ridge_of_zero_is_no_penalty() -> None:
    """A penalty of zero must switch off neither the errors nor the search for separation."""
    plain, zero = (nd.glm_fit(X, COUNTS, "poisson", penalty=p) for p in ("unpenalised", nd.Ridge(0.0)))
    assert np.asarray(zero.se) == pytest.approx(np.asarray(plain.se), rel=1e-12)
    x = np.repeat([0.0, 1.0], 6)
    with pytest.warns(nd.BoundaryWarning, match="separation"):
        nd.glm_fit(np.column_stack([np.ones(12), x]), x, "binomial", penalty=nd.Ridge(0.0))


# No penalty that nobody asked for


@pytest.mark.parametrize("unit", [1e-6, 1.0, 1e6])
def test_nothing_is_penalised_unless_asked(unit: float) -> None:
    """scikit-learn 1.9.1 by default turns 19.95 into .0025 (Poisson) and 12.36 into .14 (logit), by a column's unit."""
    x = np.repeat([0.0, unit], 50)
    X = np.column_stack([np.ones(100), x])
    count = np.r_[np.full(50, 1.0), np.full(50, 6.0)]
    yes = np.r_[np.arange(50) < 10, np.arange(50) < 45].astype(float)
    poisson, logit = nd.glm_fit(X, count, "poisson"), nd.glm_fit(X, yes, "binomial")
    assert unit * poisson.coef[1] == pytest.approx(np.log(6.0), rel=1e-10)
    assert unit * logit.coef[1] == pytest.approx(np.log(9.0) - np.log(0.25), rel=1e-10)
    assert unit * poisson.se[1] == pytest.approx(np.sqrt(1 / 50 + 1 / 300), rel=1e-9)
    assert unit * logit.se[1] == pytest.approx(np.sqrt(1 / 10 + 1 / 40 + 1 / 45 + 1 / 5), rel=1e-9)
    assert poisson.solved.penalty == logit.solved.penalty == "unpenalised"
