"""Pictures, one function each; Matplotlib is imported here only, and when one is drawn.

Each takes a fit and `ax=`, and returns the Axes it drew into; `fit.plot` has them all as methods.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from nelder.plots.bands import calibration, lift, roc, rootogram
from nelder.plots.descent import loss, paths, race
from nelder.plots.door import Plots
from nelder.plots.estimates import forest, truth
from nelder.plots.frames import curves, steps
from nelder.plots.model_checks import checks, leverage, quantiles, residuals, scale_location
from nelder.plots.surfaces import contour, profile, sweep
from nelder.plots.terms import effect, partial

PICTURES: dict[str, Callable[..., Any]] = {
    "calibration": calibration,
    "checks": checks,
    "contour": contour,
    "curves": curves,
    "effect": effect,
    "forest": forest,
    "leverage": leverage,
    "lift": lift,
    "loss": loss,
    "partial": partial,
    "paths": paths,
    "profile": profile,
    "quantiles": quantiles,
    "race": race,
    "residuals": residuals,
    "roc": roc,
    "rootogram": rootogram,
    "scale_location": scale_location,
    "steps": steps,
    "sweep": sweep,
    "truth": truth,
}

__all__ = [
    "PICTURES",
    "Plots",
    "calibration",
    "checks",
    "contour",
    "curves",
    "effect",
    "forest",
    "leverage",
    "lift",
    "loss",
    "partial",
    "paths",
    "profile",
    "quantiles",
    "race",
    "residuals",
    "rootogram",
    "roc",
    "scale_location",
    "steps",
    "sweep",
    "truth",
]
