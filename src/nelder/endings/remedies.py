"""What gives finite estimates where the maximum of the likelihood lies at infinity."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from nelder.diagnosis import Diagnosis, Separated
from nelder.families import Family, Quasi
from nelder.loss import Loss


@dataclass(frozen=True)
class Limiting:
    """A limiting fit: its deviance, its residual df and the deviance of the null model; whether the shape of its family
    was estimated along with it, and whether its weights are those of a sample.
    """

    deviance: float
    df: float
    null_deviance: float
    estimated: bool
    sampling: bool


def with_remedies(findings: Iterable[Diagnosis], loss: Loss, limiting: Limiting) -> tuple[Diagnosis, ...]:
    """The findings of a fit, those of separation with what has finite estimates instead."""
    return tuple(
        replace(each, instead=finite_instead(loss, limiting)) if isinstance(each, Separated) else each
        for each in findings
    )


def finite_instead(loss: Loss, limiting: Limiting) -> str:
    """The arguments of such a fit, as they are written; empty where none is known.

    Firth's penalty needs a model's variance, which sampling weights do without, a shape that is given, and a dispersion
    that does not vanish with the residuals.
    """
    if limiting.sampling:
        return "penalty='ridge'" if limiting.null_deviance > 0 else ""
    family, firth = loss.family, "penalty='firth'"
    if not family.dispersion_known and not (limiting.deviance > 0 and limiting.df > 0):
        if not isinstance(family, Quasi) or not family.like.dispersion_known:
            return ""
        return f"{written(family.like, loss)}, {firth}"
    return f"{written(family, loss)}, {firth}" if limiting.estimated else firth


def written(family: Family, loss: Loss) -> str:
    """A family as an argument, with the link where it is not its own."""
    link = "" if loss.link == family.default_link else f", link='{loss.link.label()}'"
    return f"family='{family.label()}'{link}"
