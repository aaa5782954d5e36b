"""Drawing data from known coefficients. Nothing here uses nelder: what it is tried on does not come from it."""

from __future__ import annotations

import numpy as np

from problems.base import Factor, Problem

SHAPE_OF_GAMMA = 2.0


def response(family: str, eta: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """One draw a row, with log link, or logit for a binomial."""
    if family == "binomial":
        return (random.random(len(eta)) < 1 / (1 + np.exp(-eta))).astype(float)
    if family == "poisson":
        return random.poisson(np.exp(eta)).astype(float)
    return random.gamma(SHAPE_OF_GAMMA, np.exp(eta) / SHAPE_OF_GAMMA)


def dense(family: str, link: str, X: np.ndarray, truth: np.ndarray, random: np.random.Generator) -> Problem:
    """A problem from X (n, p - 1) without its intercept and truth (p,)."""
    return Problem(family, link, response(family, truth[0] + X @ truth[1:], random), truth, X)


def normal(n: int, p: int, random: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Independent normal columns X (n, p - 1), and coefficients (p,) that keep the means moderate."""
    truth = np.concatenate([[0.3], random.normal(scale=0.6 / np.sqrt(p), size=p - 1)])
    return random.normal(size=(n, p - 1)), truth


def factor(shares: np.ndarray, n: int, random: np.random.Generator, least: int = 40) -> Factor:
    """A factor with these shares of its levels, each at least `least` times there, so that no level separates."""
    codes = random.choice(len(shares), size=n, p=shares / shares.sum()).astype(np.int32)
    few = min(least, n // len(shares))
    codes[random.choice(n, size=few * len(shares), replace=False)] = np.repeat(np.arange(len(shares)), few)
    return Factor(codes, level_names(len(shares)))


def level_names(count: int) -> list[str]:
    """Names of levels, in order also as text: L00, L01, ..."""
    width = len(str(count - 1))
    return [f"L{level:0{width}}" for level in range(count)]


def predictor(
    columns: dict[str, Factor | np.ndarray], intercept: float, random: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """eta (n,) and the coefficients (p,) that gave it: levels differ by about 0.2, numbers act by 0.2 per deviation."""
    first = next(iter(columns.values()))
    eta, truth = np.full(len(first.codes), intercept), [np.array([intercept])]
    for column in columns.values():
        if isinstance(column, Factor):
            effects = random.normal(scale=0.2, size=len(column.levels))
            effects[0] = 0.0
            eta += effects[column.codes]
            truth.append(effects[1:])
        else:
            slope = 0.2 / column.std()
            eta += slope * (column - column.mean())
            truth.append(np.array([slope]))
            truth[0] -= slope * column.mean()
    return eta, np.concatenate(truth)
