"""Shape parameters estimated with the coefficients: certificates by brute force, limits, and what is said of them."""

import re
from dataclasses import replace
from functools import cache

import mpmath as mp
import numpy as np
import pytest
from scipy import stats

import nelder as nd
from nelder.diagnosis import SeveralShapes, ShapeAtEnd, ShapeUnknown
from nelder.families import FAMILIES
from nelder.families.negative_binomial import curvature_score
from nelder.inference.dispersions import gamma_shape
from nelder.inference.shapes import shape_interval
from nelder.mean import Mean
from nelder.saving import load, save
from nelder.shapes import NoOptimum, Profile, optimum
from nelder.submodels import constrained, deviance_lost, refit, with_columns, with_terms

RANDOM = np.random.default_rng(20)
N = 80
X = np.column_stack([np.ones(N), RANDOM.normal(size=N)])
MU = np.exp(X @ [1.0, 0.4])
COUNTS = RANDOM.negative_binomial(1.5, 1.5 / (1.5 + MU)).astype(float)
AMOUNTS = nd.simulate(X, [1.0, 0.4], nd.Tweedie(1.5), options=nd.Draw(phi=1.2, seed=4))
RESPONSES = {"negative_binomial": COUNTS, "tweedie": AMOUNTS}
both = pytest.mark.parametrize("family", RESPONSES)


def group_columns(*sizes):
    """One column of ones for each group."""
    return np.repeat(np.eye(len(sizes)), sizes, axis=0)


def without_words(fit_it):
    """A fit that may raise warnings, which are read from it."""
    with pytest.warns(nd.NelderWarning):
        return fit_it()


@cache
def plain(family):
    """The fit with the shape estimated."""
    return nd.glm_fit(X, RESPONSES[family], family)


def limit(y=None, columns=X):
    return without_words(lambda: nd.glm_fit(columns, np.round(MU) if y is None else y, "negative_binomial"))


def numbers(fit):
    """What a fit says, apart from what counts its parameters."""
    return np.concatenate(
        [fit.coef, fit.se, fit.fitted, [fit.deviance, fit.null_deviance, fit.dispersion, fit.statistics.pearson]]
    )


# The maximum


def joint_loglik(beta, theta):
    """Σ log f of the counts, in mpmath."""
    total = mp.mpf(0)
    for row, y in zip(X, COUNTS, strict=True):
        mu, count = mp.exp(mp.fdot(zip(map(mp.mpf, row), beta, strict=True))), mp.mpf(y)
        ways = mp.loggamma(count + theta) - mp.loggamma(theta) - mp.loggamma(count + 1)
        total += ways + theta * mp.log(theta / (theta + mu)) + count * mp.log(mu / (theta + mu))
    return total


def test_the_joint_score_of_theta_and_coefficients_vanishes():
    fit = plain("negative_binomial")
    with mp.workdps(40):
        beta, theta = [mp.mpf(b) for b in fit.coef], mp.mpf(fit.shape.value)
        slopes = [
            mp.diff(lambda b, j=j: joint_loglik([*beta[:j], b, *beta[j + 1 :]], theta), beta[j], h=mp.mpf("1e-12"))
            for j in range(2)
        ]
        slopes.append(mp.diff(lambda t: joint_loglik(beta, t), theta, h=mp.mpf("1e-12")))
    assert np.max(np.abs(np.array(slopes, dtype=float)) * np.array([*fit.se, fit.shape.se])) < 1e-8


def test_standard_errors_of_theta_are_those_of_the_observed_information():
    """With the coefficients held, as `shape.se` has it, and with them free, as the profile's curvature has it."""
    fit = plain("negative_binomial")
    step = mp.mpf("1e-10")
    with mp.workdps(40):
        at = [*(mp.mpf(b) for b in fit.coef), mp.mpf(fit.shape.value)]
        information = np.empty((3, 3))
        for i in range(3):
            for j in range(3):
                total = mp.mpf(0)
                for a, b in [(1, 1), (1, -1), (-1, 1), (-1, -1)]:
                    moved = list(at)
                    moved[i] += a * step
                    moved[j] += b * step
                    total += a * b * joint_loglik(moved[:2], moved[2])
                information[i, j] = -float(total / (4 * step**2))
    assert fit.shape.se == pytest.approx(1 / np.sqrt(information[2, 2]), rel=1e-8)
    assert shape_interval(fit)["se"][0] == pytest.approx(np.sqrt(np.linalg.inv(information)[2, 2]), rel=1e-7)


