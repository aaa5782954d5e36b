"""What `nelder demo` shows: a real table, a formula, a fit step by step, and the same fit by plain gradient descent."""

from __future__ import annotations

import warnings
from importlib.resources import as_file, files

import numpy as np

from nelder.diagnosis import Diverged
from nelder.fit import Fit
from nelder.model import glm
from nelder.solvers import GradientDescent

FORMULA = "incidents ~ type + C(built) + C(period) + offset(log(service))"
CALL = 'nd.glm("incidents ~ type + C(built) + C(period) + offset(log(service))", "ships.csv", family="poisson"'


def demonstrate() -> None:
    """Print the demonstration, each part with the call that makes it."""
    with as_file(files("nelder") / "data" / "ships.csv") as path, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # shown with the fits
        print("Damage to cargo ships by waves: type, years of construction, period of operation, months of service.")
        print("(McCullagh & Nelder, Generalized Linear Models, 1989, section 6.3.2)\n")
        print(f">>> fit = {CALL})\n>>> print(fit.summary())\n")
        fit = glm(FORMULA, path, "poisson")
        print(fit.summary())
        print("\nHow it got there: Newton's method, whose error squares at every step once it is near.\n")
        print(f">>> print(fit.trace)\n{fit.trace}")
        print("\nThe same by plain gradient descent, beta <- beta - rate * gradient, at a rate that looks small:\n")
        wild = _descend(path, 0.02, 2_000)
        print(f"    {wild.warnings[0].sentence}\n")
        largest = wild.warnings[0].largest if isinstance(wild.warnings[0], Diverged) else 1e-3
        print("And at nine tenths of the largest rate that can work:\n")
        slow = _descend(path, float(f"{0.9 * largest:.2g}"), 20_000)
        print(f"    {slow.solved.steps} epochs, where Newton's method took {fit.solved.steps} steps: {slow.reason}")
        apart = float(np.abs(np.asarray(slow.coef) - np.asarray(fit.coef)).max())
        print(f"    largest difference between the two answers: {apart:.1e}\n")
        print(slow.trace)
        print("\nNow yours:  nelder fit TABLE.csv 'y ~ x1 + x2' --family poisson --trace")


def _descend(path: object, rate: float, epochs: int) -> Fit:
    solver = GradientDescent(rate=rate, epochs=epochs)
    print(f">>> {CALL},\n...        solver=nd.GradientDescent(rate={rate:g}, epochs={epochs}))\n")
    return glm(FORMULA, path, "poisson", solver=solver)
