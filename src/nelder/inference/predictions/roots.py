"""Roots of increasing functions, one for each entry of an array."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from nelder.linalg import Array

DOUBLINGS = 60
STEPS = 100


def increasing_root(function: Callable[[Array], Array], start: Array, unit: Array, tolerance: float = 1e-9) -> Array:
    """Where an increasing function of each entry (m,) crosses zero; ∓inf where it does so nowhere.

    From `start` (m,) outwards in steps of `unit` (m,) that double, then by inverse quadratic interpolation or halving
    (Chandrupatla 1997), to `tolerance` of unit and of the root.
    """
    low, high, below, above = bracket(function, start, unit)
    endless_low, endless_high = below > 0, above < 0
    a, b, fa, fb = high, low, above, below  # the newest point, and one on the other side
    share = np.full_like(start, 0.5)
    for _ in range(STEPS):
        x = a + share * (b - a)
        fx = function(x)
        same = np.sign(fx) == np.sign(fa)
        c, fc = np.where(same, a, b), np.where(same, fa, fb)
        b, fb = np.where(same, b, a), np.where(same, fb, fa)
        a, fa = x, fx
        best = np.where(np.abs(fa) < np.abs(fb), a, b)
        precision = tolerance * (np.abs(best) + unit)
        done = (np.abs(b - a) <= 2.0 * precision) | (fa == 0) | ~np.isfinite(fa)
        if done.all():
            break
        share = next_share((a, fa), (b, fb), (c, fc), precision)
    return np.where(endless_low, -np.inf, np.where(endless_high, np.inf, best))


def bracket(function: Callable[[Array], Array], start: Array, unit: Array) -> tuple[Array, Array, Array, Array]:
    """low, high (m,) and the values there, of opposite signs if there is a root."""
    low, high, step = start - unit, start + unit, unit
    below, above = function(low), function(high)
    for _ in range(DOUBLINGS):
        lower, higher = below > 0, above < 0
        if not (lower | higher).any():
            break
        step = 2.0 * step
        high, above = np.where(lower, low, high), np.where(lower, below, above)
        low, below = np.where(higher, high, low), np.where(higher, above, below)
        low, high = np.where(lower, low - step, low), np.where(higher, high + step, high)
        below, above = np.where(lower, function(low), below), np.where(higher, function(high), above)
    return low, high, below, above


def next_share(
    newest: tuple[Array, Array], other: tuple[Array, Array], former: tuple[Array, Array], precision: Array
) -> Array:
    """How far from the newest point to the other to look next: by interpolation where that is safe, else half way."""
    (a, fa), (b, fb), (c, fc) = newest, other, former
    place, height = (a - b) / (c - b), (fa - fb) / (fc - fb)
    safe = (height**2 < place) & ((1.0 - height) ** 2 < 1.0 - place)
    curved = fa / (fb - fa) * fc / (fb - fc) + (c - a) / (b - a) * fa / (fc - fa) * fb / (fc - fb)
    least = np.minimum(precision / np.abs(b - a), 0.5)
    return np.clip(np.where(safe & np.isfinite(curved), curved, 0.5), least, 1.0 - least)
