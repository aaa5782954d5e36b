"""How many identical observations the rows of a fit stand for."""

from __future__ import annotations

import numpy as np

from nelder.linalg import Array
from nelder.objective import Objective


def repetitions(objective: Objective, times: Array) -> Array:
    """How many identical observations each row stands for (n,), in whole numbers, from how many `times` (n,) it counts,
    which are whole but for rounding: one with sampling weights.
    """
    return np.ones(len(times)) if objective.sampling else np.maximum(np.round(times), 1.0)
