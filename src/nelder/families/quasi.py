"""Quasi-likelihood (Wedderburn 1974): a variance function and a free dispersion, without a distribution."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nelder.errors import InputTypeError, unknown_name
from nelder.families.base import Family
from nelder.families.binomial import Binomial
from nelder.families.gamma import Gamma
from nelder.families.gaussian import Gaussian
from nelder.families.inverse_gaussian import InverseGaussian
from nelder.families.poisson import Poisson
from nelder.linalg import Array
from nelder.links import Identity
from nelder.mean import Mean

VARIANCES: dict[str, Family] = {
    "constant": Gaussian(),
    "mu": Poisson(),
    "mu^2": Gamma(),
    "mu^3": InverseGaussian(),
    "mu(1-mu)": Binomial(),
}


@dataclass(frozen=True)
class Quasi(Family):
    """The estimating equations of the family that has this variance, φ estimated, and no likelihood to compare by.

    `Quasi("mu^2")` is R's quasi(variance = "mu^2"), with the identity link unless another is asked for.
    """

    variance_function: str = "constant"
    called: str = "quasi"

    name = "quasi"
    default_link = Identity()

    def __post_init__(self) -> None:
        if not isinstance(self.variance_function, str):
            raise InputTypeError(f"the variance of quasi is a text such as 'mu^2', not {self.variance_function!r:.60}")
        if not isinstance(self.called, str):
            raise InputTypeError(f"called= of quasi is a text, not {self.called!r:.60}")
        spelling = self.variance_function.replace(" ", "").replace("**", "^")
        if spelling not in VARIANCES:
            raise unknown_name("variance of a quasi family", self.variance_function, VARIANCES)
        like = VARIANCES[spelling]
        learned: dict[str, object] = {
            "variance_function": spelling,
            "mean_interval": like.mean_interval,
            "support": like.support,
            "counts": like.counts,
        }
        learned["convex_links"] = like.convex_links
        if self.called != "quasi":
            learned["default_link"] = like.default_link
        for attribute, value in {**learned, "constant_variance": like.constant_variance}.items():
            object.__setattr__(self, attribute, value)

    @property
    def like(self) -> Family:
        """The family whose score this one borrows."""
        return VARIANCES[self.variance_function]

    def log_variance(self, mean: Mean) -> Array:
        return self.like.log_variance(mean)

    def log_variance_slope(self, mean: Mean) -> Array:
        return self.like.log_variance_slope(mean)

    def unit_deviance(self, y: Array, mean: Mean) -> Array:
        return self.like.unit_deviance(y, mean)

    def natural_loss(self, y: Array, mean: Mean) -> Array:
        return self.like.natural_loss(y, mean)

    def in_support(self, y: Array) -> NDArray[np.bool_]:
        return self.like.in_support(y)

    def residual(self, y: Array, mean: Mean) -> Array:
        return self.like.residual(y, mean)

    def natural_slope(self, mean: Mean) -> Array:
        return self.like.natural_slope(mean)

    def expected_weight(self, mean: Mean) -> Array:
        return self.like.expected_weight(mean)

    def observed_weight(self, y: Array, mean: Mean) -> Array:
        return self.like.observed_weight(y, mean)

    def start_mean(self, y: Array, weight: Array) -> Array:
        return self.like.start_mean(y, weight)

    def anscombe(self, y: Array, mean: Mean) -> Array:
        return self.like.anscombe(y, mean)

    def remedy(self) -> str:
        return self.like.remedy()

    def label(self) -> str:
        return self.called if self.called != "quasi" else f"quasi({self.variance_function})"

    def options(self) -> dict[str, float | str]:
        return {"variance_function": self.variance_function, "called": self.called}


def quasipoisson() -> Quasi:
    """Overdispersed counts: Poisson's score and log link, φ estimated."""
    return Quasi("mu", "quasipoisson")


def quasibinomial() -> Quasi:
    """Overdispersed proportions: the binomial's score and logit link, φ estimated."""
    return Quasi("mu(1-mu)", "quasibinomial")
