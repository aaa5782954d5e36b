"""Claim counts with exposure, from a data frame: simulated in the shape of the French motor claims of Dutang's
CASdatasets (freMTPL2freq: 678,013 policies, about 0.1 claims a year, 7 factors of 2 to 22 levels, 2 numbers).

Density is a property of the commune, and the area a class of density, as there; the bonus-malus score is a whole
number with more than half of the policies at its floor of 50.
"""

import numpy as np

from problems.base import Factor, Problem
from problems.drawing import factor, level_names, predictor, response

TITLE = "Insurance claims from a data frame"
FAIR = (
    "From a pandas data frame with categorical columns to estimates: nelder, statsmodels and R by formula; glum takes "
    "the frame as it is; scikit-learn encodes and scales in its pipeline and takes claims per exposure, weighted."
)
SIZES = {"full": (678_013,), "quick": (67_801,), "tiny": (20_000,)}
GOALS = {"glum + SE": 0.35}
COMMUNES, REGIONS, AREAS = 1_600, 22, 6
FALLING = {"brand": 11, "power": 12, "vehicle_age": 4, "driver_age": 7}  # factors with shares falling by a fifth


def make(n: int) -> Problem:
    """n policies."""
    random = np.random.default_rng(4)
    density = np.round(np.exp(random.normal(6.0, 1.9, COMMUNES)).clip(1, 27_000))
    region_of = random.choice(REGIONS, size=COMMUNES, p=falling(REGIONS))
    commune = random.choice(COMMUNES, size=n, p=falling(COMMUNES, 0.998))
    region = region_of[commune]
    region[random.choice(n, size=n // 20, replace=False)] = np.arange(n // 20) % REGIONS  # every region is there
    log_density = np.log(density)[commune]
    edges = np.quantile(log_density, np.linspace(0, 1, AREAS + 1)[1:-1])
    columns = {
        "area": Factor(np.searchsorted(edges, log_density).astype(np.int32), level_names(AREAS)),
        "gas": factor(np.array([0.51, 0.49]), n, random),
        "region": Factor(region.astype(np.int32), level_names(REGIONS)),
        **{name: factor(falling(levels), n, random) for name, levels in FALLING.items()},
        "bonus": np.where(random.random(n) < 0.57, 50.0, np.round(50 + random.gamma(1.5, 15, n)).clip(51, 230)),
        "log_density": log_density,
    }
    exposure = np.where(random.random(n) < 0.25, 1.0, random.uniform(0.003, 1.0, n))
    eta, truth = predictor(columns, np.log(0.1), random)
    y = response("poisson", eta + np.log(exposure), random)
    return Problem("poisson", "log", y, truth, columns=columns, exposure=exposure)


def falling(levels: int, ratio: float = 0.8) -> np.ndarray:
    """Shares (levels,) that fall geometrically."""
    shares = ratio ** np.arange(levels)
    return shares / shares.sum()
