"""pyfixest, which absorbs factors: its coefficients are those of the numbers beside them."""

import numpy as np
import pyfixest as pf
from problems.base import Problem

from rivals.base import Answer, Rival


class PyFixest(Rival):
    """fepois with all factors absorbed."""

    tolerances = (1e-8, 1e-10, 1e-12)
    options = 'vcov="iid", no small-sample correction, iwls_tol and fixef_tol as needed'

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem)
        self.formula = f"y ~ {' + '.join(problem.numbers)} | {' + '.join(problem.factors)}"
        self.frame = problem.frame()
        if problem.exposure is not None:
            self.frame["log_exposure"] = problem.offset

    @staticmethod
    def cannot(problem: Problem) -> str:
        if problem.kind != "table":
            return "it is made for tables with factors"
        if not problem.numbers:
            return "it absorbs the factors, and there is nothing else in this model"
        return "" if problem.family == "poisson" else "only its Poisson regression is compared"

    def fit(self) -> Answer:
        result = pf.fepois(
            self.formula,
            self.frame,
            vcov="iid",
            offset=None if self.problem.exposure is None else "log_exposure",
            ssc=pf.ssc(k_adj=False, G_adj=False),
            fixef_rm="none",
            iwls_tol=self.tolerance,
            iwls_maxiter=100,
            fixef_tol=self.tolerance,
            fixef_maxiter=100_000,
            copy_data=False,
            store_data=False,
        )
        return Answer(np.asarray(result.coef()), np.asarray(result.se()), slice(-len(self.problem.numbers), None))
