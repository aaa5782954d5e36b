"""Adds to nist.json the exact least squares of each set, and checks that they are what NIST certifies.

    python tests/reference/make/nist.py

Run it after nist.R. Everything is computed in rational numbers; only a square root is taken in fifty digits, and each
result is rounded once, to a double. Each record gets

  "exact"    the answers for the decimals of the table, which nist/certified.csv has to equal in every digit it shows
  "doubles"  those for what a program is given: the nearest doubles of the table, and of the powers of these

No program that is handed doubles can be held to more digits of "exact" than "doubles" has.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal, localcontext
from fractions import Fraction
from pathlib import Path

REFERENCE = Path(__file__).resolve().parent.parent
TABLES = REFERENCE / "nist"
DIGITS = 50

Rounding = Callable[[Fraction], Fraction]
Matrix = list[list[Fraction]]


def nearest_double(number: Fraction) -> Fraction:
    """The double nearest to a number, as a number again."""
    return Fraction(float(number))


def rows_of(name: str) -> tuple[list[str], list[list[str]]]:
    """The header of a table, and its cells as they are written."""
    with (TABLES / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        header, *cells = csv.reader(file)
    return header, cells


def design(name: str, formula: str, keep: Rounding) -> tuple[Matrix, list[Fraction]]:
    """X and y of a set; `keep` is what is left of a number where it is stored."""
    header, cells = rows_of(name)
    table = [dict(zip(header, (keep(Fraction(cell)) for cell in line), strict=True)) for line in cells]
    right = formula.partition("~")[2].strip()
    intercept = not right.endswith("- 1")
    terms = right.removesuffix("- 1").split("+")
    X = []
    for line in table:
        row = [Fraction(1)] if intercept else []
        for term in terms:
            variable, _, power = term.strip().removeprefix("I(").removesuffix(")").partition("**")
            row.append(keep(line[variable] ** int(power or 1)))
        X.append(row)
    return X, [line["y"] for line in table]


def solved(matrix: Matrix, right: Matrix) -> Matrix:
    """matrix⁻¹ right, by Gauss and Jordan; rational numbers need no pivoting where the matrix is positive definite."""
    p = len(matrix)
    rows = [[*a, *b] for a, b in zip(matrix, right, strict=True)]
    for i in range(p):
        rows[i] = [value / rows[i][i] for value in rows[i]]
        for k in range(p):
            if k != i:
                factor = rows[k][i]
                rows[k] = [a - factor * b for a, b in zip(rows[k], rows[i], strict=True)]
    return [row[p:] for row in rows]


def product(a: list[Fraction], b: list[Fraction]) -> Fraction:
    """Σ a b."""
    return sum((x * y for x, y in zip(a, b, strict=True)), Fraction(0))


def root(number: Fraction) -> Decimal:
    """√number."""
    with localcontext(prec=DIGITS):
        return (Decimal(number.numerator) / number.denominator).sqrt()


@dataclass(frozen=True)
class LeastSquares:
    """The numbers NIST certifies of a set: estimates with their standard deviations, and three of the residuals."""

    estimates: list[Fraction]
    deviations: list[Decimal]
    residual_deviation: Decimal
    r_squared: Fraction
    sum_of_squares: Fraction

    def numbers(self) -> list[Fraction | Decimal]:
        """In the order of certified.csv: the estimates, then what belongs to the residuals."""
        return [*self.estimates, self.residual_deviation, self.r_squared, self.sum_of_squares]

    def record(self) -> dict[str, list[float] | float]:
        """As doubles, for the file."""
        return {
            "coefficients": [float(value) for value in self.estimates],
            "se": [float(value) for value in self.deviations],
            "deviance": float(self.sum_of_squares),
            "residual_sd": float(self.residual_deviation),
            "r_squared": float(self.r_squared),
        }


def least_squares(X: Matrix, y: list[Fraction]) -> LeastSquares:
    """By the normal equations, without rounding. R² is about the mean where the first column is constant, else about
    zero.
    """
    n, p = len(X), len(X[0])
    columns = [list(column) for column in zip(*X, strict=True)]
    cross = [[product(u, v) for v in columns] for u in columns]
    moments = [product(u, y) for u in columns]
    right = [[moment, *(Fraction(i == k) for k in range(p))] for i, moment in enumerate(moments)]
    answer = solved(cross, right)
    estimates = [row[0] for row in answer]
    left = [value - product(row, estimates) for value, row in zip(y, X, strict=True)]
    centre = sum(y, Fraction(0)) / n if len(set(columns[0])) == 1 else Fraction(0)
    about = [value - centre for value in y]
    residual, total = product(left, left), product(about, about)
    variance = residual / (n - p)
    deviations = [root(variance * answer[i][1 + i]) for i in range(p)]
    return LeastSquares(estimates, deviations, root(variance), 1 - residual / total, residual)


def check(name: str, exact: LeastSquares) -> None:
    """Raise AssertionError where a certified number is not the exact one, rounded to the digits that it shows."""
    with (TABLES / "certified.csv").open(encoding="utf-8", newline="") as file:
        lines = [line for line in csv.DictReader(file) if line["set"] == name]
    pairs = list(zip([line["estimate"] for line in lines], exact.numbers(), strict=True))
    pairs += zip([line["standard_deviation"] for line in lines[: len(exact.deviations)]], exact.deviations, strict=True)
    for shown, number in pairs:
        certified = Decimal(shown)
        unit = Fraction(10) ** int(certified.as_tuple().exponent)
        assert abs(Fraction(number) - Fraction(certified)) <= unit / 2, (name, shown, number)


def main() -> None:
    """Complete every record of nist.json, one key a line as nist.R writes them."""
    path = REFERENCE / "nist.json"
    blocks = []
    for record in json.loads(path.read_text(encoding="utf-8")):
        name, formula = record["id"], record["formula"]
        exact = least_squares(*design(name, formula, Fraction))
        check(name, exact)
        record["exact"] = exact.record()
        record["doubles"] = least_squares(*design(name, formula, nearest_double)).record()
        lines = [f"  {json.dumps(key)}: {json.dumps(value)}" for key, value in record.items()]
        blocks.append(" {\n" + ",\n".join(lines) + "\n }")
    path.write_text("[\n" + ",\n".join(blocks) + "\n]\n", encoding="utf-8")


if __name__ == "__main__":
    main()
