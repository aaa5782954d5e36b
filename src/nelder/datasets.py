"""Tables to try things on: two real ones, and generators with known coefficients: insurance claims at any size, and the
three problems of the tutorials.
"""

from __future__ import annotations

import csv
from collections.abc import Callable
from importlib.resources import files
from typing import Any

import numpy as np

from nelder.errors import a_count, a_seed, refuse_unknown
from nelder.linalg import Array
from nelder.table import Table

AREAS = ("A", "B", "C", "D", "E", "F")
BRANDS = ("Alba", "Bora", "Cima", "Duna", "Etna")

# what the generator uses, under the names that the two formulas give their coefficients
MOTOR_FREQUENCY_FORMULA = "claims ~ area + brand + fuel + young + vehicle_age + offset(log(exposure))"
MOTOR_FREQUENCY = {
    "Intercept": -2.4,
    **{f"area[T.{area}]": effect for area, effect in zip(AREAS[1:], (0.06, 0.12, 0.25, 0.33, 0.40), strict=True)},
    **{f"brand[T.{brand}]": effect for brand, effect in zip(BRANDS[1:], (0.10, -0.15, 0.05, 0.20), strict=True)},
    "fuel[T.petrol]": -0.08,
    "young": 0.70,
    "vehicle_age": -0.03,
}
MOTOR_SEVERITY_FORMULA = "amount ~ area + young + vehicle_age"
MOTOR_SEVERITY = {
    "Intercept": 7.2,
    **{f"area[T.{area}]": effect for area, effect in zip(AREAS[1:], (0.02, 0.05, 0.10, 0.12, 0.20), strict=True)},
    "young": 0.15,
    "vehicle_age": -0.02,
}
MOTOR_SEVERITY_SHAPE = 1.5  # of the gamma distribution of one claim: φ is its inverse


def horse_kicks() -> Table:
    """Deaths by horse kick: corps, year, deaths; 280 rows (Bortkiewicz 1898), the classic Poisson table."""
    return _bundled("horse_kicks")


def ships() -> Table:
    """Damage to cargo ships: type, built, period, service (months, the exposure), incidents; 34 rows (McCullagh &
    Nelder 1989).
    """
    return _bundled("ships")


def _bundled(name: str) -> Table:
    with (files("nelder") / "data" / f"{name}.csv").open(encoding="utf-8") as lines:
        rows = list(csv.DictReader(lines))
    return Table({column: _values([row[column] for row in rows]) for column in rows[0]})


def _values(texts: list[str]) -> Array:
    try:
        return np.array([int(text) for text in texts])
    except ValueError:
        return np.array(texts)


def motor(n: int = 678_013, seed: int = 0) -> Table:
    """Motor policies with claims: area, brand, fuel, young, vehicle_age, exposure (years), claims, amount (mean, nan
    without claims).

    Claims are Poisson with the coefficients MOTOR_FREQUENCY under MOTOR_FREQUENCY_FORMULA; the mean amount of a
    policy's claims is gamma with MOTOR_SEVERITY under MOTOR_SEVERITY_FORMULA, weights claims and shape
    MOTOR_SEVERITY_SHAPE. All are of this module.
    """
    n = a_count(n, "n")
    random = np.random.default_rng(a_seed(seed))
    area = random.choice(6, n, p=(0.15, 0.11, 0.28, 0.22, 0.20, 0.04))
    brand = random.choice(5, n, p=(0.35, 0.25, 0.2, 0.15, 0.05))
    petrol = random.random(n) < 0.49
    young = (random.random(n) < 0.12).astype(int)
    vehicle_age = np.minimum(random.geometric(0.14, n) - 1, 25)
    exposure = np.round(np.where(random.random(n) < 0.25, 1.0, random.uniform(0.01, 1.0, n)), 2)
    labels = (np.array(AREAS)[area], np.array(BRANDS)[brand], np.where(petrol, "petrol", "diesel"))
    known = {"area": labels[0], "brand": labels[1], "fuel": labels[2], "young": young, "vehicle_age": vehicle_age}
    claims = random.poisson(exposure * np.exp(_effects(MOTOR_FREQUENCY, known, n)))
    shape = MOTOR_SEVERITY_SHAPE * np.maximum(claims, 1)
    amount = random.gamma(shape, np.exp(_effects(MOTOR_SEVERITY, known, n)) / shape)
    return Table({**known, "exposure": exposure, "claims": claims, "amount": np.where(claims > 0, amount, np.nan)})


