"""Every link against mpmath, where doubles are comfortable and where they are not."""

import mpmath as mp
import numpy as np
import pytest

from nelder.errors import InputError
from nelder.links import LINKS, Cloglog, Loglog, Power, Probit
from nelder.mean import Mean

mp.mp.dps = 60
REALS = [s * x for x in (1e-8, 0.1, 1.0, 3.0, 8.0, 30.0, 38.0, 300.0, 700.0) for s in (-1.0, 1.0)]
POSITIVE = [1e-100, 1e-30, 1e-8, 0.1, 0.5, 2.0, 3.0, 1e8, 1e30, 1e100]
FORMS = ("mu", "complement", "log", "log_complement", "slope", "log_slope", "curvature")


def phi(t):
    return mp.exp(-t * t / 2) / mp.sqrt(2 * mp.pi)


# name: μ, 1 − μ and dμ/dη, written so that each keeps its digits
MEANS = {
    "cauchit": (lambda t: mp.acot(-t) / mp.pi % 1, lambda t: mp.acot(t) / mp.pi % 1, lambda t: 1 / mp.pi / (1 + t * t)),
    "cloglog": (lambda t: -mp.expm1(-mp.exp(t)), lambda t: mp.exp(-mp.exp(t)), lambda t: mp.exp(t - mp.exp(t))),
    "identity": (lambda t: t, lambda t: 1 - t, lambda t: mp.mpf(1)),
    "inverse": (lambda t: 1 / t, lambda t: 1 - 1 / t, lambda t: -(t**-2)),
    "inverse_squared": (lambda t: 1 / mp.sqrt(t), lambda t: 1 - 1 / mp.sqrt(t), lambda t: -1 / (2 * t * mp.sqrt(t))),
    "log": (mp.exp, lambda t: -mp.expm1(t), mp.exp),
    "logit": (lambda t: 1 / (1 + mp.exp(-t)), lambda t: 1 / (1 + mp.exp(t)), lambda t: 1 / (2 * mp.cosh(t / 2)) ** 2),
    "loglog": (lambda t: mp.exp(-mp.exp(-t)), lambda t: -mp.expm1(-mp.exp(-t)), lambda t: mp.exp(-t - mp.exp(-t))),
    "probit": (lambda t: mp.erfc(-t / mp.sqrt(2)) / 2, lambda t: mp.erfc(t / mp.sqrt(2)) / 2, phi),
    "sqrt": (lambda t: t * t, lambda t: 1 - t * t, lambda t: 2 * t),
}
CASES = [(LINKS[name](), *MEANS[name]) for name in MEANS]


def power_case(a):
    q = 1 / mp.mpf(a)
    return Power(a), lambda t: t**q, lambda t: 1 - t**q, lambda t: q * t ** (q - 1)


CASES += [power_case(a) for a in (0.5, -1.0, -2.0, 0.25, 3.0)]
each_case = pytest.mark.parametrize(("link", "mu", "complement", "slope"), CASES, ids=[c[0].label() for c in CASES])


def exact(form, eta, mu, complement, slope):
    """One form of the mean at η as mpmath has it; None where it is no real number."""
    t = mp.mpf(eta)
    m, c, s = mu(t), complement(t), slope(t)
    if form in ("log", "log_complement"):
        one, other = (m, c) if form == "log" else (c, m)
        if one <= 0:
            return None
        return mp.log(one) if one < 0.5 or other > 0.5 or other < 0 else mp.log1p(-other)
    if form == "curvature":
        return mp.diff(lambda u: mp.log(abs(slope(u))), t, h=t * mp.mpf(10) ** -20)
    return {"mu": m, "complement": c, "slope": s, "log_slope": mp.log(abs(s))}[form]


def test_every_link_is_tested():
    assert {case[0].name for case in CASES} == set(LINKS)


@each_case
def test_the_formulas_here_are_consistent(link, mu, complement, slope):
    for t in (mp.mpf("0.3"), mp.mpf("1.7")):
        assert mp.almosteq(mu(t) + complement(t), 1, 1e-50)
        assert mp.almosteq(slope(t), mp.diff(mu, t), 1e-25)


@pytest.mark.parametrize("form", FORMS)
@each_case
def test_mean_keeps_its_digits_everywhere(link, mu, complement, slope, form):
    etas = REALS if link.eta_interval[0] < 0 else POSITIVE
    compared = 0
    with np.errstate(all="ignore"):
        got = getattr(Mean(link, np.array(etas)), form)
    for eta, value in zip(etas, got, strict=True):
        expected = exact(form, eta, mu, complement, slope)
        if expected is None or abs(expected) > 1e300:
            continue
        compared += 1
        # below 1e-300 all digits cannot be kept; the slope of some links is the exponential of a logarithm up to 700,
        # which is worth 700 roundings; a curvature is added to others of size 1, and crosses zero
        least = 1e-15 if form == "curvature" else 1e-300
        assert value == pytest.approx(float(expected), rel=4e-13, abs=least), f"{form} at η={eta}"
    assert compared >= 5


def test_far_tails_are_exact_limits():
    with np.errstate(all="ignore"):
        assert Mean(Cloglog(), np.array([-740.0])).log[0] == -740.0
        assert Mean(Loglog(), np.array([740.0])).log_complement[0] == -740.0
        assert Mean(Probit(), np.array([-1e8])).log[0] == pytest.approx(-5e15, rel=1e-12, abs=0)


@pytest.mark.parametrize("mu", [1e-300, 1e-20, 1e-3, 0.4, 0.5, 0.6, 0.999])
@pytest.mark.parametrize("name", ["cauchit", "cloglog", "logit", "loglog", "probit"])
def test_link_function_keeps_its_digits(name, mu):
    exact_link = {
        "cauchit": lambda m: -mp.cot(mp.pi * m),
        "cloglog": lambda m: mp.log(-mp.log1p(-m)),
        "logit": lambda m: mp.log(m) - mp.log1p(-m),
        "loglog": lambda m: -mp.log(-mp.log(m)),
        "probit": probit_by_root,
    }[name]
    # at μ = 0.5 an η of 0 is only as exact as μ
    assert float(LINKS[name]().link(np.float64(mu))) == pytest.approx(
        float(exact_link(mp.mpf(mu))), rel=1e-12, abs=2e-16
    )


def probit_by_root(m):
    """Φ⁻¹ by Newton's method on log Φ from the Gaussian tail bound."""
    t = -mp.sqrt(-2 * mp.log(m)) if m < 0.5 else mp.sqrt(-2 * mp.log1p(-m)) if m > 0.5 else mp.mpf(0)
    side = 1 if m < 0.5 else -1
    tail = m if m < 0.5 else 1 - m
    for _ in range(60):
        below = mp.erfc(-side * t / mp.sqrt(2)) / 2
        t -= side * (mp.log(below) - mp.log(tail)) * below / phi(t)
    return t


@pytest.mark.parametrize("exponent", [0.0, np.inf, -np.inf, np.nan])
def test_power_refuses_exponents_that_are_no_link(exponent):
    with pytest.raises(InputError, match="exponent"):
        Power(exponent)
