"""What makes a family a family: deviance, score and weights all follow from the variance, under every link."""

import numpy as np
import pytest

from nelder.errors import CapabilityError, SupportError
from nelder.families import FAMILIES
from nelder.links import LINKS, Identity
from nelder.loss import Loss
from nelder.mean import Mean

EPS = np.finfo(float).eps
RESPONSES = np.array([-1.0, 0.0, 0.2, 0.5, 0.9, 1.0, 2.0, 7.0])


@pytest.fixture
def rows(eta_inside):
    """Every response the family can produce, crossed with η well inside the domain: y (n,) and η (n,)."""

    def cross(loss):
        y = RESPONSES[loss.family.in_support(RESPONSES)]
        # an even number of points: none is zero, where a relative step is none
        eta = np.linspace(*eta_inside(loss), 6)
        return (a.ravel() for a in np.meshgrid(y, eta))

    return cross


def derivative(f, eta):
    """df/dη by a fourth-order difference, worth 1e-10 by truncation and 1e-12 of f/η by rounding."""
    step = 2e-4 * np.abs(eta)
    return (f(eta - 2 * step) - 8 * f(eta - step) + 8 * f(eta + step) - f(eta + 2 * step)) / (12 * step)


def close(got, wanted, scale):
    """Equal to 1e-8 of the size of what was differenced."""
    return np.all(np.abs(got - wanted) <= 1e-8 * (np.abs(wanted) + scale))


def test_deviance_is_zero_only_where_the_response_is_the_mean(each_loss, eta_inside):
    family, link = each_loss.family, each_loss.link
    eta = np.linspace(*eta_inside(each_loss), 23)
    mean = Mean(link, eta)
    at = family.unit_deviance(mean.mu, mean)
    # y and μ differ by roundings of μ, η and their logarithms, and the deviance is (y − μ)² / V
    rounding = EPS * (np.abs(mean.mu) * (1 + np.abs(mean.log)) + np.abs(eta * mean.slope))
    if each_loss.mean_bounds[0] < 0:
        rounding = EPS * (np.abs(mean.mu) + np.abs(eta * mean.slope))
    assert np.all(at >= 0)
    assert np.all(at <= (8 * rounding) ** 2 / family.variance(mean))
    away = family.unit_deviance(mean.mu[::-1], mean)
    assert np.all(away[mean.mu[::-1] != mean.mu] > 0)


def test_natural_loss_is_half_the_deviance_but_for_a_constant(each_loss, rows):
    y, eta = rows(each_loss)
    family, mean, other = each_loss.family, Mean(each_loss.link, eta), Mean(each_loss.link, np.full_like(eta, eta[0]))
    change = family.natural_loss(y, mean) - family.natural_loss(y, other)
    expected = 0.5 * (family.unit_deviance(y, mean) - family.unit_deviance(y, other))
    size = sum(np.abs(family.natural_loss(y, at)) + family.unit_deviance(y, at) for at in (mean, other))
    assert np.all(np.abs(change - expected) <= 32 * EPS * (size + np.abs(y) * (1 + np.abs(eta))))


def test_deviance_grows_away_from_the_mean(each_loss, rows):
    y, eta = rows(each_loss)
    mean = Mean(each_loss.link, eta)
    farther = Mean(Identity(), np.where(y > mean.mu, 0.999, 1.001) * mean.mu)
    further = each_loss.family.in_support(y) & (mean.mu > 0) & (each_loss.mean_bounds[1] > farther.mu)
    nearer = each_loss.family.unit_deviance(y, mean)
    assert np.all(nearer >= 0)
    assert np.all((each_loss.family.unit_deviance(y, farther) > nearer)[further])


def test_score_is_minus_half_the_slope_of_the_deviance(each_loss, rows):
    y, eta = rows(each_loss)
    family, link = each_loss.family, each_loss.link
    numeric = -0.5 * derivative(lambda t: family.unit_deviance(y, Mean(link, t)), eta)
    mean = Mean(link, eta)
    scale = family.unit_deviance(y, mean) / np.abs(eta)
    # a deviance of y² at V = 1 has roundings of y², also where it is nearly zero
    scale = scale + EPS / 1e-11 * (1 + y**2) * (1 + 1 / np.abs(eta)) / family.variance(mean)
    assert close(family.score(y, mean), numeric, scale)


def test_score_is_the_residual_times_slope_over_variance(each_loss, rows):
    y, eta = rows(each_loss)
    mean = Mean(each_loss.link, eta)
    expected = (y - mean.mu) * mean.slope / each_loss.family.variance(mean)
    assert each_loss.family.score(y, mean) == pytest.approx(expected, rel=1e-12, abs=1e-13)


