"""One X.T @ X by NumPy: not a rival but the unit, the least that any Newton step must do."""

from problems.base import Problem

from rivals.base import Answer, Rival


class CrossProduct(Rival):
    """The cross product of the dense design, by BLAS with all its threads."""

    gives_errors = False
    compared = False

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem)
        self.X = problem.with_intercept()

    @staticmethod
    def cannot(problem: Problem) -> str:
        return "" if problem.kind == "dense" else "the unit is defined for dense designs"

    def fit(self) -> Answer:
        return Answer(self.X.T @ self.X)
