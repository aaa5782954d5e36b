"""What holds for every score adjustment and every family: the estimate is the root of the adjusted score, as the papers
write it, with matrices in full.
"""

import numpy as np
import pytest

import nelder as nd
from nelder.families import FAMILIES
from nelder.links import LINKS
from nelder.loss import Loss
from nelder.mean import Mean
from nelder.penalties import PENALTIES, Firth, Jeffreys
from nelder.solvers import SOLVERS

N = 60
PAIRS = [
    ("gaussian", (), "identity"),
    ("gaussian", (), "log"),
    ("binomial", (), "logit"),
    ("binomial", (), "probit"),
    ("binomial", (), "loglog"),
    ("binomial", (), "cauchit"),
    ("poisson", (), "log"),
    ("poisson", (), "sqrt"),
    ("gamma", (), "log"),
    ("gamma", (), "inverse"),
    ("inverse_gaussian", (), "log"),
    ("negative_binomial", (2.0,), "log"),
    ("tweedie", (1.5,), "log"),
    ("quasi", ("mu^2",), "inverse"),
    ("quasipoisson", (), "log"),
    ("quasibinomial", (), "cloglog"),
]
LOSSES = [Loss(FAMILIES[name](*given), LINKS[link]()) for name, given, link in PAIRS]
ADJUSTMENTS = [made() for made in PENALTIES.values() if made().adjustment is not None] + [
    Firth("median"),
    Jeffreys(1.5),
]
each_pair = pytest.mark.parametrize("loss", LOSSES, ids=[f"{p[0]}-{p[2]}" for p in PAIRS])
each_adjustment = pytest.mark.parametrize("penalty", ADJUSTMENTS, ids=repr)


def drawn(loss):
    """X (n, 3), a response with means between ½ and 3, or ¼ and ¾, prior weights and an offset."""
    random, like = np.random.default_rng(11), getattr(loss.family, "like", loss.family)
    inside = (0.25, 0.75) if like.name == "binomial" else (0.5, 3.0)
    X = np.column_stack([np.ones(N), random.uniform(-1, 1, N), random.integers(0, 2, N)])
    low, high = sorted(float(loss.link.link(np.float64(mu))) for mu in inside)
    offset = 0.05 * (high - low) * random.uniform(-1, 1, N)
    weight = random.integers(1, 4, N).astype(float)
    mean = Mean(loss.link, low + (high - low) * (0.4 + X @ [0.0, 0.3, 0.25]) + offset)
    own = np.ones(len(weight)) if like.counts else weight  # whole numbers
    return X, like.sample(random, mean, 1.0 if like.dispersion_known else 0.1, own), weight, offset


def pieces(loss, X, y, weight, eta):
    """The score and the adjustments of the coefficients at φ = 1, by name, and the information."""
    mean = Mean(loss.link, eta)
    w = weight * loss.family.expected_weight(mean)
    V = np.linalg.inv(X.T @ (w[:, None] * X))
    kappa, v = mean.curvature, loss.family.log_variance_slope(mean)
    hat = np.diag(X @ V @ X.T) * w
    average = X.T @ (hat * kappa / 2)
    shift = np.zeros(X.shape[1])
    for j in range(len(shift)):
        hat_j = np.diag(X @ np.outer(V[j], V[j]) @ X.T) / V[j, j] * w
        shift[j] = V[j] @ X.T @ (hat_j * (v / 6 - kappa / 2))
    information = X.T @ (w[:, None] * X)
    added = {"firth": average, "median_bias": average + information @ shift, "jeffreys": X.T @ (hat * (2 * kappa - v))}
    return X.T @ (weight * loss.family.score(y, mean)), added, information


def fitted(loss, penalty):
    X, y, weight, offset = drawn(loss)
    return nd.glm_fit(X, y, loss.family, loss.link, weights=weight, offset=offset, penalty=penalty)


def refused(loss, penalty):
    """Whether the adjustment needs a distribution and the family has none."""
    return penalty.needs_likelihood and not loss.family.has_likelihood


@each_adjustment
@each_pair
def test_the_adjusted_score_vanishes_at_the_estimate(loss, penalty):
    if refused(loss, penalty):
        with pytest.raises(nd.CapabilityError, match=r"only mean and variance: use penalty='firth'"):
            fitted(loss, penalty)
        return
    fit, (X, y, weight, offset) = fitted(loss, penalty), drawn(loss)
    assert fit.converged and not fit.warnings
    score, added, information = pieces(loss, X, y, weight, X @ fit.coef + offset)
    power = getattr(penalty, "power", 1.0)
    left = score + fit.dispersion * power * added[penalty.name]
    inverse = np.linalg.inv(information)
    assert np.sqrt(left @ inverse @ left / fit.dispersion) < 1e-9
    assert fit.covariance() == pytest.approx(fit.dispersion * inverse, rel=1e-8)


@each_adjustment
@each_pair
def test_the_dispersion_solves_its_own_adjusted_score(loss, penalty):
    """Or is Pearson's, where no density says how it spreads."""
    if refused(loss, penalty):
        return
    fit, (X, _, weight, _) = fitted(loss, penalty), drawn(loss)
    family, phi, p = loss.family, fit.dispersion, X.shape[1]
    slopes = family.normaliser_slopes(weight / phi)
    if family.dispersion_known:
        assert phi == 1.0
    elif slopes is None:
        assert phi == pytest.approx(fit.statistics.pearson / (N - p), rel=1e-12)
    else:
        score = (fit.deviance - weight @ slopes[0]) / (2 * phi**2)
        ratio = -np.sum(weight**3 * slopes[2]) / np.sum(weight**2 * slopes[1])
        power = getattr(penalty, "power", 0.0)
        added = {
            ("firth", "mean"): (p - 2) / (2 * phi) + ratio / (2 * phi**2),
            ("firth", "median"): p / (2 * phi) + ratio / (6 * phi**2),
            ("median_bias", None): p / (2 * phi) + ratio / (6 * phi**2),
            ("jeffreys", None): 2 * power * (-(p + 4) / (2 * phi) + ratio / (2 * phi**2)),
        }[penalty.name, getattr(penalty, "dispersion", None)]
        assert score + added == pytest.approx(0.0, abs=1e-10 * fit.deviance / phi**2)


@each_adjustment
@each_pair
def test_the_units_of_a_column_do_not_matter(loss, penalty):
    if refused(loss, penalty):
        return
    (X, y, weight, offset), units = drawn(loss), np.array([1.0, 1e5, 3e-7])
    fit = nd.glm_fit(X * units, y, loss.family, loss.link, weights=weight, offset=offset, penalty=penalty)
    assert fit.coef * units == pytest.approx(np.asarray(fitted(loss, penalty).coef), rel=1e-8, abs=1e-10)


@pytest.mark.parametrize("solver", SOLVERS)
@each_adjustment
def test_solvers_that_descend_are_refused(penalty, solver):
    X, y, *_ = drawn(LOSSES[2])
    with pytest.raises(
        nd.CapabilityError, match=f"solver '{solver}' descends on an objective, and penalty '{penalty.name}' has none"
    ):
        nd.glm_fit(X, np.round(y), "binomial", penalty=penalty, solver=solver)
