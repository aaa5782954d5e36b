"""Rows with equal covariates solved as one: exact, and a fraction of the work where factors repeat."""

from __future__ import annotations

from nelder.compression.cells import EXACT, Cells, compressed, keeps_its_digits, obstacle

__all__ = ["EXACT", "Cells", "compressed", "keeps_its_digits", "obstacle"]
