"""What the pictures read, had once: a reader that refuses leaves its sentence in place of its numbers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from nelder.errors import CapabilityError, DataError
from nelder.fit import Fit
from nelder.linalg import Array

Result = TypeVar("Result")


@dataclass
class Material:
    """A fit and what stood in the way of reading it, by the name of what was to be read."""

    fit: Fit
    refusals: dict[str, str] = field(default_factory=dict)

    def had(self, name: str, reader: Callable[[], Result]) -> Result | None:
        """What a reader says, or None where it has nothing to say about this fit."""
        try:
            with np.errstate(all="ignore"):
                return reader()
        except (CapabilityError, DataError) as refusal:
            self.refusals[name] = str(refusal)
            return None


def some_of(n: int, most: int, outstanding: Array | None = None) -> NDArray[np.intp]:
    """Which of n rows to draw (`most`, or up to a tenth more), in their order: the ones of largest |outstanding| (n,),
    and others by chance, always the same.
    """
    if n <= most:
        return np.arange(n)
    first: NDArray[np.intp] = np.zeros(0, dtype=np.intp)
    if outstanding is not None:
        size = np.where(np.isfinite(outstanding), np.abs(outstanding), -1.0)
        first = np.argsort(-size, kind="stable")[: most // 10]
    others = np.random.default_rng(0).choice(n, most, replace=False)
    return np.unique(np.concatenate([first, others]))
