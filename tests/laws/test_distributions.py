"""What makes a distribution function one, and that of the density and of the draws; Anscombe's residual."""

import mpmath as mp
import numpy as np
import pytest
from scipy import integrate, stats

from nelder.errors import CapabilityError, InputError
from nelder.families import Binomial, Family, Gamma, InverseGaussian, NegativeBinomial, Poisson, Tweedie
from nelder.families.anscombe import any_anscombe
from nelder.families.incomplete import gamma_tails, log_mass
from nelder.links import Identity, Log, Logit
from nelder.mean import Mean

PHI = 0.4


def phi_of(family):
    return 1.0 if family.dispersion_known else PHI


def means_of(family):
    return (0.02, 0.3, 0.9) if family.mean_interval[1] == 1 else (0.05, 0.7, 6.0)


def at(family, y, mu, phi=None, weight=1.0):
    y = np.atleast_1d(np.asarray(y, dtype=float))
    mean = Mean(Identity(), np.full_like(y, mu))
    return family.log_tails(y, mean, phi_of(family) if phi is None else phi, np.full_like(y, weight))


def responses(family, weight=1.0):
    """A grid of responses: all or many of those that can occur, in order."""
    spacing = family.spacing(np.array([weight]))[0]
    if spacing:
        return spacing * np.arange(0.0, 1.0 / spacing + 1.0 if family.mean_interval[1] == 1 else 60.0)
    low = -8.0 if np.isinf(family.mean_interval[0]) else 0.0
    return np.concatenate([[low], np.geomspace(1e-3, 40.0, 60)])


def test_both_tails_make_one_and_the_lower_rises(likely_family):
    for mu in means_of(likely_family):
        weight = 7.0
        y = responses(likely_family, weight)
        tails = at(likely_family, y, mu, weight=weight)
        assert np.allclose(tails.cdf + tails.survival, 1.0, rtol=0, atol=1e-14)
        assert (np.diff(tails.lower) >= 0).all() and (np.diff(tails.upper) <= 0).all()
        assert (np.diff(tails.normal_score[np.isfinite(tails.normal_score)]) >= 0).all()


def test_nothing_lies_below_the_support_and_all_below_infinity(likely_family):
    for mu in means_of(likely_family):
        ends = at(likely_family, [-np.inf, np.inf], mu)
        assert ends.cdf.tolist() == [0.0, 1.0] and ends.survival.tolist() == [1.0, 0.0]
        if likely_family.mean_interval[0] == 0:
            assert at(likely_family, -1e-9, mu).cdf[0] == 0.0


def test_it_is_the_sum_or_the_integral_of_the_density(likely_family):
    family, phi, one = likely_family, phi_of(likely_family), np.ones(1)
    weight = 12.0 * one if family.mean_interval[1] == 1 else one

    def density(y, mu):
        return float(np.exp(family.log_density(np.array([y]), Mean(Identity(), np.array([mu])), phi, weight))[0])

    for mu in means_of(family):
        y = responses(family, float(weight[0]))[:25]
        if family.spacing(weight)[0]:
            wanted = np.cumsum([density(each, mu) for each in y])
        else:
            low = -np.inf if np.isinf(family.mean_interval[0]) else 0.0
            y = mu * np.array([0.3, 1.0, 2.5])
            atom = 0.0 if np.isinf(low) or not family.in_support(np.zeros(1))[0] else density(0.0, mu)
            # from the middle outwards, on the scale of logarithms where responses are positive
            wanted = [atom + amount(lambda t, mu=mu: density(t, mu), low, each) for each in y]
        assert np.allclose(at(family, y, mu, weight=float(weight[0])).cdf, wanted, rtol=1e-9, atol=1e-12)


def amount(density, low, high):
    if np.isinf(low):
        return integrate.quad(density, low, high, epsabs=1e-13, epsrel=1e-11)[0]
    scaled = integrate.quad(
        lambda t: density(np.exp(t)) * np.exp(t), np.log(high) - 60, np.log(high), limit=400, epsabs=1e-13, epsrel=1e-11
    )
    return scaled[0]


def test_draws_have_it(likely_family):
    """The transform of a draw, at a random place in its step, is uniform: Kolmogorov and Smirnov do not object."""
    random, n = np.random.default_rng(1972), 1500
    for mu in means_of(likely_family):
        weight, mean = np.full(n, 3.0), Mean(Identity(), np.full(n, mu))
        y = likely_family.sample(random, mean, phi_of(likely_family), weight)
        here = likely_family.log_tails(y, mean, phi_of(likely_family), weight)
        below = likely_family.log_tails(likely_family.before(y, weight), mean, phi_of(likely_family), weight)
        step = below.between(here, random.random(n))
        score = np.where(below.lower < here.lower, step.normal_score, here.normal_score)
        assert stats.kstest(score, "norm").pvalue > 1e-4
        assert np.allclose(likely_family.cdf(y, mean, phi_of(likely_family), weight), here.cdf)


