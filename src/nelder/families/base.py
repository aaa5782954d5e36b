"""What a family is: how the response varies around its mean. One file a family; this page holds what they share.

For a response y with mean μ, variance φ V(μ) / w and the deviance as distance, the three quantities every solver needs
follow from the variance alone, with θ the natural parameter, dθ/dμ = 1/V(μ) (McCullagh & Nelder 1989, section 2.5):

    score in η           w (y − μ) · dθ/dη
    expected weight      w · dμ/dη · dθ/dη
    observed weight      w (dμ/dη · dθ/dη − (y − μ) · d²θ/dη²)
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from nelder.errors import CapabilityError, InputError, SupportError, some_rows
from nelder.families.anscombe import any_anscombe
from nelder.families.tails import Tails
from nelder.linalg import Array
from nelder.links import Identity
from nelder.mean import REALS, Interval, Link, Mean, special

COUNTED = 256  # counts below are looked up where they are many
FEW = 0.2  # of the responses: where fewer are not zero, they are worked out apart


@dataclass(frozen=True)
class Family(ABC):
    """A new family needs `name`, `default_link`, `mean_interval`, `log_variance` and `unit_deviance`.

    The rest has defaults that may be replaced. `log_saturated` and `sample` make likelihoods, AIC and simulation work,
    and `log_tails` quantile residuals and prediction intervals; a family without them is a quasi family and says so.
    All methods are elementwise, on arrays of any one shape.
    """

    # `canonical` is the link at which dθ/dη is the constant `natural_constant`, where the library has one
    name: ClassVar[str]
    default_link: ClassVar[Link]
    canonical: ClassVar[Link | None] = None
    natural_constant: ClassVar[float] = 1.0
    mean_interval: ClassVar[Interval] = REALS
    convex_links: ClassVar[tuple[str, ...]] = ()  # names of links with which the deviance is convex in η
    support: ClassVar[str] = "any finite number"
    dispersion_known: ClassVar[bool] = False
    constant_variance: ClassVar[bool] = False
    counts: ClassVar[bool] = False  # whether responses are counts without a limit
    # the option that is a shape parameter, estimated where it is not given, such as theta; "" where there is none
    shape_name: ClassVar[str] = ""
    shape_start: ClassVar[float] = math.nan  # the value to look at first
    shape_ends: ClassVar[Interval] = REALS  # of its range, in the order of `shape_grid`
    inverse_dispersion: ClassVar[str] = ""  # what 1/φ is called, where it has a name of its own

    @abstractmethod
    def log_variance(self, mean: Mean) -> Array:
        """log V(μ)."""

    @abstractmethod
    def unit_deviance(self, y: Array, mean: Mean) -> Array:
        """d(y, μ) ≥ 0, zero only at y = μ, with ∂d/∂μ = −2 (y − μ) / V(μ)."""

    def natural_loss(self, y: Array, mean: Mean) -> Array:
        """b(θ) − yθ, half the deviance but for what does not depend on μ: quicker, and without care for y near μ."""
        return 0.5 * self.unit_deviance(y, mean)

    def in_support(self, y: Array) -> NDArray[np.bool_]:
        """Which responses this family can produce (bool, elementwise)."""
        return np.isfinite(y)

    def variance(self, mean: Mean) -> Array:
        """V(μ)."""
        return np.exp(self.log_variance(mean))

    @property
    def variance_power(self) -> float | None:
        """The p of V(μ) = μ^p, with d(cy, cμ) = c^(2 − p) d(y, μ) for any c > 0; None where V is no power."""
        mu = np.array([2.0, 1e-100, 0.3, 1.0, 7.0, 1e100])
        with np.errstate(all="ignore"):
            log_variance = self.log_variance(Mean(Identity(), mu))
        power = float(log_variance[0] / np.log(2.0))
        return power if np.allclose(log_variance, power * np.log(mu), rtol=1e-13, atol=1e-13) else None

    def log_variance_slope(self, mean: Mean) -> Array:
        """d log V / dη; by central difference unless a family knows it. It steers Newton's steps, not the answer, save
        where a score is adjusted by it (`penalties.ScoreAdjustment`).
        """
        step = 1e-5 * (1.0 + np.abs(mean.eta))
        ahead, behind = mean.shifted(step), mean.shifted(-step)
        return (self.log_variance(ahead) - self.log_variance(behind)) / (2 * step)

    def residual(self, y: Array, mean: Mean) -> Array:
        """y − μ."""
        return y - mean.mu

    def natural_slope(self, mean: Mean) -> Array:
        """dθ/dη = (dμ/dη) / V(μ), in logarithms so that neither can overflow alone."""
        if mean.link == self.canonical:
            return np.full_like(mean.eta, self.natural_constant)
        return mean.link.sign * np.exp(mean.log_slope - self.log_variance(mean))

    def score(self, y: Array, mean: Mean) -> Array:
        """−½ ∂d/∂η = (y − μ) dθ/dη."""
        if mean.link == self.canonical:
            residual = self.residual(y, mean)
            return residual if self.natural_constant == 1.0 else self.natural_constant * residual
        return self.residual(y, mean) * self.natural_slope(mean)

    def expected_weight(self, mean: Mean) -> Array:
        """The expectation of −∂score/∂η: dμ/dη · dθ/dη."""
        if mean.link == self.canonical:
            return mean.slope if self.natural_constant == 1.0 else self.natural_constant * mean.slope
        # where the slope underflows to zero so does the weight, though dθ/dη may overflow
        return np.where(mean.slope == 0, 0.0, mean.slope * self.natural_slope(mean))

    def observed_weight(self, y: Array, mean: Mean) -> Array:
        """−∂score/∂η itself; the same as expected where the link is canonical."""
        expected = self.expected_weight(mean)
        if mean.link == self.canonical:
            return expected
        bend = mean.curvature - self.log_variance_slope(mean)
        return expected - self.score(y, mean) * bend

    def start_mean(self, y: Array, weight: Array) -> Array:
        """A mean near y and inside the domain, from which the first weighted least squares starts."""
        return y

    def log_saturated(self, y: Array, phi: float | Array, weight: Array) -> Array:
        """Each row's complete log-likelihood where μ = y, constants included, with prior weight w as R counts it."""
        raise CapabilityError(f"{self.label()} is a quasi family: it has no likelihood, so no AIC or BIC")

    def log_density(self, y: Array, mean: Mean, phi: float | Array, weight: Array) -> Array:
        """Each row's complete log-likelihood: what a perfect fit has, less ½ w d(y, μ) / φ."""
        y = np.asarray(y, dtype=float)  # NumPy's functions of whole numbers are cut to them, or of few digits
        return self.log_saturated(y, phi, weight) - 0.5 * weight * self.unit_deviance(y, mean) / phi

    def normaliser_slopes(self, nu: Array) -> tuple[Array, Array, Array] | None:
        """g′, g″ and g‴ at ν = w/φ, where log f = c(y) + ½ g(ν) − ½ ν d(y, μ), so that d has mean g′ and variance
        −2 g″; None where φ is known or the density has no such form.
        """
        return None

    @property
    def has_likelihood(self) -> bool:
        """Whether there is a density."""
        return type(self).log_saturated is not Family.log_saturated

    def likelihood_dispersion(self, deviance: float, weight_sum: float, n: float) -> float:
        """The φ at which the log-likelihood is reported: deviance / Σw, as R does; 1 where φ is known."""
        return 1.0 if self.dispersion_known else deviance / weight_sum

    def dispersion_score(self, y: Array, mean: Mean, phi: float, weight: Array) -> Array:
        """∂ log f / ∂ log φ of each row, where the variance is φ V(μ) / w: by `normaliser_slopes`, or a difference."""
        nu = weight / phi
        slopes = self.normaliser_slopes(nu)
        if slopes is not None:
            return 0.5 * nu * (self.unit_deviance(y, mean) - slopes[0])
        # a weight might multiply the density: each row has a dispersion of its own instead
        one, step = np.ones_like(nu), 1e-5
        ends = [self.log_density(y, mean, np.exp(move) / nu, one) for move in (step, -step)]
        return (ends[0] - ends[1]) / (2 * step)

    @property
    def shape(self) -> float:
        """The shape parameter; nan where there is none, or where it is to be estimated."""
        given = getattr(self, self.shape_name) if self.shape_name else None
        return math.nan if given is None else float(given)

    @property
    def unknown(self) -> bool:
        """Whether there is a shape parameter to estimate."""
        return bool(self.shape_name) and math.isnan(self.shape)

    def with_shape(self, value: float | None) -> Family:
        """This family at another value of its shape parameter; None to have it estimated."""
        return replace(self, **{self.shape_name: value}) if self.shape_name else self

    def shape_coordinate(self, value: float) -> float:
        """Where a value of the shape lies on the axis along which it is looked for; and the inverse of that."""
        return value

    def shape_stretch(self, value: float) -> float:
        """How fast the shape changes along its axis there."""
        return 1.0

    def shape_grid(self, means: Interval) -> Array:
        """Values of the shape (k,), end to end, that are looked at first; `means` are the smallest and the largest mean
        of a positive response.
        """
        raise CapabilityError(f"{self.label()} has no parameter to estimate beside coefficients and dispersion")

    def shape_score(self, y: Array, mean: Mean, phi: float, weight: Array) -> Array:
        """The derivative of `log_density` along that axis."""
        raise CapabilityError(f"{self.label()} has no parameter to estimate beside coefficients and dispersion")

    def at_the_end(self, first: bool) -> str:
        """What it means that the likelihood is highest at the first end of the grid, or at the last; what to do."""
        return "the likelihood still rises there"

    def log_variance_shape_slope(self, mean: Mean) -> Array:
        """d log V along the axis of the shape (n,); 0 where V has none."""
        return np.zeros_like(mean.eta)

    def require_shape(self, purpose: str) -> None:
        """Raise InputError where the shape parameter is not known but needed."""
        if self.unknown:
            raise InputError(
                f"{purpose} needs the {self.shape_name} of {self.name}, which nothing is given to estimate it from: "
                f"write it out, as '{self.name}({self.shape_name}=1.5)'"
            )

    def sample(self, random: np.random.Generator, mean: Mean, phi: float, weight: Array) -> Array:
        """One response a row, drawn at mean μ and variance φ V(μ) / w."""
        raise CapabilityError(f"{self.label()} is a quasi family: it has no distribution to draw from")

    def log_tails(self, y: Array, mean: Mean, phi: float | Array, weight: Array) -> Tails:
        """log P(Y ≤ y) and log P(Y > y) of a response with prior weight w as `sample` draws it."""
        raise CapabilityError(f"{self.label()} has no distribution function: it is for families with a likelihood")

    @property
    def has_distribution(self) -> bool:
        """Whether `log_tails` exists."""
        return self.has_likelihood and type(self).log_tails is not Family.log_tails

    def spacing(self, weight: Array) -> Array:
        """How far apart neighbouring responses are: 0 where they are continuous."""
        return np.zeros_like(weight)

    def before(self, y: Array, weight: Array) -> Array:
        """A response up to which lies all of P(Y < y): y itself where it has no probability of its own."""
        return y

    def cdf(self, y: Array, mean: Mean, phi: float, weight: Array) -> Array:
        """P(Y ≤ y)."""
        return self.log_tails(np.asarray(y, dtype=float), mean, phi, weight).cdf

    def cdf_below(self, y: Array, mean: Mean, phi: float, weight: Array) -> Array:
        """P(Y < y)."""
        return self.log_tails(self.before(np.asarray(y, dtype=float), weight), mean, phi, weight).cdf

    def anscombe(self, y: Array, mean: Mean) -> Array:
        """Anscombe's residual at prior weight 1, by quadrature unless a family knows its closed form."""
        return any_anscombe(y, mean, self.log_variance)

    def odd(self, y: Array, weight: Array) -> NDArray[np.bool_]:
        """Which responses (n,) can be fitted but do not look like this family."""
        return np.zeros(len(y), dtype=bool)

    def impossible(self, y: Array, weight: Array) -> NDArray[np.bool_]:
        """Which responses (n,) this family cannot have produced at prior weights w."""
        return self.odd(y, weight)

    def odd_words(self, many: int) -> str:
        """The word on so many of them."""
        return f"{many} rows have a response that does not look like {self.label()}"

    def validate(self, y: Array, rows: NDArray[np.integer] | None = None, name: str = "y") -> None:
        """Raise SupportError naming the rows of the response, called `name`, that this family cannot have produced, by
        their numbers in `rows` (n,).
        """
        inside = self.in_support(y)
        if not inside.all():
            bad = np.flatnonzero(~inside)
            numbers = some_rows((bad if rows is None else rows[bad]).tolist())
            verb = "has" if bad.size == 1 else "have"
            raise SupportError(
                f"{self.label()} needs a response that is {self.support}: {numbers} "
                f"of {name} {verb} {', '.join(f'{v:g}' for v in y[bad[:5]])}{self.remedy()}"
            )

    def remedy(self) -> str:
        """What to do about a response outside the support, as the end of that sentence."""
        return ""

    def label(self) -> str:
        """How the family is written in a summary."""
        return self.name

    def options(self) -> dict[str, float | str]:
        """The settings that, with the name, make this family again."""
        return {}


