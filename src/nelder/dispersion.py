"""The dispersion φ: how much larger the variance is than V(μ)."""

from __future__ import annotations

from nelder.families import Family
from nelder.objective import Totals


def pearson_dispersion(family: Family, totals: Totals, df_residual: float) -> float:
    """1 where the family fixes it, else Pearson's X² / residual df (McCullagh & Nelder 1989, section 8.3), nan without
    df.
    """
    if family.dispersion_known:
        return 1.0
    return totals.pearson / df_residual if df_residual > 0 else float("nan")
