"""The right-hand sides of design_grid.json: our columns against formulaic's and R's, from every kind of table."""

import functools
import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet
import pytest
from formulaic import model_matrix
from hypothesis import given
from hypothesis import strategies as st

from nelder.design import Block
from nelder.formula import learn, parse_formula
from nelder.parts import Coded, Dense
from nelder.sources import source_of

HERE = Path(__file__).parent
GRID = HERE / "tables" / "grid.csv"
RECORDS = json.loads((HERE / "design_grid.json").read_text(encoding="utf-8"))
BY_FORMULA = {record["formula"]: record for record in RECORDS}
TOLERANCE = 1e-12

every_formula = pytest.mark.parametrize("formula", list(BY_FORMULA))


@functools.cache
def table():
    return pd.read_csv(GRID)


def design(formula, data):
    """The schema and the block that encode these rows."""
    source = source_of(data)
    parsed = parse_formula(formula, source.names)
    chunk = next(source.chunks(parsed.columns or source.names[:1]))
    n = len(next(iter(chunk.values())))
    rows = np.arange(n)
    schema = learn(parsed, chunk, rows)
    zeros = np.zeros(n)
    return schema, Block(schema.parts(chunk, rows), len(schema.names), zeros, np.ones(n), zeros)


def assert_as_formulaic(formula, data):
    schema, block = design(formula, data)
    theirs = model_matrix(formula, data)
    assert list(schema.names) == list(theirs.columns)
    theirs = theirs.to_numpy(dtype=float)
    size = max(1.0, np.max(np.abs(theirs)))
    assert block.dense().shape == theirs.shape
    assert np.max(np.abs(block.dense() - theirs)) <= TOLERANCE * size


def rank(matrix):
    """The rank of the columns at unit length."""
    norms = np.linalg.norm(matrix, axis=0)
    return np.linalg.matrix_rank(matrix[:, norms > 0] / norms[norms > 0], tol=1e-8)


def in_one_order(matrix):
    """Columns sorted by their values to nine digits, so that matrices can be compared up to the order of columns."""
    rounded = np.round(matrix, 9) + 0.0
    return matrix[:, np.lexsort(rounded[::-1])]


def test_the_grid_has_137_formulas():
    assert len(RECORDS) == len(BY_FORMULA) == 137
    assert {record["agrees"] for record in RECORDS} == {"columns", "span"}


@every_formula
def test_columns_and_names_are_those_of_formulaic(formula):
    assert_as_formulaic(formula, table())


@every_formula
def test_columns_are_those_of_r(formula):
    record = BY_FORMULA[formula]
    ours, theirs = design(formula, table())[1].dense(), np.array(record["matrix"], dtype=float)
    assert rank(ours) == record["rank"] == rank(theirs)
    if record["agrees"] == "columns":
        size = max(1.0, np.max(np.abs(theirs)))
        assert ours.shape == theirs.shape
        assert np.max(np.abs(in_one_order(ours) - in_one_order(theirs))) <= TOLERANCE * size
    else:
        assert rank(np.hstack([ours, theirs])) == record["rank"]


@every_formula
def test_categories_stay_codes(formula):
    """Dense columns are those without a categorical factor; a, b and c are the categories of the grid."""
    schema, block = design(formula, table())
    numeric = [place for place, name in enumerate(schema.names) if not re.search(r"\b[abc]\b", name)]
    dense = [part for part in block.parts if isinstance(part, Dense)]
    coded = [part for part in block.parts if isinstance(part, Coded)]
    assert len(dense) + len(coded) == len(block.parts)
    assert sorted(place for part in dense for place in part.columns) == numeric
    assert sorted(place for part in block.parts for place in part.columns) == list(range(len(schema.names)))
    assert all(part.codes.dtype.kind == "i" and part.codes.shape == (block.n,) for part in coded)


