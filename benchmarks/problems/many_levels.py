"""One factor of very many levels beside five numbers: a design that must never be written out."""

import numpy as np

from problems.base import Factor, Problem
from problems.drawing import level_names, predictor, response

TITLE = "A factor of 20,000 levels"
FAIR = (
    "From a pandas data frame. All coefficients are compared, with those of the levels; pyfixest, which absorbs the "
    "levels, is compared on the five slopes and does less work."
)
SIZES = {"full": (2_000_000, 20_000), "quick": (100_000, 1_000), "tiny": (4_000, 40)}
GOALS = {"glum": 1 / 3, "megabytes": 2_000.0}  # glum + SE has no memory for its errors; without them it does less


def make(n: int, levels: int) -> Problem:
    """n rows, of which every level has at least half of its equal share."""
    random = np.random.default_rng(6)
    codes = np.concatenate([np.arange(n // 2) % levels, random.choice(levels, size=n - n // 2)]).astype(np.int32)
    random.shuffle(codes)
    columns = {"group": Factor(codes, level_names(levels))}
    columns |= {f"x{k}": random.normal(size=n) for k in range(1, 6)}
    eta, truth = predictor(columns, 0.3, random)
    return Problem("poisson", "log", response("poisson", eta, random), truth, columns=columns)
