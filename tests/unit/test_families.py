"""Deviances and densities against formulas written out in mpmath, against sums and integrals, and against SciPy."""

import mpmath as mp
import numpy as np
import pytest
from scipy import stats

from nelder.errors import InputError
from nelder.families import Binomial, Gamma, Gaussian, InverseGaussian, NegativeBinomial, Poisson, Quasi, Tweedie
from nelder.links import Identity, Log, Logit
from nelder.mean import Mean

mp.mp.dps = 50
LARGE, UNIT = (0.3, 5.0, 100.0), (0.05, 0.5, 0.9)


def binomial_deviance(y, m):
    return 2 * (y * mp.log(y / m) + (1 - y) * mp.log((1 - y) / (1 - m)))


def negative_binomial_deviance(theta):
    t = mp.mpf(theta)
    return lambda y, m: 2 * (y * mp.log(y / m) - (y + t) * mp.log((y + t) / (m + t)))


def tweedie_deviance(power):
    p = mp.mpf(power)
    a, b = 1 - p, 2 - p
    return lambda y, m: 2 * (y**b / (a * b) - y * m**a / a + m**b / b)


def poisson_deviance(y, m):
    return 2 * (y * mp.log(y / m) - (y - m))


def gamma_deviance(y, m):
    return 2 * ((y - m) / m - mp.log(y / m))


def inverse_gaussian_deviance(y, m):
    return (y - m) ** 2 / (y * m**2)


FORMULAS = [
    (Binomial(), binomial_deviance, UNIT),
    (Gamma(), gamma_deviance, LARGE),
    (Gaussian(), lambda y, m: (y - m) ** 2, LARGE),
    (InverseGaussian(), inverse_gaussian_deviance, LARGE),
    *((NegativeBinomial(t), negative_binomial_deviance(t), LARGE) for t in (0.01, 0.5, 2.0, 1e3, 1e8)),
    (Poisson(), poisson_deviance, LARGE),
    (Quasi("mu(1-mu)"), binomial_deviance, UNIT),
    (Quasi("mu^2"), gamma_deviance, LARGE),
    *((Tweedie(p), tweedie_deviance(p), LARGE) for p in (1.01, 1.5, 1.99, 2.01, 2.5, 3.5)),
]
each_formula = pytest.mark.parametrize(("family", "formula", "sizes"), FORMULAS, ids=[f[0].label() for f in FORMULAS])

AMOUNTS = [
    (f, formula) for f, formula, _ in FORMULAS if f.mean_interval[0] == 0 and f.mean_interval[1] > 1 and not f.counts
]


def deviance(family, y, mu):
    return float(family.unit_deviance(np.array([y]), Mean(Identity(), np.array([mu])))[0])


@pytest.mark.parametrize("off", [1e-6, -1e-6, 1e-4, -1e-3, 0.01, -0.1, 0.1])
@each_formula
def test_deviance_near_equality(family, formula, sizes, off):
    for y in sizes:
        mu = y * (1 + off) if y * (1 + off) < 1 or sizes is LARGE else y
        # log y and log μ are rounded, which is worth eps |log y| / |off| in their difference, twice that in its square
        rel = 1e-13 + 8 * np.finfo(float).eps * (1 + abs(np.log(y)) + abs(np.log1p(-y) if y < 1 else 0)) / abs(off)
        assert rel <= 1.2e-8
        assert deviance(family, y, mu) == pytest.approx(float(formula(mp.mpf(y), mp.mpf(mu))), rel=rel, abs=0), f"{y=}"


@pytest.mark.parametrize("ratio", [1e-100, 1e-12, 1e-3, 0.3, 3.0, 1e3, 1e12, 1e100])
@each_formula
def test_deviance_far_from_equality(family, formula, sizes, ratio):
    for y in sizes:
        mu = y * ratio
        if sizes is UNIT and mu >= 1:
            continue
        expected = formula(mp.mpf(y), mp.mpf(mu))
        if expected < 1e300:
            assert deviance(family, y, mu) == pytest.approx(float(expected), rel=1e-11, abs=0), f"{y=} {mu=}"


