"""Estimates at the root of an adjusted score: less biased, or finite where the maximum of the likelihood is not."""

from __future__ import annotations

from nelder.reduction.adjusted_score import Adjusted, adjusted
from nelder.reduction.ending import ADJUSTED_SCORING, beginning, reduced, starts
from nelder.reduction.scoring import Root, Search, root

__all__ = ["ADJUSTED_SCORING", "Adjusted", "Root", "Search", "adjusted", "beginning", "reduced", "root", "starts"]
