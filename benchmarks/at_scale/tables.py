"""The tables: a Poisson response, 17 numbers and 2 factors, in Parquet; and one of 6 factors."""

from __future__ import annotations

from pathlib import Path

import numpy as np

NUMBERS = 17
GROUP = 1_000_000  # rows in a row group, as most writers make them
FORMULA = "y ~ " + " + ".join(f"x{j}" for j in range(NUMBERS)) + " + g + h"
FACTORS = "y ~ " + " + ".join(f"f{j}" for j in range(6))


def numbers_file(folder: Path, rows: int) -> Path:
    """A file of so many rows, written once."""
    return written(folder / f"numbers-{rows}.parquet", rows, numbers)


def factors_file(folder: Path, rows: int) -> Path:
    """The same, of six factors of 3 to 8 levels."""
    return written(folder / f"factors-{rows}.parquet", rows, factors)


def written(path: Path, rows: int, make) -> Path:
    """The file, a row group at a time."""
    import pyarrow as pa
    from pyarrow import parquet

    if path.exists():
        return path
    random, writer = np.random.default_rng(7), None
    unfinished = path.with_suffix(".unfinished")
    for start in range(0, rows, GROUP):
        table = pa.table(make(random, min(GROUP, rows - start)))
        writer = writer or parquet.ParquetWriter(unfinished, table.schema)
        writer.write_table(table)
    writer.close()
    unfinished.rename(path)
    return path


def numbers(random: np.random.Generator, n: int) -> dict:
    """Columns of n rows."""
    X = random.normal(size=(NUMBERS, n))
    g, h = random.integers(0, 10, n), random.integers(0, 5, n)
    mean = np.exp(-1.0 + np.array([0.1, 0.2, -0.1, 0.05, 0.1]) @ X[:5] + 0.05 * g)
    return {
        "y": random.poisson(mean).astype(np.int32),
        **{f"x{j}": X[j] for j in range(NUMBERS)},
        "g": texts("g", 10, g),
        "h": texts("h", 5, h),
    }


def factors(random: np.random.Generator, n: int) -> dict:
    """Columns of n rows."""
    codes = [random.integers(0, 3 + j, n) for j in range(6)]
    mean = np.exp(-1.0 + 0.1 * sum(codes) / 6)
    return {"y": random.poisson(mean).astype(np.int32), **{f"f{j}": texts("l", 3 + j, c) for j, c in enumerate(codes)}}


def texts(stem: str, levels: int, codes: np.ndarray):
    """Codes as texts."""
    import pyarrow as pa

    return pa.array([f"{stem}{level}" for level in range(levels)]).take(pa.array(codes))
