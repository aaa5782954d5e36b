"""The families, by name. To add one: a file here and a line in FAMILIES."""

from __future__ import annotations

from collections.abc import Callable

from nelder.families.base import Family
from nelder.families.binomial import Binomial
from nelder.families.gamma import Gamma
from nelder.families.gaussian import Gaussian
from nelder.families.inverse_gaussian import InverseGaussian
from nelder.families.negative_binomial import NegativeBinomial
from nelder.families.poisson import Poisson
from nelder.families.quasi import Quasi, quasibinomial, quasipoisson
from nelder.families.tweedie import Tweedie

__all__ = [
    "FAMILIES",
    "Binomial",
    "Family",
    "Gamma",
    "Gaussian",
    "InverseGaussian",
    "NegativeBinomial",
    "Poisson",
    "Quasi",
    "Tweedie",
    "quasibinomial",
    "quasipoisson",
]

FAMILIES: dict[str, Callable[..., Family]] = {
    "binomial": Binomial,
    "gamma": Gamma,
    "gaussian": Gaussian,
    "inverse_gaussian": InverseGaussian,
    "negative_binomial": NegativeBinomial,
    "poisson": Poisson,
    "quasi": Quasi,
    "quasibinomial": quasibinomial,
    "quasipoisson": quasipoisson,
    "tweedie": Tweedie,
}
