"""nelder, as it comes."""

import numpy as np
from problems.base import Problem

import nelder as nd
from rivals.base import Answer, Rival


class Nelder(Rival):
    """By formula from a table, else from arrays; the penalty where there is one."""

    options = "defaults"

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem)
        nd.glm_fit(np.ones((20, 1)), np.arange(20.0), "poisson")  # loads what others load when they are imported
        if problem.kind == "table":
            self.formula = problem.formula + (" + offset(log(exposure))" if problem.exposure is not None else "")
            self.frame = problem.frame()
        else:
            self.X = problem.with_intercept()

    def fit(self) -> Answer:
        problem = self.problem
        if problem.kind == "table":
            result = nd.glm(self.formula, self.frame, problem.family, problem.link)
        elif problem.ridge:
            penalty = nd.Ridge(problem.ridge)
            return Answer(np.asarray(nd.glm_fit(self.X, problem.y, problem.family, problem.link, penalty=penalty).coef))
        else:
            result = nd.glm_fit(self.X, problem.y, problem.family, problem.link)
        return Answer(np.asarray(result.coef), np.asarray(result.se))
