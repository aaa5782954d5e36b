"""Rows with equal covariates solved as one: exact, and a fraction of the work where factors repeat."""

from __future__ import annotations

from nelder.compression.cells import Cells, compressed, keeps_its_digits, obstacle

__all__ = ["Cells", "compressed", "keeps_its_digits", "obstacle"]