def test_no_theta_nearby_or_far_is_likelier():
    fit = plain("negative_binomial")
    others = [nd.glm_fit(X, COUNTS, nd.NegativeBinomial(theta)).loglik for theta in np.geomspace(1e-4, 1e6, 60)]
    near = [
        nd.glm_fit(X, COUNTS, nd.NegativeBinomial(fit.shape.value * factor)).loglik for factor in (0.999, 1.0, 1.001)
    ]
    assert max(others) < fit.loglik
    assert near[1] == pytest.approx(fit.loglik, rel=1e-14)
    assert max(near[0], near[2]) < near[1]


def test_the_power_and_its_dispersion_are_where_the_likelihood_is_highest():
    fit = plain("tweedie")
    place = Profile(fit.objective).place(fit.shape.value, np.asarray(fit.coef))
    assert place.loglik == pytest.approx(fit.loglik, rel=1e-14)

    def loglik(power, phi, beta):
        mean = Mean(fit.link, X @ beta)
        return float(nd.Tweedie(power).log_density(AMOUNTS, mean, phi, np.ones(N)).sum())

    at, steps = [place.value, place.phi, np.asarray(fit.coef)], (1e-4, 1e-4, 1e-4 * np.array([1.0, 0.0]))
    for k, step in enumerate(steps):
        up, down = ([*at[:k], at[k] + sign * step, *at[k + 1 :]] for sign in (1, -1))
        slope, curvature = (loglik(*up) - loglik(*down)) / 2e-4, loglik(*up) - 2 * loglik(*at) + loglik(*down)
        assert curvature < 0
        assert abs(slope) < 1e-5 * abs(curvature) / 1e-8  # within 1e-5 of the maximum, which differences can tell
    powers = [Profile(fit.objective).place(p, at[2]).loglik for p in np.linspace(1.1, 1.99, 40)]
    assert max(powers) <= fit.loglik


def test_the_standard_error_of_the_power_is_that_of_the_observed_information():
    fit = plain("tweedie")
    place, mean = Profile(fit.objective).place(fit.shape.value, np.asarray(fit.coef)), Mean(fit.link, X @ fit.coef)

    def loglik(power, log_phi):
        return float(nd.Tweedie(power).log_density(AMOUNTS, mean, np.exp(log_phi), np.ones(N)).sum())

    h, p, r = 1e-3, place.value, np.log(place.phi)
    pp = (loglik(p + h, r) - 2 * loglik(p, r) + loglik(p - h, r)) / h**2
    rr = (loglik(p, r + h) - 2 * loglik(p, r) + loglik(p, r - h)) / h**2
    pr = (loglik(p + h, r + h) - loglik(p + h, r - h) - loglik(p - h, r + h) + loglik(p - h, r - h)) / (4 * h**2)
    information = -np.array([[pp, pr], [pr, rr]])
    assert fit.shape.se == pytest.approx(np.sqrt(np.linalg.inv(information)[0, 0]), rel=1e-4)


@both
def test_it_is_the_fit_with_the_estimate_written_out_but_for_what_counts_parameters(family):
    y, fit = RESPONSES[family], plain(family)
    given = nd.glm_fit(X, y, fit.family)
    assert np.array_equal(numbers(fit), numbers(given))
    assert (given.shape.value, given.shape.estimated) == (fit.shape.value, False)
    assert np.isnan(given.shape.se)
    assert fit.parameters == given.parameters + 1
    assert fit.aic == 2 * fit.parameters - 2 * fit.loglik
    assert fit.loglik >= given.loglik  # φ of a Tweedie likelihood is where that is highest, too
    assert fit.df_resid == given.df_resid


@pytest.mark.parametrize(
    "family",
    ["negative_binomial", "negative_binomial()", nd.NegativeBinomial, nd.NegativeBinomial(), nd.NegativeBinomial(None)],
)
def test_a_family_without_its_shape_asks_for_it_to_be_estimated(family):
    assert nd.glm_fit(X, COUNTS, family).shape == plain("negative_binomial").shape


