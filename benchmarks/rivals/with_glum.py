"""glum, unpenalised or with the problem's ridge; with and without its model-based standard errors."""

import numpy as np
from glum import GeneralizedLinearRegressor
from problems.base import Problem

from rivals.base import Answer, Rival, joined


class Glum(Rival):
    """Coefficients only, by glum's iteratively reweighted least squares; by its lbfgs where the design is sparse."""

    gives_errors = False
    tolerances = (1e-4, 1e-6, 1e-8, 1e-10)
    options = "alpha=0 (or the ridge), drop_first, gradient_tol as needed"

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem)
        table = problem.kind == "table"
        self.X = problem.frame()[list(problem.columns)] if table else problem.X
        self.offset = problem.offset

    def model(self) -> GeneralizedLinearRegressor:
        """Fitted."""
        problem = self.problem
        sparse = problem.kind == "sparse"
        chosen = GeneralizedLinearRegressor(
            family=problem.family,
            link=problem.link,
            alpha=problem.ridge / len(problem.y),
            solver="lbfgs" if sparse else "irls-ls",
            max_iter=2_000 if sparse else 100,
            gradient_tol=self.tolerance,
            drop_first=problem.kind == "table",
        )
        return chosen.fit(self.X, problem.y, offset=self.offset)

    def fit(self) -> Answer:
        model = self.model()
        return Answer(joined(model.intercept_, model.coef_))


class GlumWithErrors(Glum):
    """And standard errors from the expected information.

    glum widens them by √(n / (n - p)), beside estimating a dispersion; that factor is taken out again.
    """

    gives_errors = True
    options = f"{Glum.options}; std_errors(robust=False, expected_information=True), without its factor n / (n - p)"

    @staticmethod
    def cannot(problem: Problem) -> str:
        return "standard errors of a ridge are not asked for" if problem.ridge else ""

    def fit(self) -> Answer:
        model, problem = self.model(), self.problem
        known = {} if problem.family == "gamma" else {"dispersion": 1.0}
        errors = model.std_errors(
            self.X, problem.y, offset=self.offset, robust=False, expected_information=True, **known
        )
        n, p = len(problem.y), len(problem.truth)
        return Answer(joined(model.intercept_, model.coef_), np.asarray(errors) * np.sqrt((n - p) / n))
