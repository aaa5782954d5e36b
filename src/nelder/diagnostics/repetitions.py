"""How many identical observations the rows of a fit stand for."""

from __future__ import annotations

import numpy as np

from nelder.linalg import Array
from nelder.objective import Objective

ROUNDED = 1e-9  # relative: how far weight over precision may be from the whole number that it was made of


def repetitions(objective: Objective, times: Array) -> Array | None:
    """How many identical observations each row stands for (n,), in whole numbers, from how many `times` (n,) it counts:
    one with sampling weights. None where some are not whole numbers.
    """
    if objective.sampling:
        return np.ones(len(times))
    whole = np.maximum(np.round(times), 1.0)
    return whole if (np.abs(times - whole) <= ROUNDED * whole).all() else None