@both
def test_the_family_of_the_fit_carries_the_estimate(family):
    fit = plain(family)
    assert fit.family == FAMILIES[family](fit.shape.value)
    assert fit.family_to_fit == FAMILIES[family]()
    assert f"{fit.shape.value:.4g}"[:4] in fit.family.label()
    assert FAMILIES[family]().label() == family


@pytest.mark.parametrize("family", [name for name in FAMILIES if name not in RESPONSES])
def test_other_families_have_no_shape(family):
    made = FAMILIES[family]()
    assert not made.unknown and np.isnan(made.shape) and made.with_shape(2.0) is made
    with pytest.raises(nd.CapabilityError, match="no parameter to estimate"):
        made.shape_grid((1.0, 2.0))
    with pytest.raises(nd.CapabilityError, match="no parameter to estimate"):
        made.shape_score(np.ones(1), Mean(nd.Identity(), np.ones(1)), 1.0, np.ones(1))
    assert nd.glm_fit(X[:10], np.tile([0.0, 1.0], 5) + (made.mean_interval == (0, np.inf)), made).shape is None


# Laws


@pytest.mark.parametrize(
    ("family", "solver"), [("negative_binomial", "irls"), ("negative_binomial", "lbfgs"), ("tweedie", "irls")]
)
def test_every_solver_ends_with_the_same_shape(family, solver):
    usual, other = plain(family), nd.glm_fit(X, RESPONSES[family], family, solver=solver)
    assert other.shape == usual.shape
    np.testing.assert_allclose(other.coef, usual.coef, atol=1e-9 * np.max(usual.se))


@both
def test_frequencies_are_repeated_rows(family):
    counts = RANDOM.integers(1, 4, N)
    short = nd.glm_fit(X, RESPONSES[family], family, weights=nd.frequency(counts))
    long = nd.glm_fit(np.repeat(X, counts, axis=0), np.repeat(RESPONSES[family], counts), family)
    assert short.shape.value == pytest.approx(long.shape.value, rel=1e-10)
    assert short.shape.se == pytest.approx(long.shape.se, rel=1e-8)
    assert [short.loglik, short.aic, short.bic] == pytest.approx([long.loglik, long.aic, long.bic], rel=1e-12)


def test_prior_weights_of_counts_multiply_the_likelihood_and_so_the_information():
    once = plain("negative_binomial")
    thrice = nd.glm_fit(X, COUNTS, "negative_binomial", weights=np.full(N, 3.0))
    assert thrice.shape.value == pytest.approx(once.shape.value, rel=1e-10)
    assert thrice.shape.se == pytest.approx(once.shape.se / np.sqrt(3), rel=1e-8)


def test_prior_weights_of_amounts_divide_the_variance_so_that_their_unit_does_not_matter():
    once, thrice = plain("tweedie"), nd.glm_fit(X, AMOUNTS, "tweedie", weights=np.full(N, 3.0))
    assert [thrice.shape.value, thrice.shape.se] == pytest.approx([once.shape.value, once.shape.se], rel=1e-9)
    assert thrice.loglik == pytest.approx(once.loglik, rel=1e-12)


@pytest.mark.parametrize("unit", [1e5])
def test_the_power_does_not_depend_on_the_unit_of_the_response(unit):
    usual, other = plain("tweedie"), nd.glm_fit(X, unit * AMOUNTS, "tweedie")
    assert [other.shape.value, other.shape.se] == pytest.approx([usual.shape.value, usual.shape.se], rel=1e-8)
    assert other.loglik == pytest.approx(usual.loglik - np.sum(AMOUNTS > 0) * np.log(unit), rel=1e-10)


@both
def test_columns_in_other_units_or_coordinates_give_the_same_shape(family):
    turned = X @ np.array([[1.0, 2.0], [0.0, 1e6]])
    usual, other = plain(family), nd.glm_fit(turned, RESPONSES[family], family)
    assert [other.shape.value, other.shape.se] == pytest.approx([usual.shape.value, usual.shape.se], rel=1e-8)


@pytest.mark.parametrize(
    ("family", "link"), [("negative_binomial", "identity"), ("negative_binomial", "sqrt"), ("tweedie", "inverse")]
)
def test_groups_have_the_same_shape_with_any_link(family, link):
    columns = group_columns(30, 50)
    usual, other = (nd.glm_fit(columns, RESPONSES[family], family, each) for each in ("log", link))
    assert [other.shape.value, other.shape.se] == pytest.approx([usual.shape.value, usual.shape.se], rel=1e-8)