def test_p_below_leaves_out_the_probability_of_the_response_itself(likely_family):
    y = responses(likely_family, 5.0)[:20]
    mu, weight = means_of(likely_family)[1], np.full(len(y), 5.0)
    mean = Mean(Identity(), np.full_like(y, mu))
    below, upto = (f(y, mean, phi_of(likely_family), weight) for f in (likely_family.cdf_below, likely_family.cdf))
    if likely_family.spacing(weight).any():
        assert below[0] == 0.0 and np.allclose(below[1:], upto[:-1], rtol=1e-13)
    else:
        assert np.array_equal(below[1:], upto[1:]) and below[0] == (0.0 if y[0] == 0 else upto[0])


def test_scores_do_not_saturate_far_out(likely_family):
    top = means_of(likely_family)[-1]
    if likely_family.mean_interval[1] == 1:
        score = at(likely_family, [0.0, 0.5], 1 - 1e-12, weight=1000.0).normal_score
        assert np.isfinite(score).all() and (score < -30).all()
        return
    score = at(likely_family, top * np.geomspace(10.0, 1e6, 8), top).normal_score
    assert np.isfinite(score).all() and (np.diff(score) > 0).all()


def test_any_shape_will_do(likely_family):
    y = responses(likely_family, 20.0)[:12]
    mean, weight = Mean(Identity(), np.full(12, means_of(likely_family)[1])), np.full(12, 20.0)
    flat = likely_family.log_tails(y, mean, phi_of(likely_family), weight)
    square = likely_family.log_tails(
        y.reshape(3, 4), Mean(Identity(), mean.eta.reshape(3, 4)), phi_of(likely_family), weight.reshape(3, 4)
    )
    assert np.array_equal(square.lower.ravel(), flat.lower) and np.array_equal(square.upper.ravel(), flat.upper)


def test_families_without_a_distribution_say_so(each_family):
    mean, one = Mean(Identity(), np.array([0.5])), np.ones(1)
    assert each_family.has_distribution == each_family.has_likelihood
    if not each_family.has_distribution:
        with pytest.raises(CapabilityError, match="no distribution function"):
            each_family.cdf(one, mean, 1.0, one)


def test_at_a_limit_of_the_mean_all_probability_is_at_the_end():
    for family, y in ((Poisson(), [0.0, 3.0]), (NegativeBinomial(2.0), [0.0, 3.0]), (Binomial(), [0.0, 0.5])):
        link = Logit() if family.mean_interval[1] == 1 else Log()
        gone = family.log_tails(np.array(y), Mean(link, np.full(2, -np.inf)), 1.0, np.full(2, 2.0))
        assert gone.cdf.tolist() == [1.0, 1.0] and gone.survival.tolist() == [0.0, 0.0]
    full = Binomial().log_tails(np.array([0.5, 1.0]), Mean(Logit(), np.full(2, np.inf)), 1.0, np.full(2, 2.0))
    assert full.cdf.tolist() == [0.0, 1.0]
    for family in (Gamma(), InverseGaussian(), Tweedie(1.5)):
        away = family.log_tails(np.array([5.0]), Mean(Log(), np.array([np.inf])), 1.0, np.ones(1))
        assert away.survival[0] == pytest.approx(1.0 if family.name != "inverse_gaussian" else 0.3453, abs=1e-4)


def test_a_proportion_is_counted_in_whole_trials():
    third = np.array([1 / 3, 2 / 3, 1.0])
    mean, trials = Mean(Identity(), np.full(3, 0.4)), np.full(3, 3.0)
    assert np.allclose(Binomial().cdf(third, mean, 1.0, trials), stats.binom.cdf([1, 2, 3], 3, 0.4), rtol=1e-14)
    assert np.allclose(Binomial().cdf_below(third, mean, 1.0, trials), stats.binom.cdf([0, 1, 2], 3, 0.4), rtol=1e-14)
    with pytest.raises(InputError, match="whole numbers"):
        Binomial().cdf(third, mean, 1.0, trials + 0.5)


EXACT = [(2.0, 0.05, 1.5), (1.0, 3.0, 1.9), (10.0, 20.0, 1.2), (1e-3, 1.0, 1.5), (3.0, 0.3, 1.05)]


