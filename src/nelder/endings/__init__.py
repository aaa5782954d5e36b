"""How a fit ended: judged, and where no finite optimum exists, at infinity or at the edge of the domain."""

from __future__ import annotations

from nelder.endings.covariances import refuse_overflow, refuse_underflow
from nelder.endings.judging import Ending, blurred, ending, is_perfect
from nelder.endings.remedies import Limiting, with_remedies

__all__ = [
    "Ending",
    "Limiting",
    "blurred",
    "ending",
    "is_perfect",
    "refuse_overflow",
    "refuse_underflow",
    "with_remedies",
]
