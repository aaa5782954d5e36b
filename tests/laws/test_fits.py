"""Every family fits through every link: the score vanishes and the estimates are near the truth."""

import numpy as np
import pytest

import nelder as nd
from nelder.mean import Mean

N, PHI = 400, 0.05
TRIALS = np.full(N, 20.0)


@pytest.fixture
def drawn(eta_inside, sampler):
    """X (n, 3), y (n,), prior weights (n,) and the β that the response was drawn at."""

    def draw(loss):
        random = np.random.default_rng(1972)
        X = np.column_stack([np.ones(N), random.uniform(-1, 1, (N, 2))])
        low, high = eta_inside(loss)
        beta = np.array([(low + high) / 2, (high - low) / 5, -(high - low) / 4])
        family, mean = sampler(loss.family), Mean(loss.link, X @ beta)
        weight = TRIALS if family.mean_interval == (0.0, 1.0) else np.ones(N)
        if not family.has_likelihood:  # a variance that nobody draws from: gamma noise of that size
            spread = PHI * family.variance(mean) / mean.mu**2
            return X, random.gamma(1 / spread, mean.mu * spread), weight, beta
        phi = 1.0 if family.dispersion_known else PHI
        return X, family.sample(random, mean, phi, weight), weight, beta

    return draw


def test_every_pair_fits(each_loss, drawn):
    X, y, weight, beta = drawn(each_loss)
    fit = nd.glm_fit(X, y, each_loss.family, each_loss.link, weights=weight)
    assert fit.converged and fit.warnings == ()
    assert np.all(np.abs(np.asarray(fit.coef) - beta) < 6 * np.asarray(fit.se))
    terms = weight[:, None] * X * each_loss.family.score(y, Mean(each_loss.link, X @ fit.coef))[:, None]
    # a solver stops within 1e-10 standard errors: |Σ terms| ≤ 1e-10 √(φ Σ w x²), and Σ |terms| is some √n larger
    assert np.all(np.abs(terms.sum(axis=0)) <= 1e-10 * np.abs(terms).sum(axis=0))
    assert fit.deviance <= fit.null_deviance


def test_the_numbers_of_a_fit_belong_together(each_loss, drawn):
    X, y, weight, _ = drawn(each_loss)
    family, fit = each_loss.family, nd.glm_fit(X, y, each_loss.family, each_loss.link, weights=weight)
    mean = Mean(each_loss.link, X @ fit.coef)
    information = X.T @ ((weight * family.expected_weight(mean))[:, None] * X)
    assert fit.deviance == pytest.approx(weight @ family.unit_deviance(y, mean), rel=1e-12, abs=0)
    assert fit.covariance_unscaled == pytest.approx(np.linalg.inv(information), rel=1e-9, abs=0)
    assert (fit.df_resid, fit.df_null, fit.statistics.n) == (N - 3, N - 1, N)
    pearson = weight @ ((y - mean.mu) ** 2 / family.variance(mean))
    assert fit.dispersion == pytest.approx(1.0 if family.dispersion_known else pearson / (N - 3), rel=1e-12, abs=0)
    if not family.has_likelihood:
        assert np.isnan([fit.loglik, fit.aic, fit.bic]).all()
        return
    phi = 1.0 if family.dispersion_known else fit.deviance / weight.sum()
    loglik, parameters = family.log_density(y, mean, phi, weight).sum(), 3 + (not family.dispersion_known)
    assert fit.loglik == pytest.approx(loglik, rel=1e-12, abs=1e-9)
    assert fit.aic == pytest.approx(2 * parameters - 2 * loglik, rel=1e-12, abs=1e-9)
    assert fit.bic == pytest.approx(np.log(N) * parameters - 2 * loglik, rel=1e-12, abs=1e-9)


@pytest.mark.filterwarnings("ignore::nelder.errors.ResponseWarning")
def test_a_saturated_fit_has_no_deviance(each_loss, eta_inside):
    """As many coefficients as rows: the means are the responses, and that is an optimum like any other."""
    X = np.array([[1.0, 0.0, 0.0], [1.0, 1.0, 0.0], [1.0, 0.0, 1.0]])
    y = each_loss.link.mean(np.linspace(*eta_inside(each_loss), 3))
    fit = nd.glm_fit(X, y, each_loss.family, each_loss.link)
    assert fit.converged
    # a solver stops within 1e-10 standard errors, which are below ten means here; the deviance is that, squared
    assert fit.fitted == pytest.approx(y, rel=1e-9, abs=0)
    assert 0 <= fit.deviance <= 2e-20
    if each_loss.family.has_likelihood and not each_loss.family.dispersion_known:
        # three densities of −½ log(2π φ V) with φ below 1e-20 and V up to 27: above 60, and endless at φ = 0
        assert fit.loglik > 60
