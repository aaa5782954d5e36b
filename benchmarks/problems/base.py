"""What a problem is: data with known coefficients, and how they are handed to the workers."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Factor:
    """A column of categories: codes (n,) into levels, whose first is the baseline."""

    codes: np.ndarray
    levels: list[str]


@dataclass(frozen=True)
class Problem:
    """A response y (n,), what explains it, and what to fit.

    Either X (n, p - 1), dense and row by row or SciPy CSR, without its intercept; or columns of a table, factors
    first. `truth` (p,) made the data: the intercept, then the columns of X, or each factor's levels after its first
    and then the numbers. Every answer is in this order. `ridge` is λ in half the deviance + ½ λ |β|², intercept free.
    """

    family: str
    link: str
    y: np.ndarray
    truth: np.ndarray
    X: Any = None
    columns: dict[str, Factor | np.ndarray] = field(default_factory=dict)
    exposure: np.ndarray | None = None
    ridge: float = 0.0

    @property
    def kind(self) -> str:
        """'table', 'dense' or 'sparse'."""
        return "table" if self.columns else "dense" if isinstance(self.X, np.ndarray) else "sparse"

    @property
    def factors(self) -> list[str]:
        """The names of the columns that are factors."""
        return [name for name, column in self.columns.items() if isinstance(column, Factor)]

    @property
    def numbers(self) -> list[str]:
        """The names of the columns that are numbers."""
        return [name for name, column in self.columns.items() if not isinstance(column, Factor)]

    @property
    def formula(self) -> str:
        """The model of a table, without its offset."""
        return "y ~ " + " + ".join(self.columns)

    @property
    def offset(self) -> np.ndarray | None:
        """log exposure (n,), or None."""
        return None if self.exposure is None else np.log(self.exposure)

    def with_intercept(self) -> Any:
        """X with a first column of ones."""
        ones = np.ones((len(self.y), 1))
        if self.kind == "dense":
            return np.hstack([ones, self.X])
        from scipy import sparse

        return sparse.hstack([sparse.csr_array(ones), self.X], format="csr")

    def frame(self) -> Any:
        """The table as a pandas data frame, with y, and exposure where there is one."""
        import pandas as pd

        read = {
            name: pd.Categorical.from_codes(column.codes, column.levels) if isinstance(column, Factor) else column
            for name, column in self.columns.items()
        }
        return pd.DataFrame({"y": self.y, **read, **({} if self.exposure is None else {"exposure": self.exposure})})

    def save(self, folder: Path) -> None:
        """Write each array to a file of its own, so that workers read it without a second copy in memory."""
        arrays, levels = {"y": self.y, "truth": self.truth}, {}
        if self.exposure is not None:
            arrays["exposure"] = self.exposure
        if self.kind == "dense":
            arrays["X"] = self.X
        elif self.kind == "sparse":
            arrays |= {"data": self.X.data, "indices": self.X.indices, "indptr": self.X.indptr}
        for name, column in self.columns.items():
            arrays[f"column-{name}"] = column.codes.astype(np.int32) if isinstance(column, Factor) else column
            levels[name] = column.levels if isinstance(column, Factor) else None
        for name, array in arrays.items():
            np.save(folder / f"{name}.npy", array)
        words = {"family": self.family, "link": self.link, "ridge": self.ridge, "kind": self.kind}
        shape = [int(size) for size in self.X.shape] if self.X is not None else None
        (folder / "problem.json").write_text(json.dumps({**words, "shape": shape, "levels": levels}), encoding="utf-8")


def load(folder: Path) -> Problem:
    """The problem that `save` wrote."""
    words = json.loads((folder / "problem.json").read_text(encoding="utf-8"))
    columns, X, exposure = {}, None, folder / "exposure.npy"
    for name, levels in words["levels"].items():
        values = np.load(folder / f"column-{name}.npy")
        columns[name] = values if levels is None else Factor(values, levels)
    if words["kind"] == "dense":
        X = np.load(folder / "X.npy")
    elif words["kind"] == "sparse":
        from scipy import sparse

        parts = tuple(np.load(folder / f"{name}.npy") for name in ("data", "indices", "indptr"))
        X = sparse.csr_array(parts, shape=words["shape"])
    return Problem(
        words["family"],
        words["link"],
        np.load(folder / "y.npy"),
        np.load(folder / "truth.npy"),
        X,
        columns,
        np.load(exposure) if exposure.exists() else None,
        words["ridge"],
    )
