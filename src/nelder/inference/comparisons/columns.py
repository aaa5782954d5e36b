"""How columns of tables are made where numbers have a kind."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from nelder.linalg import Array


def counts(values: Sequence[float] | Array) -> NDArray[np.generic]:
    """A column of degrees of freedom, as whole numbers where all are whole."""
    numbers = np.array(values, dtype=float)
    whole = np.isfinite(numbers) & (numbers == np.round(numbers))
    return numbers.astype(int) if whole.all() else numbers
