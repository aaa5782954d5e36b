"""scikit-learn by either of its solvers; it has no standard errors."""

import numpy as np
from problems.base import Problem
from sklearn.compose import ColumnTransformer
from sklearn.linear_model import GammaRegressor, LogisticRegression, PoissonRegressor
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from rivals.base import Answer, Rival, joined


class LBFGS(Rival):
    """Limited-memory quasi-Newton, its default."""

    solver = "lbfgs"
    gives_errors = False
    tolerances = (1e-4, 1e-6, 1e-8, 1e-10)
    options = "unpenalised (or the ridge), tol as needed, max_iter=5000"

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem)
        self.frame = problem.frame() if problem.kind == "table" else None

    def model(self) -> LogisticRegression | PoissonRegressor | GammaRegressor:
        """Not fitted."""
        given = {"solver": self.solver, "tol": self.tolerance, "max_iter": 5_000}
        if self.problem.family == "binomial":
            return LogisticRegression(C=1 / self.problem.ridge if self.problem.ridge else np.inf, **given)
        kind = {"poisson": PoissonRegressor, "gamma": GammaRegressor}[self.problem.family]
        return kind(alpha=self.problem.ridge / len(self.problem.y), **given)

    def fit(self) -> Answer:
        problem = self.problem
        if problem.kind == "table":
            return self.fit_table()
        model = self.model().fit(problem.X, problem.y)
        return Answer(joined(model.intercept_, model.coef_))

    def fit_table(self) -> Answer:
        """Encode, scale, fit, and bring the coefficients back to the scales of the table."""
        problem = self.problem
        levels = [problem.columns[name].levels for name in problem.factors]
        encoded = OneHotEncoder(categories=levels, drop="first")
        encoder = ColumnTransformer(
            [("factors", encoded, problem.factors), ("numbers", StandardScaler(), problem.numbers)]
        )
        X = encoder.fit_transform(self.frame)
        if problem.exposure is None:
            model = self.model().fit(X, problem.y)
        else:  # an offset of a Poisson model with log link, absorbed exactly
            model = self.model().fit(X, problem.y / problem.exposure, sample_weight=problem.exposure)
        beta = joined(model.intercept_, model.coef_)
        if problem.numbers:
            scaler, numbers = encoder.named_transformers_["numbers"], slice(len(beta) - len(problem.numbers), None)
            beta[numbers] /= scaler.scale_
            beta[0] -= beta[numbers] @ scaler.mean_
        return Answer(beta)


class NewtonCholesky(LBFGS):
    """Newton's steps by Cholesky."""

    solver = "newton-cholesky"