@pytest.mark.parametrize("eta", [30.0, 300.0, 700.0])
def test_binomial_tails(eta):
    """Wrong with certainty: the deviance is 2 |η|, and right: 2 e^−|η|."""
    y, mean = np.array([0.0, 1.0]), Mean(Logit(), np.array([eta, -eta]))
    with np.errstate(all="ignore"):
        wrong = Binomial().unit_deviance(y, mean)
        right = Binomial().unit_deviance(1 - y, mean)
        score = Binomial().score(1 - y, mean)
    assert wrong == pytest.approx([2 * eta, 2 * eta], rel=1e-14, abs=0)
    assert right == pytest.approx([2 * float(mp.log1p(mp.exp(-eta)))] * 2, rel=1e-13, abs=0)
    assert score == pytest.approx([float(mp.exp(-eta)), -float(mp.exp(-eta))], rel=1e-12, abs=0)


@pytest.mark.parametrize("size", [1e-150, 1e-20, 1e20, 1e120])
@pytest.mark.parametrize(("family", "formula"), AMOUNTS, ids=[f[0].label() for f in AMOUNTS])
def test_deviance_does_not_care_about_units(family, formula, size):
    y, eta = np.array([size]), np.array([np.log(size) + 0.7])
    expected = formula(mp.mpf(size), mp.exp(mp.mpf(float(eta[0]))))
    if 1e-300 < abs(expected) < 1e300:
        with np.errstate(all="ignore"):
            got = float(family.unit_deviance(y, Mean(Log(), eta))[0])
        # η of some hundreds is rounded to 1e-13, and the power of y by another exponential of that size
        assert got == pytest.approx(float(expected), rel=2e-12, abs=0)


@pytest.mark.parametrize(
    ("family", "variance"),
    [
        (Binomial(), lambda m: m * (1 - m)),
        (Gamma(), lambda m: m**2),
        (Gaussian(), lambda m: 1.0),
        (InverseGaussian(), lambda m: m**3),
        (NegativeBinomial(2.0), lambda m: m + m**2 / 2),
        (Poisson(), lambda m: m),
        (Tweedie(1.7), lambda m: m**1.7),
        (Quasi("mu^3"), lambda m: m**3),
    ],
    ids=lambda f: f.label() if hasattr(f, "label") else "",
)
def test_variance_functions(family, variance):
    for mu in (0.01, 0.4, 0.95):
        assert float(family.variance(Mean(Identity(), np.array([mu])))[0]) == pytest.approx(
            variance(mu), rel=1e-13, abs=0
        )


def test_zero_counts_have_the_limit_of_the_deviance():
    zero, mean = np.zeros(1), Mean(Identity(), np.array([0.7]))
    assert Poisson().unit_deviance(zero, mean)[0] == pytest.approx(1.4, rel=1e-15, abs=0)
    assert NegativeBinomial(2.0).unit_deviance(zero, mean)[0] == pytest.approx(4 * np.log1p(0.35), rel=1e-15, abs=0)
    assert Binomial().unit_deviance(zero, mean)[0] == pytest.approx(-2 * np.log(0.3), rel=1e-14, abs=0)
    assert Tweedie(1.5).unit_deviance(zero, mean)[0] == pytest.approx(4 * np.sqrt(0.7), rel=1e-15, abs=0)


# ---- densities


DENSITIES = [
    Binomial(),
    Gamma(),
    Gaussian(),
    InverseGaussian(),
    *(NegativeBinomial(theta) for theta in (0.7, 30.0)),
    Poisson(),
    *(Tweedie(power) for power in (1.1, 1.5, 1.9)),
]


def grid(family, mu):
    """Points y, the weight of each in a sum or an integral, and the trials or prior weight of each row."""
    if isinstance(family, Binomial):
        return np.arange(8) / 7, np.ones(8), np.full(8, 7.0)
    if family.counts:
        y = np.arange(4000.0)
        return y, np.ones_like(y), np.ones_like(y)
    if isinstance(family, Gaussian):
        y = np.linspace(mu - 12, mu + 12, 4001)
        return y, np.full_like(y, y[1] - y[0]), np.full_like(y, 2.5)
    # positive responses on the scale of log y, where the trapezoid rule is exact to rounding
    t = np.linspace(-400.0, 8.0, 32001)
    weight = 2.5 if isinstance(family, Tweedie) else 1.0
    return np.exp(t), np.exp(t) * (t[1] - t[0]), np.full_like(t, weight)


