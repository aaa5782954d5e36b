"""Rows that are drawn where a part is loaded, and their fit on any engine."""

import sys
import time
from dataclasses import dataclass, replace

import cloudpickle
import numpy as np
import pytest

from nelder.design import Block, Design
from nelder.errors import DataError
from nelder.families import FAMILIES
from nelder.fit import Terms
from nelder.fitting import fit_objective
from nelder.links import LINKS
from nelder.loss import Loss
from nelder.mean import Mean
from nelder.model import resolve_model
from nelder.objective import Objective
from nelder.parts import Coded, Coding, Dense
from nelder.trace import Recorder

cloudpickle.register_pickle_by_value(sys.modules[__name__])  # workers do not have this module

NAMES = ("(Intercept)", "a", "b", "group[2]", "group[3]", "group[4]")
BETA = np.array([0.5, 0.3, 0.4, 0.1, 0.2, 0.3])
SIZES = (700, 0, 1300, 900, 40, 1000)


@dataclass(frozen=True)
class Drawn:
    """A part: its seed, its rows, and the family and link that they come from."""

    seed: int
    rows: int
    family: str = "poisson"
    link: str = "log"


def loader(part):
    """The block of a part; none where it has no rows, an error where it has fewer."""
    if part.rows < 0:
        raise DataError(f"claims.parquet, row group {part.seed}: row 7 has y = -1")
    if not part.rows:
        return []
    random = np.random.default_rng(part.seed)
    X = np.column_stack([np.ones(part.rows), random.uniform(0, 1, (part.rows, 2))])
    factor = Coded(np.arange(3, 6), random.integers(0, 4, part.rows), Coding(4, np.arange(1, 4)))
    bare = np.zeros(part.rows)
    block = Block((Dense(np.arange(3), X), factor), 6, bare, bare + 1.0, bare)
    family = FAMILIES[part.family]()
    like = FAMILIES[
        {"negative_binomial": "poisson", "quasipoisson": "poisson", "tweedie": "gamma"}.get(part.family, part.family)
    ]()
    phi = 1.0 if family.dispersion_known else 0.3
    y = like.sample(random, Mean(LINKS[part.link](), block.eta(BETA)), phi, block.weight)
    return [Block(block.parts, 6, y, block.weight, block.offset)]


def separated(part):
    """The block of a part in which one level of the factor has no events."""
    (block,) = loader(part)
    return [replace(block, y=np.where(block.parts[1].codes == 3, 0.0, block.y))]


def aliased(part):
    """The block of a part in which a column is a combination of two others."""
    (block,) = loader(part)
    dense, factor = block.parts
    X = dense.X.copy()
    X[:, 2] = 2 * X[:, 0] - X[:, 1]
    return [replace(block, parts=(Dense(dense.columns, X), factor))]


def parts_of(sizes=SIZES, family="poisson", link="log"):
    return [Drawn(seed, rows, family, link) for seed, rows in enumerate(sizes)]


def objective_on(engine, parts, load=loader):
    """The objective of parts that the engine loads."""
    model = resolve_model(parts[0].family, parts[0].link, "auto", "unpenalised")
    handles = engine.load(parts, load)
    constant = np.array([1.0, 0, 0, 0, 0, 0])
    design = Design(handles, NAMES, constant, float(sum(part.rows for part in parts)))
    return Objective(design, Loss(model.family, model.link), model.penalty, engine)


def fit_on(engine, parts, solver="auto", watch=None, load=loader):
    """The fit of parts that the engine loads."""
    chosen = resolve_model("poisson", "log", solver, "unpenalised").solver
    with np.errstate(all="ignore"):
        objective = objective_on(engine, parts, load)
        return fit_objective(objective, chosen, Terms(NAMES, "y"), Recorder((), watch))


def numbers(fit):
    """Coefficients, standard errors, deviances and log-likelihood."""
    rest = [fit.deviance, fit.null_deviance, fit.loglik, fit.dispersion]
    return np.concatenate([np.asarray(fit.coef), np.asarray(fit.se), rest])


def same(fit, reference):
    """Assert that two fits took the same steps to the same numbers."""
    assert fit.steps == reference.steps and fit.reason == reference.reason
    assert numbers(fit) == pytest.approx(numbers(reference), rel=1e-12, nan_ok=True)


def wait_for(met, seconds=20):
    """Wait until something is so; an AssertionError where it has not become so by then."""
    end = time.monotonic() + seconds
    while not met():
        assert time.monotonic() < end
        time.sleep(0.05)
