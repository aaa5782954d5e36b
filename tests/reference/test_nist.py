"""NIST's eleven sets for linear regression, built to cost digits: nelder's digits beside those of R's lm.

An error is relative to the certified number, absolute where that is zero, and the largest of a set counts: minus its
logarithm is the number of digits that are right. See make/nist.py for the records.
"""

import csv
import functools
import json
from collections.abc import Sequence
from contextlib import nullcontext
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nelder as nd
from nelder.diagnosis import PerfectFit

HERE = Path(__file__).parent
RECORDS: dict[str, dict[str, Any]] = {
    record["id"]: record for record in json.loads((HERE / "nist.json").read_text(encoding="utf-8"))
}
PERFECT = ("wampler1", "wampler2")
WARNED = {"filip": nd.IllConditionedWarning, **dict.fromkeys(PERFECT, nd.ResponseWarning)}
ROUNDING = 1e-15  # four or five units in the last place

every_set = pytest.mark.parametrize("name", list(RECORDS))
both_doors = pytest.mark.parametrize("door", ["glm_fit", "glm"])
both_columns = pytest.mark.parametrize("column", ["coefficients", "se"])


def table_of(name: str) -> dict[str, list[float]]:
    """The columns of a table, as the nearest doubles."""
    with (HERE / "nist" / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        header, *cells = csv.reader(file)
    return {variable: [float(line[j]) for line in cells] for j, variable in enumerate(header)}


def design_of(name: str) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """X, with powers that are rounded once, y, and the names of the columns."""
    table, right = table_of(name), RECORDS[name]["formula"].partition("~")[2].strip()
    names = [] if right.endswith("- 1") else ["Intercept"]
    columns = [[1.0] * RECORDS[name]["n"] for _ in names]
    for term in right.removesuffix(" - 1").split(" + "):
        variable, _, power = term.removeprefix("I(").removesuffix(")").partition("**")
        columns.append([float(Fraction(value) ** int(power or 1)) for value in table[variable]])
        names.append(term)
    return np.array(columns).T, np.array(table["y"]), names


@functools.cache
def fitted(name: str, door: str) -> nd.Fit:
    """The fit of a set from arrays or by formula, with the one warning that it should give."""
    with pytest.warns(WARNED[name]) if name in WARNED else nullcontext():
        if door == "glm":
            return nd.glm(RECORDS[name]["formula"], HERE / "nist" / f"{name}.csv", "gaussian")
        X, y, names = design_of(name)
        return nd.glm_fit(X, y, "gaussian", names=names)


def numbers(fit: nd.Fit, column: str) -> np.ndarray:
    """Coefficients or standard errors."""
    return np.asarray(fit.coef if column == "coefficients" else fit.se)


def error(ours: Sequence[float | None] | np.ndarray, certified: Sequence[float]) -> float:
    """The largest error; infinite where a number is missing."""
    got, sought = np.array(ours, dtype=float), np.array(certified)
    assert got.shape == sought.shape
    wrong = np.abs(got - sought) / np.where(sought == 0, 1.0, np.abs(sought))
    return float(np.max(np.where(np.isnan(wrong), np.inf, wrong)))


def test_there_are_eleven_sets() -> None:
    assert len(RECORDS) == 11


@every_set
@both_doors
def test_it_converges_with_every_column(name: str, door: str) -> None:
    fit = fitted(name, door)
    assert fit.converged
    assert not fit.aliased.any()
    assert fit.solved.form == ("Triangle" if name == "filip" else "Gram")


@every_set
@both_doors
def test_it_says_where_the_fit_is_perfect_or_ill_conditioned(name: str, door: str) -> None:
    findings = fitted(name, door).warnings
    assert [finding.category for finding in findings] == ([WARNED[name]] if name in WARNED else [])
    assert all(isinstance(finding, PerfectFit) for finding in findings if name in PERFECT)


@every_set
@both_doors
@both_columns
def test_it_has_no_fewer_digits_than_r(name: str, door: str, column: str) -> None:
    """At the tolerance that suits R, and in the one order of the rows that the table has. No answer to doubles can be
    asked for more digits than the exact one has.
    """
    record, fit = RECORDS[name], fitted(name, door)
    certified = record["exact"][column]
    of_r = min(error(record[setting][column], certified) for setting in ("r_default", "r_strict"))
    of_doubles = error(record["doubles"][column], certified)
    assert error(numbers(fit, column), certified) <= max(of_r, of_doubles) + ROUNDING


@both_doors
@both_columns
def test_seven_digits_of_the_polynomial_of_degree_ten(door: str, column: str) -> None:
    certified = RECORDS["filip"]["exact"][column]
    assert error(RECORDS["filip"]["r_default"][column], certified) == np.inf  # lm leaves a column out
    assert error(numbers(fitted("filip", door), column), certified) <= 1e-7


@every_set
@both_columns
def test_twelve_digits_of_the_exact_answer_to_the_same_doubles(name: str, column: str) -> None:
    """What is lost here is lost by the solver, and not by storing the data."""
    kind = "exact" if name in PERFECT and column == "se" else "doubles"  # rounding leaves a residual of its own
    assert error(numbers(fitted(name, "glm_fit"), column), RECORDS[name][kind][column]) <= 1e-12


@every_set
@both_doors
def test_deviance_dispersion_and_r_squared(name: str, door: str) -> None:
    record, fit = RECORDS[name], fitted(name, door)
    exact, doubles = record["exact"], record["doubles"]
    found = {
        "deviance": fit.deviance,
        "residual_sd": np.sqrt(fit.dispersion),
        "r_squared": 1 - fit.deviance / fit.null_deviance,
    }
    for key, value in found.items():
        assert error([value], [exact[key]]) <= error([doubles[key]], [exact[key]]) + 1e-12, key
