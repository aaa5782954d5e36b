"""Adds to design_grid.json and fits.json how formulaic builds the same design.

    python tests/reference/make/flag_agreement.py

Needs formulaic, pandas and numpy; run it after design_grid.R and fits.R.

Each record gets "agrees":
  "columns"  the same columns up to their order and 1e-8
  "span"     other columns that span the same space
  "no"       neither
and, unless it is "columns", a "why". In fits.json, which keeps R's linear
predictor but not its design, "columns" means that formulaic's columns, in their
order, times R's coefficients give R's linear predictor, and "no" that they do
not. Every formula must at least parse and materialise: otherwise this fails.
"""

import json
from pathlib import Path

import numpy as np
import pandas as pd
from formulaic import model_matrix

REFERENCE = Path(__file__).resolve().parent.parent
TOLERANCE = 1e-8

# formulaic does not know R's offset() and cbind(): stand-ins that let a formula
# with them materialise.
STAND_INS = {
    "offset": lambda values: values,
    "cbind": lambda *columns: dict(enumerate(columns)),
}


def read_table(name):
    return pd.read_csv(REFERENCE / "tables" / f"{name}.csv")


def close(left, right):
    """Equal to within the tolerance, relative to the size of the right."""
    return np.max(np.abs(left - right), initial=0) <= TOLERANCE * max(1.0, np.max(np.abs(right), initial=0))


def same_columns(ours, theirs):
    """Whether the columns can be paired off."""
    if ours.shape != theirs.shape:
        return False
    left = list(range(ours.shape[1]))
    for column in theirs.T:
        match = next((k for k in left if close(ours[:, k], column)), None)
        if match is None:
            return False
        left.remove(match)
    return True


def rank(matrix):
    norms = np.linalg.norm(matrix, axis=0)
    return np.linalg.matrix_rank(matrix[:, norms > 0] / norms[norms > 0], tol=1e-8)


def same_span(ours, theirs):
    return rank(ours) == rank(theirs) == rank(np.hstack([ours, theirs]))


def compare(ours, record):
    """The flag and, unless the columns are the same, what differs."""
    theirs = np.array(record["matrix"], dtype=float)
    values = ours.to_numpy(dtype=float)
    if same_columns(values, theirs):
        return {"agrees": "columns"}
    sizes = (
        f"R has {theirs.shape[1]} columns of rank {rank(theirs)}, formulaic {values.shape[1]} of rank {rank(values)}"
    )
    if same_span(values, theirs):
        return {"agrees": "span", "why": f"{sizes}, spanning the same space"}
    names = ", ".join(ours.columns)
    return {"agrees": "no", "why": f"{sizes}; formulaic's are {names}"}


def flag_grid(record, table):
    matrix = model_matrix("~ " + record["formula"], table)
    return compare(pd.DataFrame(matrix), record)


def flag_fit(record):
    table = read_table(record["table"])
    matrices = model_matrix(record["formula"], table, context=STAND_INS)
    design = pd.DataFrame(matrices.rhs)
    is_offset = design.columns.str.startswith("offset(")
    offset = design.loc[:, is_offset].to_numpy(dtype=float).sum(axis=1)
    columns = design.loc[:, ~is_offset].to_numpy(dtype=float)
    coefficients = np.array(record["coefficients"], dtype=float)
    predictor = np.array(record["linear_predictor"], dtype=float)
    if columns.shape[1] != len(coefficients):
        return {
            "agrees": "no",
            "why": f"R has {len(coefficients)} columns, formulaic {columns.shape[1]}",
        }
    ours = (columns @ coefficients + offset)[: len(predictor)]
    if len(design) == record["n"] and close(ours, predictor):
        return {"agrees": "columns"}
    return {"agrees": "no", "why": "other columns, or another order"}


def write(records, path):
    """One key a line, as common.R writes them."""
    blocks = []
    for record in records:
        lines = [f"  {json.dumps(k)}: {json.dumps(v)}" for k, v in record.items()]
        blocks.append(" {\n" + ",\n".join(lines) + "\n }")
    path.write_text("[\n" + ",\n".join(blocks) + "\n]\n")


def flag(name, flagger):
    path = REFERENCE / name
    records = json.loads(path.read_text())
    for record in records:
        record.pop("agrees", None)
        record.pop("why", None)
        result = flagger(record)
        # The long values stay at the end of a record.
        values = {k: record.pop(k) for k in ["matrix"] if k in record}
        record.update(result | values)
    write(records, path)
    flags = [record["agrees"] for record in records]
    counts = {flag: flags.count(flag) for flag in ("columns", "span", "no")}
    print(name, counts)
    for record in records:
        if "why" in record:
            print(f"  {record['formula']}: {record['agrees']}: {record['why']}")


if __name__ == "__main__":
    grid = read_table("grid")
    flag("design_grid.json", lambda record: flag_grid(record, grid))
    flag("fits.json", flag_fit)
