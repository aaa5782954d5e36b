"""Traps in the numbers of a fit: standard errors, tests, dispersion, likelihoods and criteria."""

import mpmath as mp
import numpy as np
import pytest
from scipy import stats

import nelder as nd

X = np.column_stack([np.ones(60), np.random.default_rng(6).normal(size=60)])


def poisson_counts() -> np.ndarray:
    """Counts with some overdispersion, so that Pearson's φ is not 1."""
    random = np.random.default_rng(7)
    return np.asarray(random.poisson(random.gamma(2.0, np.exp(X @ [1.0, 0.4]) / 2.0)), dtype=float)


def information(weight: np.ndarray) -> np.ndarray:
    """X'WX."""
    return np.asarray(X.T @ (weight[:, None] * X))


def errors(of: np.ndarray) -> np.ndarray:
    """The standard errors that an information matrix stands for."""
    return np.asarray(np.sqrt(np.diagonal(np.linalg.inv(of))))


# Standard errors


def test_gaussian_errors_are_those_of_least_squares() -> None:
    """pyfixest 0.60.0 feglm fixes φ at 1: .071 for .341 at σ = 5; glum 3.4.1 corrects φ twice: 1.054 times."""
    y = X @ [1.0, 2.0] + 5.0 * np.random.default_rng(5).normal(size=60)
    fit = nd.glm_fit(X, y)
    residual = y - X @ np.linalg.lstsq(X, y, rcond=None)[0]
    variance = residual @ residual / 58
    assert fit.dispersion == pytest.approx(variance, rel=1e-12)
    assert np.asarray(fit.se) == pytest.approx(np.sqrt(variance) * errors(X.T @ X), rel=1e-12)


@pytest.mark.parametrize("family", ["poisson", "binomial"])
def test_counts_and_proportions_have_dispersion_one(family: str) -> None:
    """glum 3.4.1 with robust=False scales by Pearson's φ and by n/(n-p): 1.14 times R's and statsmodels' at n = 60."""
    y = poisson_counts()
    y = y if family == "poisson" else (y > 2).astype(float)
    fit = nd.glm_fit(X, y, family)
    mu = fit.fitted
    assert fit.dispersion == 1.0
    assert np.asarray(fit.se) == pytest.approx(
        errors(information(mu if family == "poisson" else mu * (1 - mu))), rel=1e-9
    )


def test_errors_do_not_depend_on_the_solver() -> None:
    """statsmodels 0.15.0 reports expected information after IRLS and observed after Newton: .0802 and .0758."""
    y = poisson_counts()
    fits = [
        nd.glm_fit(X, y, "negative_binomial(2)", solver=s) for s in ("newton", "irls", "lbfgs", nd.GradientDescent())
    ]
    mu = fits[0].fitted
    for fit in fits:
        # log link, variance μ + μ²/θ: expected weight μ² / (μ + μ²/2)
        assert np.asarray(fit.se) == pytest.approx(errors(information(mu / (1 + mu / 2))), rel=1e-8)


def test_errors_with_the_cloglog_link_follow_from_its_slope() -> None:
    """glum before 3.2.2 had a wrong second derivative of cloglog, which reached robust standard errors."""
    y = (poisson_counts() > 1).astype(float)
    fit = nd.glm_fit(X, y, "binomial", "cloglog")
    eta = X @ np.asarray(fit.coef)
    mu, slope = -np.expm1(-np.exp(eta)), np.exp(eta - np.exp(eta))
    assert np.asarray(fit.se) == pytest.approx(errors(information(slope**2 / (mu * (1 - mu)))), rel=1e-9)
    score = X.T @ (slope * (y - mu) / (mu * (1 - mu)))
    assert np.abs(score).max() < 1e-9


# Tests


def test_p_values_are_students_where_the_dispersion_is_estimated() -> None:
    """statsmodels 0.15.0 GLM uses z for a Gaussian, p = .010 for OLS's .028; glum 3.4.1 puts z under t_value."""
    x, y = np.arange(1.0, 9), [3.1, 2.2, 4.8, 3.3, 2.9, 5.6, 4.1, 5.2]
    table = nd.glm("y ~ x", {"x": x, "y": y}).table()
    # R 4.2.2: summary(lm(y ~ x)); with z the second would be .047
    assert table["t"] == pytest.approx([3.1431439180070124, 1.9830662257359017], rel=1e-12)
    assert table["p"] == pytest.approx([0.019987926110772204, 0.094620954981132835], rel=1e-12)
    assert "z" not in list(table)