@pytest.mark.parametrize(("mu", "phi", "power"), EXACT)
def test_the_compound_sum_is_exact(mu, phi, power):
    """Against the sum over the number of amounts, in 25 digits."""
    rate = mp.mpf(mu) ** (2 - mp.mpf(power)) / (phi * (2 - mp.mpf(power)))
    jump, scale = (2 - mp.mpf(power)) / (mp.mpf(power) - 1), phi * (mp.mpf(power) - 1) * mp.mpf(mu) ** (power - 1)
    shares = [0.0, 1e-3, 0.9, 3.0]
    ours = at(Tweedie(power), mu * np.array(shares), mu, phi=phi)
    with mp.workdps(25):
        for k, share in enumerate(shares):
            lower, upper = mp.exp(-rate), mp.mpf(0)
            for j in range(1, int(rate + 15 * mp.sqrt(rate)) + 80):
                mass = mp.exp(j * mp.log(rate) - rate - mp.loggamma(j + 1))
                x = mp.mpf(float(mu * np.float64(share))) / scale
                lower += mass * mp.gammainc(j * jump, 0, x, regularized=True)
                upper += mass * mp.gammainc(j * jump, x, mp.inf, regularized=True)
            smaller = min(lower, upper)
            for found, wanted in ((ours.lower[k], lower), (ours.upper[k], upper)):
                assert abs(mp.exp(mp.mpf(float(found))) - wanted) <= 1e-12 * wanted
            assert abs(min(ours.lower[k], ours.upper[k]) - mp.log(smaller)) <= 2e-13 * (1 + abs(mp.log(smaller)))


@pytest.mark.parametrize("shape", [4e4, 1e7, 1e9])
def test_a_large_shape_keeps_its_tails(shape):
    """Where SciPy's series ends early; against a quadrature of the density."""
    z = np.array([-20.0, -8.0, -5.0, 5.0, 8.0, 20.0])
    x = shape + z * np.sqrt(shape)
    tails = gamma_tails(np.full(6, shape), x)
    nodes, weights = np.polynomial.legendre.leggauss(40)
    for each, there, found in zip(z, x, np.where(z < 0, tails.lower, tails.upper), strict=True):
        length = np.sqrt(shape) / abs(each)  # over which the density falls by a factor of e
        total = 0.0
        for panel in range(25):
            t = there + np.sign(each) * length * (2 * panel + 1 + nodes)
            total += length * float(weights @ np.exp(log_mass(np.full(40, shape - 1.0), t) - found))
        assert total == pytest.approx(1.0, rel=2e-8)


def test_many_amounts_are_summed_by_strides():
    """With a tiny dispersion the sum is nearly normal, with Cornish and Fisher's correction for its skewness."""
    mu, phi, power = 3.0, 1e-7, 1.4
    deviation = np.sqrt(phi * mu**power)
    skewness = power * np.sqrt(phi) * mu ** (power / 2 - 1)
    z = np.array([-6.0, -2.0, 0.0, 1.0, 5.0])
    score = at(Tweedie(power), mu + deviation * (z + skewness * (z**2 - 1) / 6), mu, phi=phi).normal_score
    # the correction leaves terms of order phi
    assert np.allclose(score, z, rtol=0, atol=1e-5)


# Anscombe's residual


def test_closed_forms_are_the_integral(each_family):
    y = np.array([0.0, 0.02, 0.3, 0.5, 0.98, 1.0, 4.0, 30.0])
    y = y[each_family.in_support(y)]
    for mu in (0.05, 0.5, 0.9):
        mean = Mean(Identity(), np.full_like(y, mu))
        closed, numeric = each_family.anscombe(y, mean), any_anscombe(y, mean, each_family.log_variance)
        assert np.allclose(closed, numeric, rtol=1e-9, atol=1e-12)
        assert np.array_equal(np.sign(closed), np.sign(y - mu))


def test_a_new_family_gets_anscombe_by_quadrature_and_says_what_it_lacks():
    class Cubic(Family):
        name = "cubic"
        default_link = Log()
        mean_interval = (0.0, np.inf)

        def log_variance(self, mean):
            return 3.0 * mean.log

        def unit_deviance(self, y, mean):
            return InverseGaussian().unit_deviance(y, mean)

    y = np.array([0.3, 1.0, 5.0])
    mean = Mean(Log(), np.zeros(3))
    assert np.allclose(Cubic().anscombe(y, mean), np.log(y), rtol=1e-10)
    assert not Cubic().has_distribution
    assert Cubic().spacing(np.ones(3)).tolist() == [0.0, 0.0, 0.0]


@pytest.mark.parametrize("power", [1.01, 1.5, 1.99])
def test_a_compound_sum_rises_whatever_its_dispersion(power):
    y = np.array([0.0, 1e-300, 1e-10, 0.5, 1.0, 2.0, 1e5, 1e300])
    for phi in (1e-12, 1e-6, 1.0, 1e6, 1e12):
        score = at(Tweedie(power), y, 1.0, phi=phi).normal_score
        assert not np.isnan(score).any() and (np.diff(score) >= -1e-9 * np.abs(score[1:])).all()
        assert np.isfinite(score[:-1]).all()
