"""The problems: data with known coefficients, from a seed. To add one: a function here and a line in PROBLEMS."""

from dataclasses import dataclass

import numpy as np

import nelder as nd


@dataclass(frozen=True)
class Problem:
    """A design with an intercept, a response, and what to fit."""

    name: str
    X: np.ndarray
    y: np.ndarray
    family: str
    link: str


def dense(name, family, link, n, p):
    """Independent normal columns and an intercept; coefficients that keep the means moderate."""
    random = np.random.default_rng(0)
    X = np.column_stack([np.ones(n), random.normal(size=(n, p - 1))])
    beta = np.concatenate([[0.3], random.normal(scale=0.6 / np.sqrt(p), size=p - 1)])
    chosen = {"gamma": nd.Gamma()}.get(family, family)
    y = nd.simulate(X, beta, chosen, link, nd.Draw(phi=0.5 if family == "gamma" else 1.0, seed=1))
    return Problem(name, X, y, family, link)


PROBLEMS = {
    "small Poisson, 100 x 3": lambda: dense("small Poisson, 100 x 3", "poisson", "log", 100, 3),
    "logistic, 100,000 x 20": lambda: dense("logistic, 100,000 x 20", "binomial", "logit", 100_000, 20),
    "Poisson, 100,000 x 20": lambda: dense("Poisson, 100,000 x 20", "poisson", "log", 100_000, 20),
    "gamma, 50,000 x 50": lambda: dense("gamma, 50,000 x 50", "gamma", "log", 50_000, 50),
}