def _effects(coefficients: dict[str, float], columns: dict[str, Array], n: int) -> Array:
    """Xβ (n,), with β by the names of treatment contrasts."""
    eta = np.zeros(n)
    for name, effect in coefficients.items():
        column, _, level = name.removesuffix("]").partition("[T.")
        if name == "Intercept":
            eta += effect
        else:
            eta += effect * (columns[column] == level if level else columns[column])
    return eta


def line(n: int = 200, seed: int = 1) -> Table:
    """Points about the line y = 3x, with x uniform on (0, 1) and errors of standard deviation 0.1: x, y."""
    n = a_count(n, "n")
    random = np.random.default_rng(a_seed(seed))
    x = random.uniform(0, 1, n)
    return Table({"x": x, "y": 3 * x + random.normal(0, 0.1, n)})


def yes_no(n: int = 1000, seed: int = 4) -> Table:
    """Ones and zeros from a logistic regression on nine normal columns: x1 to x9, yes."""
    n = a_count(n, "n")
    columns, _, responses = scratch(n, seed)
    return Table({**columns, "yes": responses["yes"]})


def counts(n: int = 1000, seed: int = 4) -> Table:
    """Counts from a Poisson regression, with half the coefficients of `yes_no`, on nine normal columns: x1 to x9,
    count.
    """
    n = a_count(n, "n")
    columns, _, responses = scratch(n, seed)
    return Table({**columns, "count": responses["count"]})


def scratch(n: int, seed: int) -> tuple[dict[str, Array], dict[str, float], dict[str, Any]]:
    """The columns, the coefficients by name and the responses that the tutorial on GLMs from scratch draws."""
    random = np.random.default_rng(a_seed(seed))
    X = np.column_stack([np.ones(n), random.normal(size=(n, 9))])
    beta = random.normal(size=10)
    random.normal(size=n)  # the errors of the tutorial's linear model, drawn before the others
    eta = X @ beta
    yes, count = random.binomial(1, 1 / (1 + np.exp(-eta))), random.poisson(np.exp(eta / 2))
    columns = {f"x{j}": X[:, j] for j in range(1, 10)}
    return columns, dict(zip(("Intercept", *columns), beta.tolist(), strict=True)), {"yes": yes, "count": count}


LINE = {"Intercept": 0.0, "x": 3.0}
TRUE_COEFFICIENTS: dict[str, Callable[[], dict[str, float]]] = {
    "counts": lambda: {name: value / 2 for name, value in scratch(1000, 4)[1].items()},
    "line": lambda: dict(LINE),
    "motor": lambda: dict(MOTOR_FREQUENCY),
    "yes_no": lambda: scratch(1000, 4)[1],
}


def true_coefficients(name: str) -> dict[str, float]:
    """The coefficients that made a table as it comes without arguments: of line, yes_no and counts on all their
    columns, of motor those of the claims. Raises UnknownNameError for a table whose coefficients nobody knows.
    """
    refuse_unknown("table with known coefficients", name, TRUE_COEFFICIENTS)
    return TRUE_COEFFICIENTS[name]()


DATASETS: dict[str, Callable[..., Table]] = {
    "counts": counts,
    "horse_kicks": horse_kicks,
    "line": line,
    "motor": motor,
    "ships": ships,
    "yes_no": yes_no,
}
