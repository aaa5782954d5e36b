"""Tables to try things on: two real ones, and a generator of insurance claims with known coefficients at any size."""

from __future__ import annotations

import csv
from collections.abc import Callable
from importlib.resources import files

import numpy as np

from nelder.errors import InputError
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
    if n < 1:
        raise InputError(f"motor(n={n}): ask for 1 or more policies")
    random = np.random.default_rng(seed)
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


DATASETS: dict[str, Callable[..., Table]] = {"horse_kicks": horse_kicks, "motor": motor, "ships": ships}