def gap(x: Array) -> Array:
    """eˣ − 1 − x ≥ 0 without cancellation: every unit deviance of a power variance is made of it."""
    result = np.expm1(x, out=np.empty(np.shape(x)))
    result -= x
    small = np.abs(x) < 0.01
    if np.logical_or.reduce(small, axis=None):
        z = x[small]
        result[small] = z * z * (1 / 2 + z * (1 / 6 + z * (1 / 24 + z * (1 / 120 + z * (1 / 720 + z / 5040)))))
    return result


def poisson_gap(y: Array, mu: Array, log_mu: Array) -> Array:
    """y log(y/μ) − (y − μ), half of Poisson's unit deviance, with its limit μ at y = 0."""
    if y.shape == mu.shape[-1:] and np.count_nonzero(y) < FEW * len(y):  # as claims are
        some, result = np.flatnonzero(y != 0), mu.copy()
        result[..., some] = y[some] * gap(log_mu[..., some] - np.log(y[some]))
        return result
    zero = y == 0
    inside = y * gap(log_mu - np.log(y + zero))
    return np.fmax(inside, zero * mu)  # several times as fast as a choice row by row; 0 times infinity gives way


def logarithm_slopes(nu: Array) -> tuple[Array, Array, Array]:
    """The first three derivatives of log ν."""
    return 1.0 / nu, -1.0 / nu**2, 2.0 / nu**3