@both
def test_an_offset_takes_the_place_of_a_known_coefficient(family):
    fit = plain(family)
    offset = X[:, 1] * fit.coef[1]
    short = nd.glm_fit(X[:, :1], RESPONSES[family], family, offset=offset)
    assert short.shape.value == pytest.approx(fit.shape.value, rel=1e-8)


@both
def test_aliased_columns_change_nothing(family):
    doubled = np.column_stack([X, 2 * X[:, 1]])
    fit = without_words(lambda: nd.glm_fit(doubled, RESPONSES[family], family))
    assert fit.shape == plain(family).shape
    assert np.isnan(fit.coef[2])


def test_estimates_come_near_the_truth():
    columns = np.column_stack([np.ones(800), np.random.default_rng(1).normal(size=800)])
    for truth in (nd.NegativeBinomial(0.4), nd.NegativeBinomial(20.0), nd.Tweedie(1.25), nd.Tweedie(1.7)):
        y = nd.simulate(columns, [1.0, 0.5], truth, options=nd.Draw(seed=3))
        shape = nd.glm_fit(columns, y, truth.with_shape(None)).shape
        assert abs(shape.value - truth.shape) < 3.5 * shape.se


@pytest.mark.parametrize("unit", [1e4, 1e12, 1e100])
def test_theta_of_large_counts_is_the_shape_of_a_gamma(unit):
    y = np.round(unit * np.random.default_rng(6).gamma(2.5, size=N))
    fit, gamma = nd.glm_fit(X, y, "negative_binomial"), gamma_shape(nd.glm_fit(X, y, "gamma", "log"))
    assert [fit.shape.value, fit.shape.se] == pytest.approx([gamma["alpha"][0], gamma["se"][0]], rel=20 / unit + 1e-7)


# Limits


def test_counts_without_overdispersion_have_the_poisson_fit_and_say_so():
    y = np.round(MU)  # they vary less than Poisson counts
    fit, poisson = limit(y), nd.glm_fit(X, y, "poisson")
    assert np.array_equal(numbers(fit), numbers(poisson))
    assert fit.loglik == pytest.approx(poisson.loglik, rel=1e-14)
    assert fit.aic == pytest.approx(poisson.aic + 2, rel=1e-14)
    assert (fit.shape.value, fit.shape.estimated, fit.converged) == (np.inf, True, True)
    assert np.isnan(fit.shape.se)
    (found,) = fit.warnings
    assert isinstance(found, ShapeAtEnd) and found.category is nd.BoundaryWarning
    assert "use that, or family='quasipoisson'" in found.sentence


def test_the_poisson_limit_is_taken_just_where_the_score_there_is_not_positive():
    """½ Σ ((y − μ)² − y): of counts around one mean that is whether their variance exceeds it."""
    y = np.tile([1.0, 3.0, 5.0, 7.0], 5)  # mean 4, variance 5
    assert np.isfinite(nd.glm_fit(np.ones((20, 1)), y, "negative_binomial").shape.value)
    y = np.tile([2.0, 2.0, 6.0, 6.0], 5)  # mean 4, variance 4: no less and no more
    assert limit(y, np.ones((20, 1))).shape.value == np.inf
    y = np.append(np.tile([2.0, 2.0, 6.0, 6.0], 500), [7.0, 1.0])  # mean 4, variance 4.005
    fit = nd.glm_fit(np.ones((len(y), 1)), y, "negative_binomial")
    assert 1e3 < fit.shape.value < 1e4


@pytest.mark.parametrize("theta", [1e12, 1e100, 1e300, np.inf])
def test_a_huge_theta_is_poisson(theta):
    poisson, fit = nd.glm_fit(X, COUNTS, "poisson"), nd.glm_fit(X, COUNTS, nd.NegativeBinomial(theta))
    assert fit.coef == pytest.approx(poisson.coef, rel=1e-9)
    assert fit.se == pytest.approx(poisson.se, rel=1e-9)
    assert [fit.deviance, fit.loglik] == pytest.approx([poisson.deviance, poisson.loglik], rel=1e-9)
    draws = fit.simulate(2000, seed=1) if np.isinf(theta) else None
    assert draws is None or draws.mean() == pytest.approx(fit.fitted.mean(), rel=0.02)


