"""Spark as the engine: the digits of threads, from rows that never come here."""

import gc
import shutil
import sys
import threading
import time
import warnings
from dataclasses import replace

import numpy as np
import pytest

import nelder as nd
from nelder.design import Block, Design
from nelder.engines import Spark, Threads
from nelder.errors import DataError, EngineError
from nelder.families import FAMILIES
from nelder.fit import Terms
from nelder.fitting import fit_objective
from nelder.links import LINKS
from nelder.loss import Loss
from nelder.mean import Mean
from nelder.objective import Objective
from nelder.parts import Coded, Coding, Dense
from nelder.penalties import Unpenalised
from nelder.solvers import SOLVERS
from nelder.trace import Recorder

pyspark = pytest.importorskip("pyspark")
if shutil.which("java") is None:
    pytest.skip("Spark needs Java", allow_module_level=True)

P = 6
PAIRS = [
    ("gaussian", "identity"),
    ("binomial", "logit"),
    ("binomial", "probit"),
    ("poisson", "log"),
    ("gamma", "log"),
    ("inverse_gaussian", "log"),
    ("quasipoisson", "log"),
]


@pytest.fixture(scope="module")
def spark():
    """A session of two cores; its workers find the kernels of this file by value."""
    import cloudpickle
    from pyspark.sql import SparkSession

    cloudpickle.register_pickle_by_value(sys.modules[__name__])
    with pytest.MonkeyPatch.context() as patch, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what Spark says about other libraries
        patch.setenv("PYSPARK_PYTHON", sys.executable)
        session = (
            SparkSession.builder.master("local[2]")
            .appName("nelder")
            .config("spark.ui.enabled", False)
            .config("spark.ui.showConsoleProgress", False)
            .config("spark.sql.shuffle.partitions", 3)
            .getOrCreate()
        )
        session.sparkContext.setLogLevel("OFF")
        yield session
        session.stop()
    cloudpickle.unregister_pickle_by_value(sys.modules[__name__])


def block_of(part):
    """A block from (family, link, seed, rows): a dense part and a factor; empty where there are no rows."""
    family, link, seed, rows = part
    if not rows:
        return []
    random, made = np.random.default_rng(seed), FAMILIES[family]()
    dense = np.column_stack([np.ones(rows), random.normal(size=(rows, 2)), random.uniform(0, 2, rows)])
    codes = random.integers(0, 3, rows)
    parts = (Dense(np.arange(4), dense), Coded(np.arange(4, 6), codes, Coding(3, np.array([1, 2]))))
    eta = dense @ [0.5, 0.3, -0.2, 0.4] + np.array([0.0, 0.2, -0.1])[codes]
    like = getattr(made, "like", made)
    y = like.sample(random, Mean(LINKS[link](), eta), 1.0 if like.dispersion_known else 0.3, np.ones(rows))
    return [Block(parts, P, y, np.ones(rows), np.zeros(rows))]


def parts_of(pair, rows=(900, 0, 700, 800, 0, 650, 600)):
    return [(*pair, seed, many) for seed, many in enumerate(rows)]


def objective_of(engine, pair, parts=None, loader=block_of):
    handles = engine.load(parts_of(pair) if parts is None else parts, loader)
    names = tuple(f"x{j + 1}" for j in range(P))
    design = Design(handles, names, np.eye(P)[0], float(sum(engine.map(rows_of, handles))))
    return Objective(design, Loss(FAMILIES[pair[0]](), LINKS[pair[1]]()), Unpenalised(), engine)


def rows_of(block):
    return block.n


def fitted(engine, pair, solver=None, parts=None):
    objective = objective_of(engine, pair, parts)
    terms = Terms(objective.design.names, "y")
    return fit_objective(objective, solver and SOLVERS[solver](), terms, Recorder(()))


def same(fit, reference, digits=1e-12):
    assert fit.converged == reference.converged and fit.solved.solver == reference.solved.solver
    np.testing.assert_allclose(fit.coef, reference.coef, rtol=digits)
    np.testing.assert_allclose(fit.se, reference.se, rtol=digits)
    for number in ("deviance", "null_deviance", "loglik", "pearson", "dispersion"):
        theirs = getattr(reference.statistics, number)
        assert getattr(fit.statistics, number) == pytest.approx(theirs, rel=digits, nan_ok=True), number


@pytest.mark.parametrize("pair", PAIRS, ids="-".join)
def test_every_family_has_the_digits_of_threads_and_rows_stay(spark, pair):
    stay = FAMILIES[pair[0]]().convex_links  # a search for several minima looks at single rows
    same(fitted(Spark(spark, rows_stay=pair[1] in stay), pair), fitted(Threads(2), pair))


@pytest.mark.parametrize("solver", ["newton", "irls", "lbfgs", "gradient_descent", "sampled_newton"])
def test_every_solver_has_the_digits_of_threads(spark, solver):
    pair = ("poisson", "log")
    same(fitted(Spark(spark, rows_stay=True), pair, solver), fitted(Threads(2), pair, solver))
