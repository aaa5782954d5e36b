"""Intervals for a new observation, whose own spread comes on top of what is not known of its mean and of φ.

Given φ, η is taken as normal with its standard error; and where φ was estimated on ν degrees of freedom, ν φ̂/φ as χ²
with ν. The distribution of the new response is the family's, averaged over both. For the normal distribution with
identity link that is Student's t with variance se² + φ̂/w, as in R's predict.lm; for others it is averaged numerically.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from nelder.errors import CapabilityError, DataError
from nelder.families.tails import Tails, from_tails
from nelder.fit import Fit
from nelder.inference.predictions.roots import increasing_root
from nelder.inference.wald import checked_level, quantile
from nelder.linalg import Array
from nelder.loss import Loss
from nelder.mean import Mean, special

FARTHEST = 7.0  # standard errors of η that are looked at: beyond lie 3e-12
HALVINGS = 30
MANY, SCALES = (1000.0, 100.0, 10.0), (3, 5, 7)  # degrees of freedom, and as many values of φ as see all
VALUES_AT_A_TIME = 1_000_000
LARGEST = 2.0**53
LEGENDRE = np.polynomial.legendre.leggauss(8)
# over how many standard errors of η a response varies, and by how much one changes dμ/dη, for few nodes to see all
SMOOTH = ((10.0, 0.1), (2.0, 0.4))


def hermite(count: int) -> tuple[Array, Array]:
    """Nodes (count,) and weights (count,) that sum to 1, for averages over a standard normal number."""
    x, weight = np.polynomial.hermite_e.hermegauss(count)
    return x, weight / weight.sum()


HERMITE = (hermite(5), hermite(10))
# where the range of z is cut: at shares of the way from its ends to 0, around its middle, and where y is the mean
EDGES, CENTRES, STEEP = (0.0, 0.03, 0.2), (-3.0, 0.0, 3.0), (-8.0, -2.0, 2.0, 8.0)


@dataclass(frozen=True)
class Predictive:
    """The distributions of m new responses: η (m,) with standard errors se (m,), prior weights (m,), values of φ (J,)
    with their probabilities (J,), and what each does to the standard errors (J,).
    """

    loss: Loss
    eta: Array
    se: Array
    weight: Array
    phi: Array
    share: Array
    stretch: Array

    def log_tails(self, y: Array) -> Tails:
        """log P(Y ≤ y) and log P(Y > y) at one y a row (m,)."""
        lower, upper = np.zeros_like(y), np.zeros_like(y)
        for phi, share, stretch in zip(self.phi, self.share, self.stretch, strict=True):
            se = stretch * self.se
            middle, width = self.crossing(y, phi, se)
            low, high = self.ends(se)
            first, last = np.maximum(low, -FARTHEST), np.minimum(high, FARTHEST)
            bend = np.abs(Mean(self.loss.link, self.eta).curvature) * se
            inside = (first == -FARTHEST) & (last == FARTHEST)
            few, some = (inside & (width >= least) & (bend <= most) for least, most in SMOOTH)
            for rows, seen in ((few, HERMITE[0]), (some & ~few, HERMITE[1]), (~some, None)):
                at = np.flatnonzero(rows)
                if len(at):
                    z, weight = seen or panels(middle[at], width[at], first[at], last[at])
                    new = replace(self, eta=self.eta[at], se=se[at], weight=self.weight[at])
                    tails = new.given(y[at], phi, se[at], z)
                    lower[at] += share * np.sum(weight * tails.cdf, axis=1)
                    upper[at] += share * np.sum(weight * tails.survival, axis=1)
        return from_tails(lower, upper)

    def given(self, y: Array, phi: float, se: Array, z: Array) -> Tails:
        """The tails at y (m,) where η is z (m, k) standard errors from its estimate, or at the end of its interval."""
        (low, high), (least, most) = self.ends(se), self.loss.bounds
        eta = self.eta[:, None] + se[:, None] * z
        # at an end itself, which rounding might miss
        eta = np.where(z <= low[:, None], least, np.where(z >= high[:, None], most, np.clip(eta, least, most)))
        response, prior = (np.broadcast_to(values[:, None], eta.shape) for values in (y, self.weight))
        return self.loss.family.log_tails(response, Mean(self.loss.link, eta), phi, prior)

    def ends(self, se: Array) -> tuple[Array, Array]:
        """How many standard errors from its estimate the interval of η begins and ends (m,)."""
        low, high = self.loss.bounds
        moving = se > 0
        return np.where(moving, (low - self.eta) / se, -np.inf), np.where(moving, (high - self.eta) / se, np.inf)

    def crossing(self, y: Array, phi: float, se: Array) -> tuple[Array, Array]:
        """The z (m,) at which y is about the median, and over what distance (m,) it ceases to be: where the mean is y
        or, at an end of the means, by halving.
        """
        family, link, near = self.loss.family, self.loss.link, y + 0.5 * self.loss.family.spacing(self.weight)
        low, high = self.loss.mean_bounds
        inside = (near > low) & (near < high)
        eta = link.link(np.where(inside, near, link.mean(self.eta)))
        ends = np.flatnonzero(~inside & (se > 0))
        if len(ends):
            some = replace(self, eta=self.eta[ends], se=se[ends], weight=self.weight[ends])
            eta[ends] += se[ends] * some.median(y[ends], phi)
        mean = Mean(link, np.clip(eta, *self.loss.bounds))
        width = np.sqrt(phi / self.weight) * np.exp(0.5 * family.log_variance(mean) - mean.log_slope) / se
        found = (eta - self.eta) / se
        usable = np.isfinite(found) & np.isfinite(width)
        return np.where(usable, found, 0.0), np.where(se > 0, np.where(usable, width, 1.0), np.inf)

    def median(self, y: Array, phi: float) -> Array:
        """The z (m,) at which y is the median, by halving."""
        left, right = np.full_like(y, -FARTHEST), np.full_like(y, FARTHEST)
        for _ in range(HALVINGS):
            middle = 0.5 * (left + right)
            tails = self.given(y, phi, self.se, middle[:, None])
            above = (tails.lower > tails.upper)[:, 0] == self.loss.link.increasing
            left, right = np.where(above, middle, left), np.where(above, right, middle)
        return 0.5 * (left + right)


def panels(middle: Array, width: Array, first: Array, last: Array) -> tuple[Array, Array]:
    """Where in z = (η − η̂)/se to look (m, k), between first and last (m,), and the normal probability of each.

    As a function of η the distribution function at y falls from 1 to 0 around g(y), over some √(φ V/w) / |dμ/dη|, which
    may be tiny. So the range is cut there, around 0 and near its ends, with a few Gauss-Legendre nodes in each part.
    Beyond the ends the mean is the one at that end.
    """
    cuts = [first - share * np.minimum(first, 0.0) for share in EDGES]
    cuts += [last - share * np.maximum(last, 0.0) for share in EDGES]
    cuts += [np.full_like(middle, z) for z in CENTRES] + [middle + steps * width for steps in STEEP]
    ends = np.sort(np.clip(np.stack(cuts, axis=1), first[:, None], last[:, None]), axis=1)
    x, w = LEGENDRE
    half, centre = 0.5 * np.diff(ends, axis=1)[:, :, None], 0.5 * (ends[:, 1:] + ends[:, :-1])[:, :, None]
    z = (centre + half * x).reshape(len(middle), -1)
    density = np.exp(-0.5 * z * z) / np.sqrt(2.0 * np.pi) * (half * w).reshape(len(middle), -1)
    beyond = special().ndtr(np.stack([first, -last], axis=1))
    return np.hstack([z, first[:, None], last[:, None]]), np.hstack([density, beyond])


def observation_interval(fit: Fit, eta: Array, se: Array, weight: Array, level: float) -> tuple[Array, Array]:
    """The ends (m,) between which a new observation of prior weight (m,) lies with probability `level` or, where it is
    discrete, at least that; nan where η is, everything where nothing is known of η.

    Raises CapabilityError for quasi families and under a penalty, DataError where φ is not known.
    """
    alpha = 1.0 - checked_level(level)
    refuse(fit)
    loss, phi = Loss(fit.family, fit.link), fit.dispersion
    if loss.family.constant_variance and loss.link.linear:
        reach = quantile(fit, level) * np.sqrt(se**2 + phi / weight)
        return eta - reach, eta + reach
    lower, upper = np.full_like(eta, np.nan), np.full_like(eta, np.nan)
    unknown = np.isinf(se)
    lower[unknown], upper[unknown] = loss.family.mean_interval
    low, high = loss.bounds
    usual = np.flatnonzero(np.isfinite(se) & (eta > low) & (eta < high))
    share, stretch = scales(fit)
    values = phi * stretch**2 if not loss.family.dispersion_known else np.full_like(share, phi)
    stretch = stretch if np.isfinite(fit.df_reference) else np.ones_like(share)
    find = least_count if loss.family.spacing(weight).any() else least_amount
    many = max(1, VALUES_AT_A_TIME // (len(LEGENDRE[0]) * (len(CENTRES) + len(STEEP) + 2 * len(EDGES))))
    with np.errstate(all="ignore"):
        for begin in range(0, len(usual), many):
            at = usual[begin : begin + many]
            new = Predictive(loss, eta[at], se[at], weight[at], values, share, stretch)
            lower[at], upper[at] = find(new, alpha / 2, False), find(new, alpha / 2, True)
    return lower, upper


def refuse(fit: Fit) -> None:
    """Raise CapabilityError or DataError where there is no distribution of a new observation."""
    if not fit.family.has_distribution:
        raise CapabilityError(
            f"{fit.family.label()} has no distribution, which a new observation could be drawn from: use "
            "interval='confidence', or a family with a likelihood"
        )
    if fit.solved.penalty != "unpenalised" and np.isnan(fit.point_covariance).all():
        raise CapabilityError(
            f"this fit is penalised ({fit.solved.penalty}): its means have no standard errors, which an interval for a "
            "new observation needs; fit with penalty='unpenalised'"
        )
    if not (np.isfinite(fit.dispersion) and fit.dispersion > 0):
        why = "the fit is perfect" if fit.dispersion == 0 else "no degrees of freedom are left"
        raise DataError(f"the dispersion is {fit.dispersion:g}, as {why}: how far new observations spread is not known")


def scales(fit: Fit) -> tuple[Array, Array]:
    """Probabilities (J,) of √(φ/φ̂) (J,), where φ was estimated or the reference is Student's t: else of 1 alone.

    √(ν/χ²) at the quantiles of normal numbers, which are Gauss-Hermite nodes.
    """
    df = fit.df_reference if fit.family.dispersion_known else fit.df_resid
    if np.isinf(df):
        return np.ones(1), np.ones(1)
    enough = [count for least, count in zip(MANY, SCALES, strict=True) if df >= least]
    if enough:
        x, weight = hermite(enough[0])
    else:  # far out in the long tail of 1/χ², an even grid sees more
        x = np.linspace(-FARTHEST, FARTHEST, 57)
        weight = np.exp(-0.5 * x * x)
    sf = special()
    tail = sf.ndtr(-np.abs(x))
    squares = 2.0 * np.where(x > 0, sf.gammaincinv(df / 2, tail), sf.gammainccinv(df / 2, tail))
    return weight / weight.sum(), np.sqrt(df / squares)


def score_at(new: Predictive, y: Array) -> Array:
    """The normal score of P(Y ≤ y) (m,)."""
    return new.log_tails(y).normal_score


def least_amount(new: Predictive, tail: float, above: bool) -> Array:
    """The quantile (m,) at `tail`, or above all but `tail`, of continuous responses; 0 where that much lies at zero."""
    target = special().ndtri(tail) * (-1.0 if above else 1.0)
    low, high = new.loss.family.mean_interval

    def amount(t: Array) -> Array:
        if np.isinf(low):
            return t
        return low + np.exp(t) if np.isinf(high) else low + (high - low) * special().expit(t)

    mean = Mean(new.loss.link, new.eta)
    spread = np.sqrt(np.median(new.phi) / new.weight) * np.exp(0.5 * new.loss.family.log_variance(mean))
    spread = np.hypot(spread, mean.slope * new.se)
    begin = mean.mu if np.isinf(low) else np.log(mean.mu - low) if np.isinf(high) else special().logit(mean.mu)
    unit = spread if np.isinf(low) else spread / (mean.mu - low)
    end = np.full_like(begin, low)
    atom = np.isfinite(low) and bool((new.loss.family.before(end, new.weight) != end).any())
    below = score_at(new, end) >= target if atom else np.zeros(len(begin), dtype=bool)
    begin = begin + target * unit

    def excess(t: Array) -> Array:
        return np.where(below, t - begin, score_at(new, np.where(below, amount(begin), amount(t))) - target)

    return np.where(below, low, amount(increasing_root(excess, begin, 0.5 * unit)))


def least_count(new: Predictive, tail: float, above: bool) -> Array:
    """The smallest response (m,) that is exceeded with probability ≤ tail (above), or else that is not exceeded with
    probability > tail, where responses are multiples of a spacing.
    """
    spacing = new.loss.family.spacing(new.weight)
    limit = np.log(tail)

    def reached(count: Array) -> NDArray[np.bool_]:
        tails = new.log_tails(count * spacing)
        return tails.upper <= limit if above else tails.lower > limit

    low, high = np.full_like(new.eta, -1.0), np.ceil(new.loss.link.mean(new.eta) / spacing) + 1.0
    high = np.minimum(high, LARGEST)
    done = reached(high)
    while not done.all():
        low, high = np.where(done, low, high), np.where(done, high, 2.0 * high)
        done = done | (high > LARGEST) | reached(high)
    while (high - low > 1.0).any():
        middle = np.floor(0.5 * (low + high))
        inside = reached(middle)
        low, high = np.where(inside, low, middle), np.where(inside, middle, high)
    return np.where(high > LARGEST, np.inf, high) * spacing
