"""Rows with equal covariates may be solved as one: every number of the fit stays what it is."""

import numpy as np
import pytest

import nelder as nd
from nelder.loss import Loss
from nelder.mean import Mean

N, PHI = 240, 0.05
FORMULA = "y ~ f * x + g"


def table(random, n=N):
    """Two factors and a number of few values; every combination occurs."""
    return {
        "f": np.resize(np.array(["a", "b", "c"]), n),
        "g": np.array(["k", "l"])[random.integers(2, size=n)],
        "x": random.integers(4, size=n) / 2.0,
    }


def linear_predictor(data, low, high):
    """η (n,) between two ends."""
    effect = 0.3 * (data["f"] == "b") - 0.2 * (data["g"] == "l") + 0.25 * data["x"]
    return low + (high - low) * (0.3 + 0.4 * effect / 0.75)


def response(random, loss, eta, sampler, weight):
    """y (n,) of this family around these means."""
    family, mean = sampler(loss.family), Mean(loss.link, eta)
    if not family.has_likelihood:
        spread = PHI * family.variance(mean) / mean.mu**2
        return random.gamma(1 / spread, mean.mu * spread)
    return family.sample(random, mean, 1.0 if family.dispersion_known else PHI, weight)


def assert_same(cells, rows):
    """Equal to 1e-10, and coefficients to what a solver leaves, in standard errors."""
    close = {"rel": 1e-10, "abs": 1e-10, "nan_ok": True}
    assert any("cells, exact" in note for note in cells.notes) and not any("cells" in note for note in rows.notes)
    error = np.asarray(rows.se)
    assert np.all(np.abs(np.asarray(cells.coef) - np.asarray(rows.coef)) <= 1e-10 * np.maximum(error, 1e-3))
    assert np.asarray(cells.se) == pytest.approx(error, **close)
    for name in ("deviance", "null_deviance", "loglik", "aic", "bic", "dispersion", "df_resid", "df_null"):
        assert getattr(cells, name) == pytest.approx(getattr(rows, name), **close), name
    assert cells.statistics.pearson == pytest.approx(rows.statistics.pearson, **close)
    assert (cells.converged, cells.reason, cells.warnings) == (rows.converged, rows.reason, rows.warnings)
    assert cells.fitted == pytest.approx(rows.fitted, **close)


def assert_rows_are_there(cells, rows):
    """What is asked of single rows is answered by single rows."""
    close = {"rel": 1e-9, "abs": 1e-9, "nan_ok": True}
    for kind in ("HC0", "HC1", "HC2", "HC3"):
        assert cells.covariance(kind) == pytest.approx(rows.covariance(kind), **close)
    for kind in ("deviance", "pearson", "working", "response"):
        assert cells.residuals(kind) == pytest.approx(rows.residuals(kind), **close)
    assert cells.influence().leverage == pytest.approx(rows.influence().leverage, **close)


@pytest.mark.filterwarnings("ignore::nelder.ResponseWarning")  # means of counts
@pytest.mark.parametrize("link", [None, nd.Log(), nd.Power(0.5), nd.Identity()], ids=str)
def test_cells_are_exact_for_every_family(each_family, link, eta_inside, sampler):
    random = np.random.default_rng(1981)
    loss = Loss(each_family, link or each_family.default_link)
    data = table(random)
    weight = random.integers(1, 4, size=N).astype(float)
    weight *= 10.0 if each_family.mean_interval == (0.0, 1.0) else 1.0
    data["y"] = response(random, loss, linear_predictor(data, *eta_inside(loss)), sampler, weight)
    given = (FORMULA, data, each_family, loss.link)
    cells, rows = (nd.glm(*given, weights=weight, compress=compress) for compress in (True, False))
    assert_same(cells, rows)
    if link is None:
        assert_rows_are_there(cells, rows)