def test_expected_weight_is_slope_squared_over_variance(each_loss, rows):
    _, eta = rows(each_loss)
    mean = Mean(each_loss.link, eta)
    variance = each_loss.family.variance(mean)
    # the canonical shortcut is held to the general formula too
    assert each_loss.family.natural_slope(mean) == pytest.approx(mean.slope / variance, rel=1e-13, abs=0)
    assert each_loss.family.expected_weight(mean) == pytest.approx(mean.slope**2 / variance, rel=1e-13, abs=0)


def test_observed_weight_is_minus_the_slope_of_the_score(each_loss, rows):
    y, eta = rows(each_loss)
    family, link = each_loss.family, each_loss.link
    numeric = -derivative(lambda t: family.score(y, Mean(link, t)), eta)
    mean = Mean(link, eta)
    scale = np.abs(family.score(y, mean) / eta) + family.expected_weight(mean)
    assert close(family.observed_weight(y, mean), numeric, scale)


def test_observed_weight_has_the_expected_weight_as_its_mean(each_loss, rows):
    """It is linear in y, so that at y = μ it is its own expectation."""
    _, eta = rows(each_loss)
    mean = Mean(each_loss.link, eta)
    expected = each_loss.family.expected_weight(mean)
    assert each_loss.family.observed_weight(mean.mu, mean) == pytest.approx(expected, rel=1e-12, abs=0)


def test_log_variance_slope_is_the_derivative(each_loss, rows):
    _, eta = rows(each_loss)
    family, link = each_loss.family, each_loss.link
    numeric = derivative(lambda t: family.log_variance(Mean(link, t)), eta)
    mean = Mean(link, eta)
    assert close(family.log_variance_slope(mean), numeric, (1 + np.abs(family.log_variance(mean))) / np.abs(eta))
    assert family.variance(mean) == pytest.approx(np.exp(family.log_variance(mean)), rel=1e-13, abs=0)


def test_log_density_has_the_score_as_its_slope(likely_loss, rows):
    family, link = likely_loss.family, likely_loss.link
    y, eta = rows(likely_loss)
    weight, phi = np.ones_like(y), 1.0 if family.dispersion_known else 0.4
    numeric = derivative(lambda t: family.log_density(y, Mean(link, t), phi, weight), eta)
    mean = Mean(link, eta)
    scale = (1 + np.abs(family.log_density(y, mean, phi, weight))) / np.abs(eta)
    assert close(family.score(y, mean) / phi, numeric, scale)


def test_log_density_differs_from_the_perfect_one_by_half_the_deviance(likely_loss, rows):
    """Where both exist: 2 φ (log f(y; y) − log f(y; μ)) = w d(y, μ)."""
    family, link = likely_loss.family, likely_loss.link
    y, eta = rows(likely_loss)
    low, high = family.mean_interval
    inside = (y > low) & (y < high)
    y, mean = y[inside], Mean(link, eta[inside])
    weight, phi = np.full_like(y, 2.0), 1.0 if family.dispersion_known else 0.4
    perfect = family.log_density(y, Mean(Identity(), y), phi, weight)
    lost = 2 * phi * (perfect - family.log_density(y, mean, phi, weight))
    scale = 2 * phi * (1 + np.abs(perfect))
    assert np.all(np.abs(lost - weight * family.unit_deviance(y, mean)) <= 1e-12 * (scale + np.abs(lost)))


def test_everything_takes_any_shape(each_loss, rows):
    y, eta = rows(each_loss)
    family, link = each_loss.family, each_loss.link
    square = (y.reshape(6, -1), Mean(link, eta.reshape(6, -1)))
    flat = (y, Mean(link, eta))
    for f in (family.unit_deviance, family.residual, family.score, family.observed_weight):
        assert np.array_equal(f(*square), f(*flat).reshape(6, -1))
    for f in (family.variance, family.log_variance_slope, family.natural_slope, family.expected_weight):
        assert np.array_equal(f(square[1]), f(flat[1]).reshape(6, -1))


def test_start_means_are_inside_the_domain(each_family):
    y = RESPONSES[each_family.in_support(RESPONSES)]
    low, high = each_family.mean_interval
    # 0 and 1 need moving only where the family can produce them
    start = each_family.start_mean(y, np.ones_like(y))
    assert np.all((start > low) & (start < high))


BAD = np.array([0.5, np.nan, 0.5, np.inf, 0.5, -np.inf])


def test_impossible_responses_are_named_by_row(each_family):
    assert each_family.in_support(BAD).tolist() == [True, False, True, False, True, False]
    with pytest.raises(SupportError, match=r"rows 1, 3, 5 ") as error:
        each_family.validate(BAD)
    assert each_family.label() in str(error.value) and each_family.support in str(error.value)
    each_family.validate(BAD[::2])


