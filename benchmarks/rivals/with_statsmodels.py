"""statsmodels' GLM, by iteratively reweighted least squares."""

import numpy as np
import statsmodels.api as sm
import statsmodels.formula.api as smf
from problems.base import Problem

from rivals.base import Answer, Rival

FAMILIES = {
    "binomial": sm.families.Binomial,
    "poisson": sm.families.Poisson,
    "gamma": lambda: sm.families.Gamma(sm.families.links.Log()),
}


class Statsmodels(Rival):
    """By formula from a table, else from arrays."""

    tolerances = (1e-8, 1e-11)
    options = "tol as needed"

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem)
        if problem.kind == "table":
            self.frame = problem.frame()
        else:
            self.X = problem.with_intercept()

    @staticmethod
    def cannot(problem: Problem) -> str:
        return "its GLM takes no sparse design" if problem.kind == "sparse" else ""

    def fit(self) -> Answer:
        problem, family = self.problem, FAMILIES[self.problem.family]()
        if problem.kind == "table":
            model = smf.glm(problem.formula, self.frame, family=family, offset=problem.offset)
        else:
            model = sm.GLM(problem.y, self.X, family)
        result = model.fit(tol=self.tolerance)
        return Answer(np.asarray(result.params), np.asarray(result.bse))