def stirling_remainder(x: Array) -> Array:
    """log Γ(x + 1) − (x log x − x), without cancellation: a density is a deviance and a few of these (Loader 2000)."""
    if x.ndim == 1 and len(x) > 8 * COUNTED:  # counts are mostly small ones, and each is worked out once
        whole = np.fmin(np.fmax(x, 0.0), COUNTED - 1.0).astype(np.intp)
        result, others = stirling_remainder(np.arange(float(COUNTED)))[whole], np.flatnonzero(whole != x)
        if len(others) < len(x) / 2:
            result[others] = stirling_remainder(x[others])
            return result
    result = np.zeros_like(x, dtype=float)
    small, large = (x > 0) & (x < 16.0), x >= 16.0
    if small.any():
        some = x[small]
        result[small] = special().gammaln(some + 1.0) - some * np.log(some) + some
    if large.any():
        some = x[large]
        inverse = 1.0 / (some * some)
        series = (1 / 12 - inverse * (1 / 360 - inverse * (1 / 1260 - inverse * (1 / 1680 - inverse / 1188)))) / some
        result[large] = 0.5 * np.log(2 * np.pi * some) + series
    return result


def power_deviance(y: Array, mean: Mean, power: float) -> Array:
    """The unit deviance of V(μ) = μ^p for y > 0, on the scale of ratios, so that y may be 1e−150 or 1e120.

    With ℓ = log(μ/y), a = 1 − p and b = 2 − p it is 2 y^b (gap(bℓ)/b − gap(aℓ)/a), both terms positive; a term whose
    divisor is zero vanishes (Jørgensen 1997, section 4.1, rearranged).
    """
    share = mean.mu / y
    ratio = np.log(share)  # a difference of logarithms of 1e±100 has lost three digits
    beyond = (share < 1e-300) | (share > 1e300)
    if beyond.any():
        ratio = np.where(beyond, mean.log - np.log(y), ratio)
    a, b = 1.0 - power, 2.0 - power
    total = (gap(b * ratio) / b if b else 0.0) - (gap(a * ratio) / a if a else 0.0)
    return 2.0 * y**b * total