@pytest.mark.parametrize("kind", [int, np.uint8, bool])
def test_likelihoods_of_whole_numbers_are_those_of_the_same_floats(likely_family, kind):
    family, phi = likely_family, 1.0 if likely_family.dispersion_known else 0.4
    y = np.arange(2 if kind is bool else 10)
    y = y[family.in_support(y.astype(float))].astype(kind)
    mean, weight = Mean(Identity(), np.linspace(0.2, 0.8, len(y))), np.ones(len(y))
    functions = [lambda y: family.log_density(y, mean, phi, weight)]
    if family.has_distribution:
        functions += [lambda y: family.cdf(y, mean, phi, weight), lambda y: family.cdf_below(y, mean, phi, weight)]
    if kind is int:
        functions += [lambda y: family.log_saturated(y, phi, weight), lambda y: family.unit_deviance(y, mean)]
    for f in functions:
        assert np.array_equal(f(y), f(y.astype(float)))


def test_samples_have_the_mean_and_the_variance_stated(likely_family):
    n, phi = 200_000, 1.0 if likely_family.dispersion_known else 0.4
    random = np.random.default_rng(1972)
    for mu, w in ((0.3, 1.0), (0.7, 3.0)):
        mean = Mean(Identity(), np.full(n, mu))
        y = likely_family.sample(random, mean, phi, np.full(n, w))
        variance = phi * float(likely_family.variance(mean)[0]) / w
        away = y - mu
        assert likely_family.in_support(y).all()
        assert abs(away.mean()) < 5 * np.sqrt(variance / n)
        assert abs((away**2).mean() - variance) < 5 * (away**2).std() / np.sqrt(n)


def test_quasi_families_say_that_they_have_no_likelihood(each_family):
    mean, one = Mean(Identity(), np.array([0.5])), np.ones(1)
    if each_family.has_likelihood:
        assert np.isfinite(each_family.log_density(one, mean, 0.5, one)).all()
        return
    with pytest.raises(CapabilityError, match="no likelihood"):
        each_family.log_density(one, mean, 1.0, one)
    with pytest.raises(CapabilityError, match="no distribution"):
        each_family.sample(np.random.default_rng(0), mean, 1.0, one)


def test_families_with_equal_options_are_equal(each_family):
    options = each_family.options()
    again = type(each_family)(*options.values())
    assert again == each_family and hash(again) == hash(each_family) and again.label() == each_family.label()


NOT_CONVEX = [
    Loss(FAMILIES["gaussian"](), LINKS["log"]()),
    Loss(FAMILIES["poisson"](), LINKS["inverse"]()),
    Loss(FAMILIES["binomial"](), LINKS["cauchit"]()),
    Loss(FAMILIES["gamma"](), LINKS["identity"]()),
    Loss(FAMILIES["inverse_gaussian"](), LINKS["log"]()),
    Loss(FAMILIES["tweedie"](2.5), LINKS["log"]()),
    Loss(FAMILIES["negative_binomial"](2.0), LINKS["identity"]()),
]


def sagging(loss):
    """How far half the deviance rises above its chords on grids of η, relative to its size: ≤ 0 where it is convex."""
    low, high = np.clip(loss.bounds, -20.0, 20.0)
    inside = (np.arange(400) + 0.5) / 400
    worst = -np.inf
    for eta in (low + (high - low) * inside, low + (high - low) * inside**4, high - (high - low) * inside**4):
        y = RESPONSES[loss.family.in_support(RESPONSES)][:, None]
        middle = 0.5 * (eta[:-2] + eta[2:])
        before, at, after = (
            0.5 * loss.family.unit_deviance(y, Mean(loss.link, e)) for e in (eta[:-2], middle, eta[2:])
        )
        size = np.abs(before) + 2 * np.abs(at) + np.abs(after)
        known = np.isfinite(size) & (size > 1e-6)  # below, the difference is rounding
        worst = max(worst, float(np.max(((2 * at - before - after) / size)[known], initial=-np.inf)))
    return worst


def test_a_deviance_that_is_called_convex_is(each_loss):
    called = each_loss.link.name in each_loss.family.convex_links
    assert not called or sagging(each_loss) <= 1e-9


@pytest.mark.parametrize("loss", NOT_CONVEX, ids=lambda loss: f"{loss.family.label()}-{loss.link.label()}")
def test_a_deviance_that_is_not_convex_would_be_found_out(loss):
    assert loss.link.name not in loss.family.convex_links
    assert sagging(loss) > 1e-6