@every_formula
def test_products_are_those_of_the_matrix(formula):
    block = design(formula, table())[1]
    X, random = block.dense(), np.random.default_rng(0)
    w, beta = random.random(block.n), random.normal(size=block.p)
    size = np.abs(X)
    assert np.all(np.abs(block.eta(beta) - X @ beta) <= TOLERANCE * (size @ np.abs(beta)))
    assert np.all(np.abs(block.transpose_times(w) - X.T @ w) <= TOLERANCE * (size.T @ w))
    assert np.all(np.abs(block.cross(w) - X.T @ (w[:, None] * X)) <= TOLERANCE * (size.T @ (w[:, None] * size)))


def dictionaries(frame):
    """An Arrow table whose categories are dictionaries in sorted order."""
    columns = {}
    for name in frame:
        levels = sorted(set(frame[name])) if name in "abc" else None
        values = frame[name].tolist()
        codes = [levels.index(value) for value in values] if levels else values
        columns[name] = pa.DictionaryArray.from_arrays(pa.array(codes), levels) if levels else pa.array(values)
    return pa.table(columns)


def enums(frame):
    """A Polars frame whose categories are Enums in sorted order."""
    columns = {name: pl.Series(frame[name].tolist()) for name in frame}
    return pl.DataFrame({n: s.cast(pl.Enum(sorted(set(s)))) if n in "abc" else s for n, s in columns.items()})


def as_parquet(folder):
    path = folder / "grid.parquet"
    pyarrow.parquet.write_table(pa.table({name: table()[name].tolist() for name in table()}), path)
    return path


KINDS = {
    "pandas with categories": lambda folder: table().astype({name: "category" for name in "abc"}),
    "pandas with objects": lambda folder: table().astype({name: object for name in "abc"}),
    "pandas, every second row": lambda folder: table().loc[np.repeat(table().index, 2)].iloc[::2],
    "polars": lambda folder: pl.DataFrame(table().to_dict("list")),
    "polars, lazy": lambda folder: pl.LazyFrame(table().to_dict("list")),
    "polars with enums": lambda folder: enums(table()),
    "arrow": lambda folder: pa.table(table().to_dict("list")),
    "arrow with dictionaries": lambda folder: dictionaries(table()),
    "dictionary of arrays": lambda folder: {name: table()[name].to_numpy() for name in table()},
    "dictionary of lists": lambda folder: table().to_dict("list"),
    "CSV": lambda folder: GRID,
    "CSV, path as text": lambda folder: str(GRID),
    "Parquet": as_parquet,
}


@pytest.mark.parametrize("kind", list(KINDS))
def test_every_kind_of_table_gives_identical_numbers(kind, tmp_path):
    data = KINDS[kind](tmp_path)
    for formula in BY_FORMULA:
        schema, block = design(formula, table())
        other_schema, other = design(formula, data)
        assert other_schema.names == schema.names
        assert np.array_equal(other.dense(), block.dense())


TERMS = [
    "x",
    "z",
    "w",
    "a",
    "b",
    "c",
    "a:b",
    "a:x",
    "b:z",
    "a:b:x",
    "log(z)",
    "I(x**2)",
    "poly(x,2)",
    "bs(x,df=4)",
    "scale(z)",
    "center(w)",
    "C(a,contr.sum)",
    "x:z",
    "a*b",
    "a/x",
    "(a+b)**2",
    "C(c,contr.helmert)",
    "C(b,contr.sum):x",
    "poly(w,2):a",
    "b:c",
]


@given(
    terms=st.lists(st.sampled_from(TERMS), min_size=1, max_size=4, unique=True),
    start=st.sampled_from(["1", "0"]),
    rows=st.lists(st.integers(0, 39), min_size=20, max_size=40),
)
def test_any_sum_of_terms_on_any_rows_is_as_in_formulaic(terms, start, rows):
    formula = " + ".join([start, *terms])
    # the whole table first, so that every level is there
    assert_as_formulaic(formula, table().iloc[[*range(40), *rows]].reset_index(drop=True))