@pytest.mark.parametrize("phi", [0.2, 1.5])
@pytest.mark.parametrize("mu", [0.3, 0.8, 2.5])
@pytest.mark.parametrize("family", DENSITIES, ids=lambda f: f.label())
def test_density_is_a_density_with_mean_and_variance(family, mu, phi):
    mu = min(mu, 0.8) if isinstance(family, Binomial) else mu
    phi = 1.0 if family.dispersion_known else phi
    y, step, weight = grid(family, mu)
    mean = Mean(Identity(), np.full_like(y, mu))
    with np.errstate(all="ignore"):
        density = np.exp(family.log_density(y, mean, phi, weight)) * step
    if isinstance(family, Tweedie):
        at_zero = family.log_density(np.zeros(1), Mean(Identity(), np.array([mu])), phi, weight[:1])
        exact = -(mu ** (2 - family.power)) * 2.5 / (phi * (2 - family.power))
        assert at_zero[0] == pytest.approx(exact, rel=1e-14, abs=0)
        y, density = np.append(y, 0.0), np.append(density, np.exp(at_zero))
    variance = phi * float(family.variance(mean)[0]) / weight[0]
    assert density.sum() == pytest.approx(1.0, rel=1e-10, abs=0)
    assert density @ y == pytest.approx(mu, rel=1e-10, abs=0)
    assert density @ (y - mu) ** 2 == pytest.approx(variance, rel=1e-9, abs=0)


AT_ANY_PRECISION = [
    (Gaussian(), 0.0),
    (Gamma(), 2.0),
    (InverseGaussian(), 3.0),
    *((Tweedie(p), p) for p in (1.1, 1.5, 1.9)),
]


@pytest.mark.parametrize("phi", [1e-4, 1e-6, 1e-10, 1e-20, 1e-30])
@pytest.mark.parametrize(("family", "power"), AT_ANY_PRECISION, ids=[f.label() for f, _ in AT_ANY_PRECISION])
def test_density_of_very_precise_responses(family, power, phi):
    """log f(y; y) = −½ log(2π φ V(y)) + ξ p (p − 3) / 24 + O(ξ²), with ξ = φ y^(p − 2): the saddlepoint expansion."""
    for y in (0.3, 5.0):
        at, xi = np.array([y]), phi * y ** (power - 2)
        expected = -0.5 * np.log(2 * np.pi * phi * y**power) + xi * power * (power - 3) / 24
        got = family.log_density(at, Mean(Identity(), at), phi, np.ones(1))[0]
        assert got == pytest.approx(expected, rel=1e-12, abs=1e-9 + xi**2), f"{y=}"


