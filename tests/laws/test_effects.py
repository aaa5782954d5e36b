"""Averages over rows for every family and every link: their values by definition, their errors by differences."""

from dataclasses import replace

import numpy as np
import pytest

import nelder as nd
from nelder.families import FAMILIES
from nelder.inference.effects.averaging import Averaging
from nelder.inference.effects.comparisons import comparisons
from nelder.inference.effects.marginal_means import Averaged, emmeans
from nelder.inference.effects.predictions import predictions
from nelder.inference.effects.slopes import slopes
from nelder.links import LINKS
from nelder.loss import Loss
from nelder.table import Named

RANDOM = np.random.default_rng(11)
N = 24
DATA = {"y": RANDOM.normal(size=N), "x": RANDOM.uniform(0.5, 2.0, N), "g": list("ab") * (N // 2)}
BASE = nd.glm("y ~ log(x)*g", DATA)
# every family with its own link, and every link with the family that takes any mean
ARGUMENTS = {"negative_binomial": (2.0,), "tweedie": (1.5,), "power": (0.5,), "quasi": ("mu(1-mu)",)}
MADE = [FAMILIES[name](*ARGUMENTS.get(name, ())) for name in FAMILIES]
LOSSES = [Loss(family, family.default_link) for family in MADE]
LOSSES += [Loss(nd.Gaussian(), LINKS[name](*ARGUMENTS.get(name, ()))) for name in LINKS if name != "identity"]
ROOT = RANDOM.normal(size=(4, 4))
COVARIANCE = ROOT @ ROOT.T


@pytest.fixture(params=LOSSES, ids=lambda loss: f"{loss.family.label()}-{loss.link.label()}")
def fit(request, eta_inside):
    """A fit with coefficients of our choice, whose means are well inside what family and link allow."""
    loss = request.param
    low, high = eta_inside(loss)
    steps = np.array([0.0, 0.2, -0.15, 0.1]) * (high - low)
    coef = Named(np.array([(low + high) / 2, 0, 0, 0]) + steps, BASE.names)
    return replace(BASE, family=loss.family, link=loss.link, coef=coef, unscaled=COVARIANCE)


def mean_of(fit, x=None, g=None, beta=None):
    """The average mean over the rows, with another x, g or β."""
    u = np.log(DATA["x"] if x is None else x)
    b = np.array([level == "b" for level in (DATA["g"] if g is None else [g] * N)], dtype=float)
    X = np.column_stack([np.ones(N), u, b, u * b])
    return float(np.mean(fit.link.mean(X @ (np.asarray(fit.coef) if beta is None else beta))))


def delta_se(fit, function):
    """The standard error of a function of β, by differences of fourth order."""
    beta, gradient = np.asarray(fit.coef), np.zeros(4)
    for j in range(4):
        step = np.zeros(4)
        step[j] = h = 1e-3 * (1e-2 + abs(beta[0]))
        near, far = (function(beta + k * step) - function(beta - k * step) for k in (1, 2))
        gradient[j] = (8 * near - far) / (12 * h)
    return np.sqrt(fit.dispersion * gradient @ COVARIANCE @ gradient)


def slope_of(fit, beta=None):
    """The average derivative of the mean in x, by differences of fourth order."""
    h, x = 1e-3, DATA["x"]
    near, far = (mean_of(fit, x + k * h, beta=beta) - mean_of(fit, x - k * h, beta=beta) for k in (1, 2))
    return (8 * near - far) / (12 * h)


def test_a_prediction_is_the_mean_of_means(fit):
    found = predictions(fit).table()
    assert found["estimate"] == pytest.approx(mean_of(fit), rel=1e-12)
    assert found["se"] == pytest.approx(delta_se(fit, lambda beta: mean_of(fit, beta=beta)), rel=1e-6)
    assert found["lower"] < found["estimate"] < found["upper"]


def test_a_prediction_at_a_value_gives_it_to_every_row(fit):
    found = predictions(fit, Averaging(at={"g": ["a", "b"]})).table()
    assert found["estimate"] == pytest.approx([mean_of(fit, g="a"), mean_of(fit, g="b")], rel=1e-12)
    assert found["se"][1] == pytest.approx(delta_se(fit, lambda beta: mean_of(fit, g="b", beta=beta)), rel=1e-6)


def test_a_slope_is_the_derivative_of_the_mean(fit):
    found = slopes(fit, "x").table()
    assert found["estimate"] == pytest.approx(slope_of(fit), rel=1e-8)
    assert found["se"] == pytest.approx(delta_se(fit, lambda beta: slope_of(fit, beta)), rel=1e-5)


def test_a_comparison_is_the_difference_of_means(fit):
    def difference(beta):
        return mean_of(fit, g="b", beta=beta) - mean_of(fit, g="a", beta=beta)

    found = comparisons(fit, "g").table()
    assert found["estimate"] == pytest.approx(difference(np.asarray(fit.coef)), rel=1e-9)
    assert found["se"] == pytest.approx(delta_se(fit, difference), rel=1e-6)


def test_a_ratio_has_its_error_on_the_logarithm(fit):
    def log_ratio(beta):
        return np.log(mean_of(fit, g="b", beta=beta) / mean_of(fit, g="a", beta=beta))

    if fit.family.mean_interval[0] < 0 and fit.link.mean_interval[0] < 0:
        with pytest.raises(nd.CapabilityError, match="a ratio needs positive means"):
            comparisons(fit, "g", kind="ratio")
        return
    found = comparisons(fit, "g", kind="ratio").table()
    assert found["estimate"] == pytest.approx(np.exp(log_ratio(np.asarray(fit.coef))), rel=1e-9)
    assert found["se"] / found["estimate"] == pytest.approx(delta_se(fit, log_ratio), rel=1e-6)
    assert found["lower"] < found["estimate"] < found["upper"]


def test_a_marginal_mean_is_that_of_the_mean_row(fit):
    asked = Averaged(by="g", at={"x": 1.3})
    link, response = (emmeans(fit, None, asked, scale).table() for scale in ("link", "response"))
    rows = {"x": [1.3, 1.3], "g": ["a", "b"]}
    assert link["estimate"] == pytest.approx(fit.predict(rows, kind="link"), rel=1e-12)
    exact = fit.predict(rows, interval="confidence")
    assert response["estimate"] == pytest.approx(exact["fit"], rel=1e-12)
    assert response["lower"] == pytest.approx(exact["lower"], rel=1e-9)
    assert response["upper"] == pytest.approx(exact["upper"], rel=1e-9)
    assert link["se"] == pytest.approx(exact["se"], rel=1e-9)
