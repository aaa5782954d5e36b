"""What can be wrong with the root of an adjusted score."""

from __future__ import annotations

import math
from dataclasses import dataclass

from nelder.diagnosis import Diagnosis
from nelder.errors import NotConvergedWarning, SeveralMinimaWarning


@dataclass(frozen=True)
class NotReduced(Diagnosis):
    """The adjusted score of a penalty does not vanish at the last step; `errors` is the length of a further one in
    standard errors, nan where that says nothing.
    """

    penalty: str
    steps: int
    errors: float
    reason: str

    category = NotConvergedWarning

    @property
    def sentence(self) -> str:
        known = math.isfinite(self.errors)
        next_step = f"the next would be of about {self.errors:.2g} standard errors: " if known else ""
        return (
            f"penalty '{self.penalty}' did not converge in {self.steps} steps: {self.reason}; {next_step}use the "
            "family's own link or another penalty, or look at fit.trace for where it halts"
        )


@dataclass(frozen=True)
class SeveralRoots(Diagnosis):
    """The adjusted score of a penalty has several roots: the deviance at the one that is taken, and at the others."""

    penalty: str
    deviance: float
    others: tuple[float, ...]

    category = SeveralMinimaWarning

    @property
    def sentence(self) -> str:
        others = ", ".join(f"{value:.6g}" for value in self.others[:3])
        return (
            f"the adjusted score of penalty '{self.penalty}' has several roots: the one of highest penalised "
            f"likelihood is taken, with deviance {self.deviance:.6g}, others have {others}: compare with the family's "
            "own link, or with fewer columns"
        )
