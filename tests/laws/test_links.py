"""What makes a link a link: it has an inverse, a slope, a curvature and tails."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nelder.mean import Mean

REALS, POSITIVE = (-np.inf, np.inf), (0.0, np.inf)
# within these η, μ is not so near an end of its interval that g(μ) loses digits: there dη/dμ · μ is modest
REACH = {REALS: (-3.0, 3.0), POSITIVE: (0.05, 20.0)}
UNIT_FLOATS = st.lists(st.floats(0.0, 1.0, exclude_min=True, exclude_max=True), min_size=1, max_size=8)


def eta_grid(link, size=41):
    low, high = REACH[link.eta_interval]
    return np.linspace(low, high, size) if low < 0 else np.geomspace(low, high, size)


@settings(max_examples=50)
@given(shares=UNIT_FLOATS)
def test_link_inverts_mean(each_link, shares):
    low, high = REACH[each_link.eta_interval]
    eta = low + (high - low) * np.array(shares)
    eta = np.where(np.abs(eta) < 1e-3, 1e-3, eta)
    mean = Mean(each_link, eta)
    # an error of one rounding in μ is one of μ/slope in η
    rounding = np.finfo(float).eps * (np.abs(eta) + np.abs(mean.mu / mean.slope))
    assert np.all(np.abs(each_link.link(mean.mu) - eta) <= 16 * rounding)


@settings(max_examples=50)
@given(shares=UNIT_FLOATS)
def test_mean_inverts_link(each_link, shares):
    u = np.clip(np.array(shares), 1e-9, 1 - 1e-9)
    low, high = each_link.mean_interval
    mu = u if high == 1.0 else np.exp(40 * (u - 0.5)) if low == 0.0 else 40 * (u - 0.5)
    eta = each_link.link(mu)
    mean = Mean(each_link, eta)
    rounding = np.finfo(float).eps * (np.abs(mu) + np.abs(eta * mean.slope))
    assert np.all(np.abs(mean.mu - mu) <= 16 * rounding)


def test_slope_is_the_derivative_of_the_mean(each_link):
    eta = eta_grid(each_link, 40)
    step = 1e-3 * np.abs(eta)
    m = [each_link.mean(eta + k * step) for k in (-2, -1, 1, 2)]
    numeric = (m[0] - 8 * m[1] + 8 * m[2] - m[3]) / (12 * step)
    # fourth order: error step⁴ f⁽⁵⁾/30 < 1e-9 relative here, rounding eps·μ/step
    assert Mean(each_link, eta).slope == pytest.approx(numeric, rel=1e-8, abs=1e-11)


def test_curvature_is_the_derivative_of_log_slope(each_link):
    eta = eta_grid(each_link, 40)
    step = 1e-3 * np.abs(eta)
    f = [Mean(each_link, eta).shifted(k * step).log_slope for k in (-2, -1, 1, 2)]
    numeric = (f[0] - 8 * f[1] + 8 * f[2] - f[3]) / (12 * step)
    assert Mean(each_link, eta).curvature == pytest.approx(numeric, rel=1e-8, abs=1e-9)


def test_forms_of_the_mean_agree(each_link):
    mean = Mean(each_link, eta_grid(each_link))
    assert mean.mu + mean.complement == pytest.approx(np.ones_like(mean.mu), rel=1e-15, abs=1e-15)
    assert mean.log_slope == pytest.approx(np.log(np.abs(mean.slope)), rel=1e-14, abs=1e-14)
    inside, below = mean.mu > 0, mean.mu < 1
    # log(1 − μ) from a rounded μ near 1 is worth eps / (1 − μ)
    assert mean.log[inside] == pytest.approx(np.log(mean.mu[inside]), rel=1e-13, abs=1e-15)
    assert mean.log_complement[below] == pytest.approx(np.log(mean.complement[below]), rel=1e-13, abs=1e-15)


def test_mean_is_monotone_in_the_direction_stated(each_link):
    mean = Mean(each_link, eta_grid(each_link, 400))
    sign = 1.0 if each_link.increasing else -1.0
    assert np.all(sign * np.diff(mean.mu) > 0)
    assert np.all(sign * mean.slope > 0)


@pytest.mark.parametrize("means", [REALS, POSITIVE, (0.0, 1.0), (0.25, 0.5)])
def test_eta_bounds_hold_exactly_the_means_inside(each_link, means):
    low, high = each_link.eta_bounds(means)
    assert low < high
    eta = np.concatenate([eta_grid(each_link), -eta_grid(each_link)])
    eta = eta[(eta > each_link.eta_interval[0]) & (eta < each_link.eta_interval[1])]
    mu = each_link.mean(eta)
    inside = (mu > means[0]) & (mu < means[1])
    # a mean that rounds to the end of its interval may be judged either way
    near = np.isclose(mu, means[0], rtol=1e-12, atol=1e-12) | np.isclose(mu, means[1], rtol=1e-12)
    assert np.array_equal(inside[~near], ((eta > low) & (eta < high))[~near])


def test_shifted_is_the_mean_further_on(each_link):
    eta = eta_grid(each_link)
    assert np.array_equal(Mean(each_link, eta).shifted(0.5 * np.abs(eta)).mu, each_link.mean(eta + 0.5 * np.abs(eta)))


def test_every_form_takes_any_shape(each_link):
    eta = eta_grid(each_link, 12)
    flat, square = Mean(each_link, eta), Mean(each_link, eta.reshape(4, 3))
    for form in ("mu", "complement", "log", "log_complement", "slope", "log_slope", "curvature"):
        assert np.array_equal(getattr(square, form), getattr(flat, form).reshape(4, 3), equal_nan=True)
    assert np.array_equal(each_link.link(square.mu), each_link.link(flat.mu).reshape(4, 3))


def test_links_with_equal_options_are_equal(each_link):
    again = type(each_link)(*each_link.options().values())
    assert again == each_link and hash(again) == hash(each_link) and again.label() == each_link.label()
