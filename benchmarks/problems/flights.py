"""Late arrivals explained by factors alone: simulated with the sizes of the flights of nycflights13 (2013, CC0):
16 carriers from 58,000 flights down to a few dozen, 3 airports, 12 months, 19 hours of the day; about a quarter late.
"""

import numpy as np

from problems.base import Problem
from problems.drawing import factor, predictor, response

TITLE = "Late flights: factors only"
FAIR = "As insurance_claims. Many rows are alike: a library may use this, and none is told of it."
SIZES = {"full": (328_000,), "quick": (32_800,), "tiny": (3_000,)}
GOALS = {"glum + SE": 0.1}
CARRIERS = np.array([58.0, 54.0, 51.0, 48.0, 32.0, 25.0, 20.0, 17.5, 12.0, 5.0, 3.2, 0.7, 0.7, 0.5, 0.3, 0.05])
AIRPORTS = np.array([0.36, 0.33, 0.31])
HOURS = np.array([2, 26, 22, 27, 20, 17, 16, 18, 20, 21, 24, 23, 24, 22, 21, 17, 11, 3, 1.0])


def make(n: int) -> Problem:
    """n flights."""
    random = np.random.default_rng(5)
    columns = {
        "carrier": factor(CARRIERS, n, random),
        "origin": factor(AIRPORTS, n, random),
        "month": factor(np.ones(12), n, random),
        "hour": factor(HOURS, n, random),
    }
    eta, truth = predictor(columns, -1.2, random)
    return Problem("binomial", "logit", response("binomial", eta, random), truth, columns=columns)