def test_zeros_alone_say_nothing_of_theta_or_power():
    for family, value in (("negative_binomial", np.inf), ("tweedie", 1.5)):
        fit = without_words(lambda family=family: nd.glm_fit(X, np.zeros(N), family))
        assert (fit.shape.value, fit.shape.estimated) == (value, True)
        found = fit.warnings[0]
        assert isinstance(found, ShapeUnknown) and "every mean is at its limit" in found.sentence
        assert found.sentence.endswith(f"such as family='{family}(1.5)'")
        with pytest.raises(nd.DataError, match="the data say nothing of"):
            shape_interval(fit)


def test_one_row_of_counts_is_poisson_and_one_amount_says_nothing():
    assert limit(np.array([3.0]), np.ones((1, 1))).shape.value == np.inf
    fit = without_words(lambda: nd.glm_fit(np.ones((1, 1)), [3.0], "tweedie"))
    assert isinstance(fit.warnings[0], ShapeUnknown) and "perfect" in fit.warnings[0].sentence


@both
def test_a_group_of_zeros_is_left_out_as_its_means_are_at_their_limit(family):
    columns = np.column_stack([np.ones(N), np.repeat([0.0, 1.0], N // 2)])
    y = np.where(columns[:, 1] == 0, RESPONSES[family], 0.0)
    fit = without_words(lambda: nd.glm_fit(columns, y, family))
    rest = nd.glm_fit(columns[: N // 2, :1], y[: N // 2], family)
    assert fit.coef[1] == -np.inf
    assert fit.coef[0] == pytest.approx(rest.coef[0], rel=1e-9)
    assert [fit.shape.value, fit.shape.se] == pytest.approx([rest.shape.value, rest.shape.se], rel=1e-9)
    assert fit.loglik == pytest.approx(rest.loglik, rel=1e-12)
    ours, theirs = shape_interval(fit), shape_interval(rest)
    for name in ("se", "lower", "upper"):
        assert ours[name] == pytest.approx(theirs[name], rel=1e-7)


@pytest.mark.slow
def test_theta_is_estimated_where_the_means_meet_their_edge():
    days = np.arange(8.0)
    columns = np.column_stack([np.ones(8), days])
    y = np.array([0.0, 0, 0, 2, 1, 25, 6, 40])
    fit = without_words(lambda: nd.glm_fit(columns, y, "negative_binomial", "identity"))
    assert fit.reason == "converged to the edge of the means allowed"
    profile = Profile(fit.objective)
    low, high = (profile.slope_at(t, np.asarray(fit.coef), 1.0) for t in fit.shape.value * np.array([0.99, 1.01]))
    assert low < 0 < high  # towards 1/θ, in which the slope is
    assert abs(profile.slope_at(fit.shape.value, np.asarray(fit.coef), 1.0)) < 1e-6 * (high - low)


def two_kinds(large):
    """Counts that do not vary around a large mean, and counts around a small one that vary much."""
    y = np.concatenate([np.full(large, 100.0), [5, 4, 4, 2, 1], np.zeros(25)])
    return group_columns(large, 30), y


@pytest.mark.parametrize(("large", "best"), [(3, 0.24), (4, np.inf)])
def test_of_several_maxima_the_highest_is_taken_and_the_others_are_named(large, best):
    columns, y = two_kinds(large)
    fit = nd.glm_fit(columns, y, "negative_binomial") if large == 3 else limit(y, columns)
    assert fit.shape.value == pytest.approx(best, rel=0.05)
    several = [found for found in fit.warnings if isinstance(found, SeveralShapes)]
    assert len(several) == (large == 4)  # nearly as high
    looked = [nd.glm_fit(columns, y, nd.NegativeBinomial(t)).loglik for t in [*np.geomspace(1e-3, 1e5, 80), np.inf]]
    assert max(looked) <= fit.loglik + 1e-9
    if several:
        assert several[0].others == pytest.approx((0.327,), rel=1e-2)
        compared = re.search(r"compare with family='(.*)'$", several[0].sentence)
        assert fit.loglik > nd.glm_fit(columns, y, compared[1]).loglik > fit.loglik - 2
        assert shape_interval(fit)["lower"][0] < 0.327  # the interval holds both
        assert shape_interval(fit)["upper"][0] == np.inf


@pytest.mark.parametrize(
    ("y", "value", "words"),
    [
        (3.7 * np.random.default_rng(3).poisson(MU), 1.1, "multiples of one amount"),
        (np.random.default_rng(3).gamma(2.0, MU / 2), 1.99, "use family='gamma'"),
        (np.random.default_rng(3).wald(MU, 3.0), 1.99, "no zeros"),
    ],
    ids=["counts", "gamma", "inverse gaussian"],
)
def test_a_power_at_the_end_of_its_range_says_what_the_response_is_like(y, value, words):
    fit = without_words(lambda: nd.glm_fit(X, y, "tweedie"))
    assert fit.shape.value == value and np.isnan(fit.shape.se)
    (found,) = fit.warnings
    assert isinstance(found, ShapeAtEnd) and words in found.sentence
    interval = shape_interval(fit)
    assert (interval["lower"][0] == 1.0) == (value == 1.1)
    assert (interval["upper"][0] == 2.0) == (value == 1.99)


# Intervals


@both
@pytest.mark.parametrize("level", [0.5, 0.95])
def test_the_likelihood_at_the_ends_of_an_interval_is_lower_by_half_a_quantile(family, level):
    fit = plain(family)
    interval = shape_interval(fit, level)
    assert interval["method"].tolist() == ["profile", "wald"]
    for end in (interval["lower"][0], interval["upper"][0]):
        place = Profile(fit.objective).place(float(end), np.asarray(fit.coef))
        assert 2 * (fit.loglik - place.loglik) == pytest.approx(stats.chi2.ppf(level, 1), rel=1e-8)
    assert interval["lower"][0] < fit.shape.value < interval["upper"][0]


def test_the_wald_interval_of_theta_is_that_of_its_logarithm():
    fit = plain("negative_binomial")
    interval = shape_interval(fit)
    reach = stats.norm.ppf(0.975) * fit.shape.se / fit.shape.value
    assert np.log([interval["lower"][1], interval["upper"][1]]) == pytest.approx(
        np.log(fit.shape.value) + np.array([-reach, reach]), rel=1e-12
    )


def test_an_interval_that_holds_poisson_has_no_upper_end():
    y = np.random.default_rng(1).poisson(MU).astype(float)
    y[0] = 12.0
    fit = nd.glm_fit(X, y, "negative_binomial")
    interval = shape_interval(fit)
    assert np.isfinite(fit.shape.value) and interval["upper"][0] == np.inf
    assert 2 * (fit.loglik - nd.glm_fit(X, y, "poisson").loglik) < stats.chi2.ppf(0.95, 1)


@pytest.mark.slow
def test_profile_intervals_cover_the_truth_about_as_often_as_they_say():
    columns, inside = np.ones((60, 1)), 0
    for seed in range(25):
        y = nd.simulate(columns, [1.5], nd.NegativeBinomial(2.0), options=nd.Draw(seed=seed))
        interval = shape_interval(nd.glm_fit(columns, y, "negative_binomial"), 0.8)
        inside += interval["lower"][0] < 2.0 < interval["upper"][0]
    assert stats.binom.cdf(inside, 25, 0.8) > 0.005 and stats.binom.sf(inside - 1, 25, 0.8) > 0.005


def test_intervals_that_cannot_be_are_refused_in_words(tmp_path):
    fit = plain("negative_binomial")
    with pytest.raises(nd.CapabilityError, match="theta of this fit was given, and was not estimated"):
        shape_interval(nd.glm_fit(X, COUNTS, "negative_binomial(2)"))
    with pytest.raises(nd.CapabilityError, match="poisson has no shape parameter"):
        shape_interval(nd.glm_fit(X, COUNTS, "poisson"))
    with pytest.raises(nd.InputError, match="level"):
        shape_interval(fit, 1.0)
    save(fit, tmp_path / "fit.json")
    with pytest.raises(nd.DataError, match="loaded without its data"):
        shape_interval(load(tmp_path / "fit.json"))
    sample = nd.glm_fit(X, COUNTS, "negative_binomial", weights=nd.sampling(np.linspace(1, 2, N)))
    assert np.isnan(sample.shape.se) and sample.shape.value > 0
    with pytest.raises(nd.CapabilityError, match="a sample with sampling weights has none"):
        shape_interval(sample)


# What is refused, saved and fitted again


@both
@pytest.mark.parametrize("penalty", [nd.Ridge(1.0), "firth"])
def test_a_penalty_wants_the_shape_written_out(family, penalty):
    with pytest.raises(nd.CapabilityError, match=f"written out, as '{family}"):
        nd.glm_fit(X, RESPONSES[family], family, penalty=penalty)


@both
def test_nothing_can_be_drawn_from_a_family_that_lacks_its_shape(family):
    with pytest.raises(nd.InputError, match=f"simulate needs the .* of {family}"):
        nd.simulate(X, [1.0, 0.5], family)


@pytest.mark.parametrize("value", [0.0, -1.0, np.nan])
def test_values_that_are_no_theta_are_refused(value):
    with pytest.raises(nd.InputError, match="or left out to be estimated"):
        nd.NegativeBinomial(value)


@pytest.mark.parametrize("value", [1.0, 0.0, np.nan, np.inf])
def test_values_that_are_no_power_are_refused(value):
    with pytest.raises(nd.InputError, match="or left out to be estimated"):
        nd.Tweedie(value)


@both
def test_a_saved_fit_keeps_its_shape(family, tmp_path):
    fit = plain(family)
    save(fit, tmp_path / "fit.json")
    again = load(tmp_path / "fit.json")
    assert (again.shape, again.family, again.aic) == (fit.shape, fit.family, fit.aic)


def test_a_saved_limit_keeps_its_infinite_theta(tmp_path):
    fit = limit()
    save(fit, tmp_path / "fit.json")
    again = load(tmp_path / "fit.json")
    assert again.shape.value == np.inf and np.isnan(again.shape.se)
    assert np.array_equal(again.predict(X), fit.predict(X))


def test_a_file_with_a_family_that_lacks_its_shape_is_refused(tmp_path):
    path = tmp_path / "fit.json"
    save(nd.glm_fit(X, COUNTS, "negative_binomial"), path)
    text = path.read_text(encoding="utf-8")
    start = text.index('"theta"', text.index('"family"'))
    path.write_text(text[:start] + '"theta": null' + text[text.index("}", start) :], encoding="utf-8")
    with pytest.raises(nd.SavedFitError):
        load(path)
    path.write_text(text.replace('"estimated": true', '"estimated": 1'), encoding="utf-8")
    with pytest.raises(nd.SavedFitError):
        load(path)
    path.write_text(text.replace('"name": "theta",\n  "value": ', '"name": "theta",\n  "value": -'), encoding="utf-8")
    with pytest.raises(nd.SavedFitError, match="not positive"):
        load(path)


@both
def test_smaller_models_estimate_their_own_shape_and_are_compared_by_likelihood(family):
    y = RESPONSES[family]
    fit = nd.glm("y ~ x", {"y": y, "x": X[:, 1]}, family)
    alone = nd.glm("y ~ 1", {"y": y}, family)
    for smaller in (with_terms(fit, ["Intercept"]), with_columns(fit, np.array([True, False]))):
        assert smaller.shape.estimated
        assert smaller.shape.value == pytest.approx(alone.shape.value, rel=1e-10)
        assert [smaller.loglik, smaller.aic] == pytest.approx([alone.loglik, alone.aic], rel=1e-12)
        lost = 2 * fit.dispersion * (fit.loglik - alone.loglik)
        assert deviance_lost(fit, smaller) == pytest.approx(lost, rel=1e-10)


@both
def test_constrained_fits_hold_the_shape_so_that_deviances_compare(family):
    fit = plain(family)
    made = constrained(fit, np.array([[0.0, 1.0]]), np.zeros(1)).fit
    held = nd.glm_fit(X[:, :1], RESPONSES[family], fit.family)
    assert made.shape == fit.shape and made.family == fit.family
    assert deviance_lost(fit, made) == pytest.approx(held.deviance - fit.deviance, rel=1e-9)
    assert made.parameters == fit.parameters - 1


@both
def test_a_model_without_columns_estimates_the_shape_too(family):
    fit = nd.glm_fit(X, RESPONSES[family], family, offset=np.log(MU))
    none = with_columns(fit, np.zeros(2, dtype=bool))
    assert none.shape.estimated and none.shape.se > 0
    place = Profile(none.objective).place(none.shape.value, np.zeros(0))
    assert abs(place.slope) * none.shape.se < 1e-6
    again = refit(none, fit.objective)
    assert again.shape.value == pytest.approx(fit.shape.value, rel=1e-10)


def test_no_optimum_is_an_error_of_its_own():
    objective = nd.glm_fit(X, COUNTS, "negative_binomial(2)", "identity", offset=np.full(N, 1.0)).objective
    nothing = replace(objective, design=replace(objective.design, handles=[], names=(), constant=np.zeros(0)))
    low = [replace(block.select(np.arange(0)), offset=np.full(N, -1.0)) for block in objective.design.handles]
    with pytest.raises(NoOptimum):
        optimum(replace(nothing, design=replace(nothing.design, handles=low)))


# Scores of a single row


@pytest.mark.parametrize("theta", [1e-3, 0.7, 15.9, 16.1, 1e4, 1e10, np.inf])
def test_the_score_of_theta_keeps_its_digits(theta):
    kappa = 0.0 if np.isinf(theta) else 1 / theta
    for y in (0.0, 1.0, 7.0, 0.5, 1e4):
        for mu in (0.3, 6.9, 7.0, 1e3):
            with mp.workdps(60):
                exact = exact_curvature_score(y, mu, kappa)
            got = curvature_score(np.array([y]), np.array([mu]), kappa)[0]
            assert got == pytest.approx(float(exact), rel=1e-11, abs=1e-13 * (y + mu)), (y, mu)


def exact_curvature_score(y, mu, kappa):
    y, mu = mp.mpf(y), mp.mpf(mu)
    if kappa == 0:
        return ((y - mu) ** 2 - y) / 2
    theta = 1 / mp.mpf(kappa)
    slope = mp.digamma(y + theta) - mp.digamma(theta) + mp.log(theta / (mu + theta)) + (mu - y) / (mu + theta)
    return -(theta**2) * slope


@pytest.mark.parametrize("power", [1.1, 1.5, 1.9, 1.99])
@pytest.mark.parametrize("phi", [1e-4, 0.012, 0.3, 5.0])
def test_scores_of_power_and_dispersion_are_derivatives_of_the_density(power, phi):
    y, mu, weight = (
        np.array([0.0, 0.02, 1.3, 5.0, 4.0]),
        np.array([0.1, 0.1, 1.0, 4.0, 4.0]),
        np.array([1, 2, 1, 1, 3.0]),
    )
    mean, family, h = Mean(nd.Identity(), mu), nd.Tweedie(power), 2e-5
    ahead, behind = (nd.Tweedie(power + d).log_density(y, mean, phi, weight) for d in (h, -h))
    size = 1 + np.abs(ahead)
    score = family.shape_score(y, mean, phi, weight)
    assert np.all(np.abs(score - (ahead - behind) / (2 * h)) < 1e-5 * (size + np.abs(score)))
    up, down = (family.log_density(y, mean, phi * np.exp(d), weight) for d in (h, -h))
    score = family.dispersion_score(y, mean, phi, weight)
    assert np.all(np.abs(score - (up - down) / (2 * h)) < 1e-5 * (size + np.abs(score)))


@pytest.mark.parametrize("family", [nd.NegativeBinomial(0.3), nd.NegativeBinomial(8.0), nd.Tweedie(1.3)])
def test_the_variance_along_the_axis_of_the_shape_is_a_derivative(family):
    mean, at = Mean(nd.Log(), np.array([-3.0, 0.0, 2.5])), family.shape_coordinate(family.shape)
    ahead, behind = (family.with_shape(family.shape_coordinate(at + h)).log_variance(mean) for h in (1e-5, -1e-5))
    assert family.log_variance_shape_slope(mean) == pytest.approx((ahead - behind) / 2e-5, rel=1e-7)


def test_means_that_underflow_to_zero_leave_theta_at_its_end():
    data = {"x": [-82.6, 24.3, -6.4], "y": [2.0, 0.0, 0.0]}
    with pytest.warns(nd.NelderWarning, match="end of the range of theta"):
        fit = nd.glm("y ~ 0 + x", data, "negative_binomial", weights=np.array([0.0, 2.0, 2.0]))
    assert fit.loglik == pytest.approx(0.0, abs=1e-5)  # counts that are all zero can be certain
