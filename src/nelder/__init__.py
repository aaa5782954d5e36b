"""nelder: generalized linear models by maximum likelihood.

    import nelder as nd
    fit = nd.glm("deaths ~ corps", nd.datasets.horse_kicks(), family="poisson")
    print(fit.summary())

Importing this package imports nothing but itself; each name below is loaded when it is first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nelder import datasets, plots
    from nelder.engines import Dask, Spark, Threads
    from nelder.errors import (
        AliasedWarning,
        BoundaryWarning,
        CapabilityError,
        CodingWarning,
        ColumnWarning,
        DataError,
        DivergedWarning,
        EngineError,
        FormulaError,
        IllConditionedWarning,
        InputError,
        InputTypeError,
        LevelError,
        MissingExtraError,
        NelderError,
        NelderWarning,
        NotConvergedWarning,
        ResponseWarning,
        SavedFitError,
        SeveralMinimaWarning,
        SupportError,
        UnknownNameError,
    )
    from nelder.explanation import Explanation
    from nelder.families import (
        Binomial,
        Family,
        Gamma,
        Gaussian,
        InverseGaussian,
        NegativeBinomial,
        Poisson,
        Quasi,
        Tweedie,
        quasibinomial,
        quasipoisson,
    )
    from nelder.fit import Fit
    from nelder.inference.comparisons.stepwise import Steps
    from nelder.inference.covariances.clustered import Clustered
    from nelder.inference.covariances.serial import HAC
    from nelder.inference.effects.cases import Population
    from nelder.inference.estimates import Estimates
    from nelder.links import (
        Cauchit,
        Cloglog,
        Identity,
        Inverse,
        InverseSquared,
        Log,
        Logit,
        Loglog,
        Power,
        Probit,
        Sqrt,
    )
    from nelder.mean import Link, Mean
    from nelder.model import glm, glm_fit
    from nelder.observations import frequency, sampling
    from nelder.penalties import Firth, Jeffreys, MedianBias, Ridge
    from nelder.saving import load
    from nelder.simulation import Draw, simulate
    from nelder.solvers import IRLS, LBFGS, ClosedForm, GradientDescent, Newton, StochasticGradientDescent
    from nelder.sources import spill, sql
    from nelder.table import Table
    from nelder.watchers import Progress, progress

__version__ = "0.1.0"

# where each public name lives
_HOMES = {
    "engines": "Dask Spark Threads",
    "errors": (
        "AliasedWarning BoundaryWarning CapabilityError CodingWarning ColumnWarning DataError DivergedWarning "
        "EngineError FormulaError IllConditionedWarning InputError InputTypeError LevelError MissingExtraError "
        "NelderError NelderWarning NotConvergedWarning ResponseWarning SavedFitError SeveralMinimaWarning "
        "SupportError UnknownNameError"
    ),
    "families": (
        "Binomial Family Gamma Gaussian InverseGaussian NegativeBinomial Poisson Quasi Tweedie "
        "quasibinomial quasipoisson"
    ),
    "explanation": "Explanation",
    "fit": "Fit",
    "inference.covariances.clustered": "Clustered",
    "inference.effects.cases": "Population",
    "inference.estimates": "Estimates",
    "inference.covariances.serial": "HAC",
    "inference.comparisons.stepwise": "Steps",
    "links": "Cauchit Cloglog Identity Inverse InverseSquared Log Logit Loglog Power Probit Sqrt",
    "mean": "Link Mean",
    "model": "glm glm_fit",
    "observations": "frequency sampling",
    "watchers": "Progress progress",
    "penalties": "Firth Jeffreys MedianBias Ridge",
    "saving": "load",
    "simulation": "Draw simulate",
    "solvers": "ClosedForm GradientDescent IRLS LBFGS Newton StochasticGradientDescent",
    "sources": "spill sql",
    "table": "Table",
}
_HOME = {name: home for home, names in _HOMES.items() for name in names.split()}

__all__ = [
    "AliasedWarning",
    "Binomial",
    "BoundaryWarning",
    "CapabilityError",
    "Cauchit",
    "Cloglog",
    "ClosedForm",
    "Clustered",
    "CodingWarning",
    "ColumnWarning",
    "Dask",
    "DataError",
    "DivergedWarning",
    "Draw",
    "EngineError",
    "Estimates",
    "Explanation",
    "Family",
    "Firth",
    "Fit",
    "FormulaError",
    "Gamma",
    "Gaussian",
    "GradientDescent",
    "HAC",
    "IRLS",
    "Identity",
    "IllConditionedWarning",
    "InputError",
    "InputTypeError",
    "Inverse",
    "InverseGaussian",
    "InverseSquared",
    "Jeffreys",
    "LBFGS",
    "LevelError",
    "Link",
    "Log",
    "Logit",
    "Loglog",
    "Mean",
    "MedianBias",
    "MissingExtraError",
    "NegativeBinomial",
    "NelderError",
    "NelderWarning",
    "Newton",
    "NotConvergedWarning",
    "Poisson",
    "Population",
    "Power",
    "Probit",
    "Progress",
    "Quasi",
    "ResponseWarning",
    "Ridge",
    "SavedFitError",
    "SeveralMinimaWarning",
    "Spark",
    "Sqrt",
    "Steps",
    "StochasticGradientDescent",
    "SupportError",
    "Table",
    "Threads",
    "Tweedie",
    "UnknownNameError",
    "__version__",
    "datasets",
    "frequency",
    "glm",
    "glm_fit",
    "load",
    "plots",
    "progress",
    "quasibinomial",
    "quasipoisson",
    "sampling",
    "simulate",
    "spill",
    "sql",
]


def __getattr__(name: str) -> Any:
    if name in ("datasets", "plots"):
        return import_module(f"nelder.{name}")
    if name not in _HOME:
        raise AttributeError(f"nelder has no {name!r}; see nelder.__all__")
    return getattr(import_module(f"nelder.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