def test_p_values_are_normal_where_the_dispersion_is_known() -> None:
    """glum 3.4.1 labels the column t_value in every family."""
    table = nd.glm_fit(X, poisson_counts(), "poisson").table()
    assert "t" not in list(table)
    assert table["p"] == pytest.approx(2 * stats.norm.sf(np.abs(table["z"])), rel=1e-9)


# Likelihoods and criteria


def test_a_quasi_family_has_no_aic() -> None:
    """statsmodels 0.15.0 after scale="X2" prints an AIC of 832 where Poisson has 2702."""
    x, y = np.arange(1.0, 10), [3, 0, 9, 2, 14, 5, 21, 8, 30]
    fit = nd.glm("y ~ x", {"x": x, "y": y}, "quasipoisson")
    assert np.isnan([fit.loglik, fit.aic, fit.bic]).all()
    assert "no likelihood, so no AIC" in str(fit.summary())
    # R 4.2.2: summary(glm(y ~ x, quasipoisson))
    assert fit.dispersion == pytest.approx(4.1457673156839903, rel=1e-6)
    assert np.asarray(fit.se) == pytest.approx([0.679548064339402624, 0.095944686150476854], rel=1e-6)
    assert fit.table()["p"] == pytest.approx([0.386407384723960023, 0.020129536604299655], rel=1e-6)


@pytest.mark.parametrize(
    ("family", "link", "aic"),
    [
        # R 4.2.2: AIC(glm(lot1 ~ log(u), Gamma)), Gamma(log) and inverse.gaussian(log), on the example of ?glm
        ("gamma", "inverse", 37.989923949554594),
        ("gamma", "log", 58.481656207698201),
        ("inverse_gaussian", "log", 55.578874340238748),
    ],
)
def test_the_aic_of_positive_amounts_is_that_of_r(family: str, link: str, aic: float) -> None:
    """statsmodels 0.15.0 has a Gamma AIC of 826.3 where R has 828.7."""
    clotting = {"u": [5, 10, 15, 20, 30, 40, 60, 80, 100], "lot1": [118, 58, 42, 35, 27, 25, 21, 19, 18]}
    assert nd.glm("lot1 ~ log(u)", clotting, family, link).aic == pytest.approx(aic, rel=1e-9)


def test_the_inverse_gaussian_likelihood_is_its_density() -> None:
    """glum before 3.2.3 returned nan for it, and before 3.1.1 had the sign of its gradients wrong."""
    y = np.random.default_rng(1).wald(np.exp(X @ [0.5, 0.3]), 4.0)
    fit = nd.glm_fit(X, y, "inverse_gaussian", "log")
    mu, phi = fit.fitted, fit.deviance / 60
    density = -0.5 * np.log(2 * np.pi * phi * y**3) - (y - mu) ** 2 / (2 * phi * mu**2 * y)
    assert fit.loglik == pytest.approx(density.sum(), rel=1e-12)
    assert np.abs(X.T @ ((y - mu) / mu**2)).max() < 1e-9  # the score: (y − μ) / μ³ · dμ/dη


def test_the_tweedie_likelihood_is_a_sum_over_the_number_of_claims() -> None:
    """H2O had the sign of the Tweedie log-likelihood flipped in its AIC (h2o issue 15891)."""
    random = np.random.default_rng(3)
    y = np.array([random.gamma(2.0, 0.4, claims).sum() for claims in random.poisson(np.exp(X @ [0.2, 0.3]))])
    assert 0 < np.sum(y == 0) < 30
    power = 1.6
    fit = nd.glm_fit(X, y, nd.Tweedie(power))
    phi = fit.deviance / 60
    logs = [compound_poisson(amount, mu, phi, power) for amount, mu in zip(y, fit.fitted, strict=True)]
    assert fit.loglik == pytest.approx(sum(logs), rel=1e-10)
    assert fit.aic == pytest.approx(2 * 3 - 2 * fit.loglik, rel=1e-14)  # two coefficients and φ


def compound_poisson(y: float, mu: float, phi: float, power: float) -> float:
    """log f(y) of a Poisson number of gamma amounts with mean μ and variance φ μ^p, by the law of total probability."""
    rate = mp.mpf(mu) ** (2 - power) / (phi * (2 - power))
    if y == 0:
        return float(-rate)
    shape, scale = (2 - power) / (power - 1), phi * (power - 1) * mp.mpf(mu) ** (power - 1)
    total = mp.mpf(0)
    for claims in range(1, 200):
        chance = mp.exp(-rate) * rate**claims / mp.factorial(claims)
        k = claims * shape
        total += chance * mp.mpf(y) ** (k - 1) * mp.exp(-y / scale) / (mp.gamma(k) * scale**k)
    return float(mp.log(total))