Y = np.array([0.01, 0.4, 1.0, 3.0, 17.0])
COUNTS = np.array([0.0, 1.0, 2.0, 30.0, 1000.0])
MU, PHI, ONES = np.array([0.5, 0.3, 2.0, 3.1, 40.0]), 0.3, np.ones(5)
THETA = 2.5
TRIALS = np.array([1.0, 5.0, 40.0, 1000.0, 1e6])
SUCCESSES = np.array([0.0, 2.0, 40.0, 300.0, 123456.0])
SHARE = np.array([0.1, 0.3, 0.999, 0.28, 0.1234])
SCIPY = {
    "binomial": (
        Binomial().log_density(SUCCESSES / TRIALS, Mean(Identity(), SHARE), 1.0, TRIALS),
        stats.binom.logpmf(SUCCESSES, TRIALS, SHARE),
    ),
    "gamma": (
        Gamma().log_density(Y, Mean(Identity(), MU), PHI, ONES),
        stats.gamma.logpdf(Y, 1 / PHI, scale=PHI * MU),
    ),
    "gaussian": (
        Gaussian().log_density(Y, Mean(Identity(), MU), PHI, 2 * ONES),
        stats.norm.logpdf(Y, MU, np.sqrt(PHI / 2)),
    ),
    "inverse_gaussian": (
        InverseGaussian().log_density(Y, Mean(Identity(), MU), PHI, ONES),
        stats.invgauss.logpdf(Y, PHI * MU, scale=1 / PHI),
    ),
    "negative_binomial": (
        NegativeBinomial(THETA).log_density(COUNTS, Mean(Identity(), MU), 1.0, ONES),
        stats.nbinom.logpmf(COUNTS, THETA, THETA / (THETA + MU)),
    ),
    "poisson": (
        Poisson().log_density(COUNTS, Mean(Identity(), MU), 1.0, ONES),
        stats.poisson.logpmf(COUNTS, MU),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", SCIPY)
def test_density_agrees_with_scipy(name):
    ours, theirs = SCIPY[name]
    # a million trials are sums of terms of 1e7: four roundings of those
    assert ours == pytest.approx(theirs, rel=1e-11, abs=1e-8 if name == "binomial" else 1e-12)


def binomial_density(successes, trials, share):
    s, n, m = mp.mpf(successes), mp.mpf(trials), mp.mpf(share)
    ways = mp.loggamma(n + 1) - mp.loggamma(s + 1) - mp.loggamma(n - s + 1)
    return ways + s * mp.log(m) + (n - s) * mp.log(1 - m)


def negative_binomial_density(y, theta, mu):
    y, t, m = mp.mpf(y), mp.mpf(theta), mp.mpf(mu)
    ways = mp.loggamma(y + t) - mp.loggamma(t) - mp.loggamma(y + 1)
    return ways + t * mp.log(t / (t + m)) + y * mp.log(m / (t + m))


@pytest.mark.parametrize("trials", [1.0, 12.0, 1e4, 1e8])
def test_binomial_density_of_many_trials(trials):
    y = np.round(trials * np.array([0.0, 0.3, 0.5, 1.0])) / trials
    got = Binomial().log_density(y, Mean(Identity(), np.full(4, 0.3)), 1.0, np.full(4, trials))
    for each, value in zip(y, got, strict=True):
        # the parts of the sum are of size trials · log trials
        wanted = float(binomial_density(round(each * trials), trials, 0.3))
        rounding = np.finfo(float).eps * trials * (1 + np.log(trials))
        assert value == pytest.approx(wanted, rel=1e-13, abs=4 * rounding)


@pytest.mark.parametrize("theta", [1e-3, 0.5, 20.0, 1e6, 1e10])
def test_negative_binomial_density_at_any_theta(theta):
    y = np.array([0.0, 1.0, 7.0, 1e3])
    got = NegativeBinomial(theta).log_density(y, Mean(Identity(), np.full(4, 6.0)), 1.0, np.ones(4))
    for each, value in zip(y, got, strict=True):
        wanted = float(negative_binomial_density(each, theta, 6.0))
        assert value == pytest.approx(wanted, rel=1e-13, abs=1e-14 if each else 0), f"y={each}"


def tweedie_density(y, mu, phi, power):
    """Dunn & Smyth's series in mpmath, summed until its terms vanish on both sides of the largest."""
    y, m, f, p = mp.mpf(y), mp.mpf(mu), mp.mpf(phi), mp.mpf(power)
    alpha = (2 - p) / (p - 1)
    log_z = alpha * mp.log(y / (p - 1)) - (1 + alpha) * mp.log(f) - mp.log(2 - p)
    kappa = (y * m ** (1 - p) / (1 - p) - m ** (2 - p) / (2 - p)) / f

    def term(j):
        return j * log_z - mp.loggamma(j + 1) - mp.loggamma(alpha * j)

    peak = max(1, round(float(y ** (2 - p) / (f * (2 - p)))))
    top = term(peak)
    total = mp.mpf(0)
    for steps in (range(peak, peak + 100_000), range(peak - 1, 0, -1)):
        for j in steps:
            each = mp.exp(term(j) - top)
            total += each
            if each < 1e-18:
                break
    return float(top + mp.log(total) - mp.log(y) + kappa)


@pytest.mark.parametrize("phi", [0.01, 0.1, 1.0, 10.0])
@pytest.mark.parametrize("power", [1.05, 1.2, 1.5, 1.8, 1.95])
def test_tweedie_density_is_its_series(power, phi):
    y = np.array([0.02, 1.3, 5.0])
    mu, weight = np.array([0.1, 1.0, 4.0]), np.array([1.0, 2.0, 1.0])
    got = Tweedie(power).log_density(y, Mean(Identity(), mu), phi, weight)
    with mp.workdps(30):
        wanted = [tweedie_density(a, b, phi / c, power) for a, b, c in zip(y, mu, weight, strict=True)]
    # the terms are differences of numbers of size (peak of the series) × log, each rounded
    peak = y ** (2 - power) / (phi / weight * (2 - power))
    for value, other, size in zip(got, wanted, peak, strict=True):
        assert value == pytest.approx(other, rel=1e-12, abs=1e-12 + 1e-14 * size * (1 + np.log1p(size)))


@pytest.mark.parametrize(
    ("family", "option"),
    [
        (NegativeBinomial, 0.0),
        (NegativeBinomial, -1.0),
        (NegativeBinomial, np.nan),
        (Tweedie, 1.0),
        (Tweedie, 0.0),
        (Tweedie, np.nan),
        (Tweedie, np.inf),
        (Quasi, "mu^4"),
    ],
)
def test_options_that_are_no_family_are_refused(family, option):
    with pytest.raises(InputError):
        family(option)
