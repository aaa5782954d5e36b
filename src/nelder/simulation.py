"""Responses drawn from a family and link at known coefficients, or from a fit."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nelder.errors import DataError, InputError, InputTypeError, NelderError, a_count, a_number, a_seed, some_rows
from nelder.families import FAMILIES, Family
from nelder.fit import Fit
from nelder.linalg import Array
from nelder.links import LINKS
from nelder.loss import Loss
from nelder.mean import Link, Mean
from nelder.names import resolve
from nelder.observations import design_of, vector_of

LARGEST_COUNT = 2.0**53  # counts above are no longer whole numbers in float64, and NumPy cannot draw much beyond


def random_stream(seed: int | None, purpose: int) -> np.random.Generator:
    """A generator for a purpose of its own, so that the seed that made the data does not draw them once more."""
    seed = a_seed(seed)
    return np.random.default_rng(None if seed is None else [seed, purpose])


@dataclass(frozen=True)
class Draw:
    """How to draw: dispersion φ, prior weights (n,) (the trials of a binomial), offset (n,), and a seed."""

    phi: float = 1.0
    weights: object = None
    offset: object = None
    seed: int | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "phi", a_number(self.phi, "phi"))
        object.__setattr__(self, "seed", a_seed(self.seed))
        if not (np.isfinite(self.phi) and self.phi > 0):
            raise InputError(f"phi={self.phi}: the dispersion is a positive number")


def simulate(
    X: object,
    beta: object,
    family: str | Family = "gaussian",
    link: str | Link | None = None,
    options: Draw | None = None,
) -> Array:
    """Draw one response y (n,) a row of X (n, p) at the coefficients beta (p,).

    `options=nd.Draw(phi=…, weights=…, offset=…, seed=…)` sets the dispersion (1), prior weights (ones; trials of a
    binomial), offset (zeros) and seed.

    Raises DataError naming the row and the mean where a mean is outside the family's domain or too large to draw from,
    CapabilityError for quasi families.
    """
    chosen = resolve("family", FAMILIES, family, Family)
    chosen.require_shape("simulate")
    through = chosen.default_link if link is None else resolve("link", LINKS, link, Link)
    drawn = Draw() if options is None else options
    if not isinstance(drawn, Draw):
        raise InputTypeError(f"options are nd.Draw(phi=…, weights=…, offset=…, seed=…), not {type(drawn).__name__}")
    matrix, coefficients = design_of(X, "X"), vector_of(beta, "beta")
    n, p = matrix.X.shape
    if len(coefficients) != p:
        raise DataError(f"beta has {len(coefficients)} coefficients for {p} columns of X")
    offset = np.zeros(n) if drawn.offset is None else vector_of(drawn.offset, "offset", n)
    weight = np.ones(n) if drawn.weights is None else vector_of(drawn.weights, "weights", n)
    if not (weight > 0).all():
        raise DataError(
            f"weights must be positive to draw with: {some_rows(np.flatnonzero(weight <= 0).tolist())} are not"
        )
    mean = checked_mean(Loss(chosen, through), matrix.times(coefficients) + offset)
    return draw(chosen, mean, (drawn.phi, weight), np.random.default_rng(drawn.seed))


def checked_mean(loss: Loss, eta: Array) -> Mean:
    """The mean of each row; raises DataError naming the first row whose mean cannot be drawn from."""
    low, high = loss.bounds
    with np.errstate(all="ignore"):
        mean = Mean(loss.link, eta)
        bad = np.flatnonzero(~((eta > low) & (eta < high) & np.isfinite(mean.mu)))
        if len(bad):
            row = int(bad[0])
            raise DataError(
                f"row {row} has linear predictor {eta[row]:g} and mean {mean.mu[row]:g}, from which "
                f"{loss.family.label()} cannot be drawn (η must lie between {low:g} and {high:g}): use smaller "
                "coefficients or scale the columns"
            )
        return mean


def draw(family: Family, mean: Mean, spread: tuple[float, Array], random: np.random.Generator) -> Array:
    """One response a row at (φ, weight); raises DataError naming a mean that is too large to draw from."""
    phi, weight = spread
    large = np.flatnonzero((weight * mean.mu > LARGEST_COUNT) & family.counts)
    try:
        if len(large):
            raise ValueError
        with np.errstate(all="raise", under="ignore"):
            y = family.sample(random, mean, phi, weight)
    except NelderError:
        raise
    except (ValueError, FloatingPointError):
        row = int(large[0]) if len(large) else int(np.argmax(mean.mu))
        raise DataError(
            f"row {row} has mean {mean.mu[row]:g}, too large for {family.label()} to draw from (at most "
            f"{LARGEST_COUNT:g}): use smaller coefficients or scale the columns"
        ) from None
    return np.asarray(y, dtype=float)


def simulate_fit(fit: Fit, draws: int, seed: int | None) -> Array:
    """New responses (draws, n) at the fitted means and φ, in the order of the rows that were fitted.

    Raises DataError for a fit that was loaded without its data.
    """
    times, seed = a_count(draws, "draws"), a_seed(seed)
    if fit.objective is None:
        raise DataError(
            "this fit was loaded without its data: simulate from its coefficients with nd.simulate(X, beta, …)"
        )
    if not np.isfinite(fit.dispersion):
        raise DataError(
            "the dispersion of this fit is not known (no degrees of freedom are left): nothing can be drawn"
        )
    loss, beta = fit.objective.loss, fit.point
    blocks = fit.objective.design.handles
    eta = np.concatenate([block.eta(beta) for block in blocks])
    weight = np.concatenate([block.own_precision for block in blocks])
    if np.isinf(eta).any():
        raise DataError(
            f"{int(np.isinf(eta).sum())} rows of this fit have means at a limit (separation): refit with "
            "penalty='firth', or without them, to draw from it"
        )
    if fit.dispersion == 0:
        return np.tile(fit.link.mean(eta), (times, 1))
    mean, random = checked_mean(loss, eta), np.random.default_rng(seed)
    drawn = np.empty((times, len(eta)))
    for each in drawn:
        each[:] = draw(loss.family, mean, (fit.dispersion, weight), random)
    return drawn