# Robust standard errors


@pytest.mark.parametrize("link", ["logit", "cloglog"])
@pytest.mark.parametrize("kind", ["HC0", "HC1", "HC2", "HC3"])
def test_each_robust_covariance_is_the_one_that_is_named(kind: str, link: str) -> None:
    """statsmodels 0.15.0 returns HC0 for HC1, HC2 and HC3 of a GLM; glum's were wrong for cloglog until 3.2.2."""
    y = (poisson_counts() > 2).astype(float)
    fit = nd.glm_fit(X, y, "binomial", link)
    mu, eta = fit.fitted, X @ np.asarray(fit.coef)
    slope = mu * (1 - mu) if link == "logit" else np.exp(eta - np.exp(eta))
    weight = slope**2 / (mu * (1 - mu))
    bread = np.linalg.inv(information(weight))
    leverage = weight * np.einsum("ij,jk,ik->i", X, bread, X)
    factor = {"HC0": 1.0, "HC1": 60 / 58, "HC2": 1 / (1 - leverage), "HC3": 1 / (1 - leverage) ** 2}[kind]
    scores = X * ((y - mu) * slope / (mu * (1 - mu)) * np.sqrt(factor * np.ones(60)))[:, None]
    expected = np.sqrt(np.diagonal(bread @ (scores.T @ scores) @ bread))
    robust = fit.with_covariance(kind)
    assert np.asarray(robust.se) == pytest.approx(expected, rel=1e-9)
    assert kind in str(robust.summary())


def test_robust_errors_see_no_unit_of_the_weights() -> None:
    """statsmodels 0.15.0: freq_weights times 100 make a tenth of each error under HC1 too, as only copies should."""
    y = poisson_counts()
    plain, prior, copies = (
        np.asarray(nd.glm_fit(X, y, "poisson", weights=weights).with_covariance("HC1").se)
        for weights in (None, np.full(60, 100.0), nd.frequency(np.full(60, 100)))
    )
    assert prior == pytest.approx(plain, rel=1e-9)
    assert copies == pytest.approx(plain / 10 * np.sqrt(6000 / 5998 * 58 / 60), rel=1e-9)


# Comparing models


@pytest.mark.parametrize("test", ["F", "Chisq"])
def test_a_ratio_test_divides_by_the_dispersion(test: str) -> None:
    """GLM.jl's lrtest once compared deviances as they were, whatever their unit: times ten, another p-value."""
    random = np.random.default_rng(11)
    table = {"x": X[:, 1], "z": random.normal(size=60)}
    amount = X @ [1.0, 0.3] + random.normal(size=60)
    found = []
    for unit in (1.0, 10.0):
        fits = [nd.glm(formula, {**table, "y": unit * amount}) for formula in ("y ~ x + z", "y ~ x")]
        found.append(fits[0].compare(fits[1], test=test)["p"][-1])
    drop = (fits[1].deviance - fits[0].deviance) / fits[0].dispersion
    expected = stats.f.sf(drop, 1, 57) if test == "F" else stats.chi2.sf(drop, 1)
    assert found == pytest.approx([expected] * 2, rel=1e-9)


@pytest.mark.parametrize("folds", [2, 5, 60])
def test_the_deviance_of_cross_validation_is_a_mean_over_rows(folds: int) -> None:
    """glum's was off by the number of folds until 3.1.3."""
    y = poisson_counts()
    found = nd.glm_fit(X, y, "poisson").cross_validate(folds, seed=3)
    total = 0.0
    for out in (found.fold == label for label in np.unique(found.fold)):
        mu = np.exp(X[out] @ np.asarray(nd.glm_fit(X[~out], y[~out], "poisson").coef))
        total += float(2 * np.sum(np.where(y[out] > 0, y[out] * np.log(np.fmax(y[out], 1) / mu), 0) - y[out] + mu))
    assert found.deviance == pytest.approx(total / 60, rel=1e-9)


def test_p_values_of_a_model_that_was_chosen_are_said_not_to_hold() -> None:
    """statsmodels 0.15.0 with refit=True prints p-values as if the columns had been given."""
    random = np.random.default_rng(1)
    table = {f"x{j}": random.normal(size=60) for j in range(5)}
    fit = nd.glm("y ~ x0 + x1 + x2 + x3 + x4", {**table, "y": random.poisson(2.0, 60)}, "poisson")
    assert "p-values" not in str(fit.summary())
    assert "p-values, intervals and standard errors of the chosen model do not know" in str(fit.step().fit.summary())
