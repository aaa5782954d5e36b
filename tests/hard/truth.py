"""What may be true of a problem, and how a fit is held to it. Each truth returns a sentence where the fit misses it."""

from __future__ import annotations

from collections.abc import Callable

import mpmath as mp
import numpy as np
from exact import Exact, ExactMean, Optimum
from problem import Misled, Problem, agrees, differs, found
from scipy.optimize import nnls

import nelder as nd
from nelder.diagnosis import SeveralMinima
from nelder.mean import Mean

UNIT_LINKS = ("logit", "probit", "cloglog", "loglog", "cauchit")
SPECIAL = {"Aliased", "Boundary", "PerfectFit", "Separated"}  # findings that must be made where they are true only
ILL_CONDITIONED = 1e7  # a design of a smaller condition is none
STILL = 1e-10  # a row that moves less than this along a unit direction does not move


def finite(problem: Problem, fit: nd.Fit) -> str | None:
    """There is one regular optimum: found, certified in extended precision, and without a false alarm."""
    return unsettled(fit, set()) or optimal(problem.exact, fit, np.arange(problem.X.shape[1]))


def unsettled(fit: nd.Fit, true: set[str]) -> str | None:
    """What keeps a fit from being an answer: a finding that is false, or true and not made, or no convergence."""
    special = found(fit) & SPECIAL
    if special - true:
        return Misled(f"a false alarm: {special - true}")
    if true - special:
        return f"nothing is said of {true - special}: {found(fit)}, {fit.reason}"
    return None if fit.converged else f"not converged: {fit.reason}"


def optimal(exact: Exact, fit: nd.Fit, columns: np.ndarray) -> str | None:
    """The coefficients of these columns are the certified optimum of the problem."""
    reference = polished(exact, np.asarray(fit.coef)[columns])
    if isinstance(reference, str):
        return reference
    false = one_minimum(fit, reference)
    if false:
        return false
    if "IllConditioned" in found(fit) and reference.condition < ILL_CONDITIONED:
        return Misled(f"a false alarm: the condition is {reference.condition:.2g}")
    return agrees(fit, reference, columns)


def one_minimum(fit: nd.Fit, reference: Optimum) -> Misled | None:
    """A sentence where several minima are reported that differ by rounding."""
    for finding in fit.warnings:
        if isinstance(finding, SeveralMinima):
            apart = min(finding.others) - finding.lowest
            if not apart > 1e-8 * reference.deviance + 1e-20 * reference.size:
                return Misled(f"a false alarm: the other minimum is {apart:.2g} higher")
    return None


def polished(problem: Exact, beta: np.ndarray) -> Optimum | str:
    """The certified optimum next to β, or why there is none."""
    if not np.isfinite(beta).all():
        return f"coefficients {beta} where there is a finite optimum"
    try:
        return problem.polish(beta)
    except ArithmeticError as error:
        return str(error)


def perfect(problem: Problem, fit: nd.Fit) -> str | None:
    """The response lies on the model: coefficients to ten digits, a deviance of rounding, and a word about it."""
    wrong = unsettled(fit, {"PerfectFit"})
    reference = wrong or polished(problem.exact, np.asarray(fit.coef))
    if isinstance(reference, str):
        return reference
    length = np.linalg.norm(problem.X / np.abs(problem.X).max(axis=0), axis=0) * np.abs(problem.X).max(axis=0)
    size = np.abs(reference.beta * length).max() / length
    rounding = 1e-26 * reference.size
    return differs("coefficients", fit.coef, reference.beta, 1e-10 * size) or differs(
        "deviance", fit.deviance, 0.0, rounding
    )


def nearly_perfect(problem: Problem, fit: nd.Fit) -> str | None:
    """Hardly more than rounding is left: all digits are right, or it is said that they are not."""
    return unsettled(fit, {"PerfectFit"} & found(fit)) or optimal(problem.exact, fit, np.arange(problem.X.shape[1]))


def refused(problem: Problem, fit: nd.Fit) -> str | None:
    """There is nothing to fit: the input has to be refused, in the words that the problem asks for."""
    return Misled("it is fitted, and had to be refused")


def lowest(reach: float) -> Callable[[Problem, nd.Fit], str | None]:
    """There are several minima: found is a regular one, and none lower within `reach` of zero in each coefficient."""

    def truth(problem: Problem, fit: nd.Fit) -> str | None:
        wrong = finite(problem, fit)
        if wrong:
            return wrong
        lower = lowest_known(problem, fit, reach)
        return differs("the lowest deviance", fit.deviance, lower, 1e-7 * abs(lower)) if lower < fit.deviance else None

    return truth


def lowest_known(problem: Problem, fit: nd.Fit, reach: float) -> float:
    """The lowest deviance that a random search finds, from the best of many points and by ever smaller steps."""
    random, p = np.random.default_rng(0), problem.X.shape[1]
    points = random.uniform(-reach, reach, (4000, p))
    best = points[np.argsort(deviances(problem, fit, points))[::4][:20]]
    for size in reach * 0.75 ** np.arange(50):
        tried = best[:, None] + size * random.normal(size=(len(best), 20, p))
        tried[:, 0] = best
        values = deviances(problem, fit, tried.reshape(-1, p)).reshape(len(best), -1)
        best = tried[np.arange(len(best)), np.argmin(values, axis=1)]
    return float(values.min())


def deviances(problem: Problem, fit: nd.Fit, betas: np.ndarray) -> np.ndarray:
    """The deviance at each β (k, p); infinite outside the domain."""
    family, link = fit.family, fit.link
    low, high = link.eta_bounds(family.mean_interval)
    eta = betas @ problem.X.T + problem.exact.offset
    inside = np.all((eta > low) & (eta < high), axis=1)
    with np.errstate(all="ignore"):
        values = family.unit_deviance(problem.y, Mean(link, eta)) @ problem.exact.weights
    return np.where(inside & np.isfinite(values), values, np.inf)


def aliased(*lost: int) -> Callable[[Problem, nd.Fit], str | None]:
    """These columns are combinations of others: their coefficients nan, and all else as without them."""

    def truth(problem: Problem, fit: nd.Fit) -> str | None:
        e, kept = problem.exact, np.setdiff1d(np.arange(problem.X.shape[1]), lost)
        n = len(e.rows)
        saturated = n == len(kept) and not e.family.dispersion_known
        wrong = unsettled(fit, {"Aliased", "PerfectFit"} if saturated else {"Aliased"})
        if wrong:
            return wrong
        if np.flatnonzero(np.isnan(fit.coef)).tolist() != sorted(lost):
            return Misled(f"coefficients {np.asarray(fit.coef)} should be nan at {sorted(lost)}")
        if fit.df_resid != n - len(kept):
            return f"{fit.df_resid} degrees of freedom should be {n - len(kept)}"
        return optimal(Exact(e.X[:, kept], e.y, e.weights, e.offset, e.family, e.link, e.digits), fit, kept)

    return truth


def separated(problem: Problem, fit: nd.Fit) -> str | None:
    """The maximum lies at infinity: the direction is one of recession, and the rest has a certified finite optimum."""
    ray = ray_of(problem, fit, "Separated")
    if isinstance(ray, str):
        return ray
    along, moved = ray
    if np.any(along[moved] * sides(problem)[moved] <= 0):
        return "the direction is not one of recession"
    return limit_agrees(problem, fit, moved, np.clip(problem.y, *limits_of_mean(problem)))


def runaway(problem: Problem, fit: nd.Fit) -> str | None:
    """The lowest deviance that was found lies at infinity: the limit is what is reported."""
    ray = ray_of(problem, fit, "Runaway")
    if isinstance(ray, str):
        return ray
    along, moved = ray
    low, high = limits_of_mean(problem)
    upward = (along > 0) != problem.exact.link.decreasing
    return limit_agrees(problem, fit, moved, np.where(upward, high, low))


def ray_of(problem: Problem, fit: nd.Fit, kind: str) -> tuple[np.ndarray, np.ndarray] | str:
    """How far each row moves along the direction that a finding names (n,), and which move at all (n,)."""
    if kind not in found(fit) or fit.converged or fit.limit is None:
        return f"{kind} is not found: {found(fit)}, {fit.reason}"
    [finding] = [f for f in fit.warnings if type(f).__name__ == kind]
    direction = np.zeros(problem.X.shape[1])
    direction[[fit.names.index(c) for c in finding.columns]] = finding.direction
    length = np.abs(problem.X) @ np.abs(direction)
    along = problem.X @ direction
    moved = np.abs(along) > STILL * np.where(length > 0, length, 1.0)
    if moved.sum() != finding.rows:
        return f"{finding.rows} rows are named where {moved.sum()} move"
    return along, moved


def limits_of_mean(problem: Problem) -> tuple[float, float]:
    """The lowest and the highest mean, where the link reaches them at infinity only; else infinite."""
    link = problem.exact.link
    if link.name in UNIT_LINKS:
        return 0.0, 1.0
    return (0.0 if link.name == "log" or link.decreasing else -np.inf), np.inf


def sides(problem: Problem) -> np.ndarray:
    """Whether η runs to +∞ (+1) or −∞ (−1) for a response at or beyond a limit of its mean; 0 for others (n,)."""
    low, high = limits_of_mean(problem)
    outward = (problem.y >= high).astype(float) - (problem.y <= low)
    return -outward if problem.exact.link.decreasing else outward


def at_limit(mu: float) -> ExactMean:
    """A limiting mean."""
    return ExactMean(mp.mpf(mu), 1 - mp.mpf(mu), mp.mpf(0), mp.mpf(0))


def limit_agrees(problem: Problem, fit: nd.Fit, moved: np.ndarray, means: np.ndarray) -> str | None:
    """Deviance, means, finite coefficients and their standard errors, from the rows that do not move."""
    rest, e = np.flatnonzero(~moved), problem.exact
    pairs = zip(e.weights[moved].tolist(), problem.y[moved].tolist(), means[moved].tolist(), strict=True)
    lost = float(sum(w * e.family.deviance(mp.mpf(y), at_limit(mu)) for w, y, mu in pairs if w > 0 and y != mu))
    if not len(rest):
        return differs("deviance", fit.deviance, lost, 1e-10 * lost) or differs("means", fit.fitted, means, 0.0)
    told = independent(problem.X)
    X = problem.X[np.ix_(rest, told)]
    kept = independent(X)
    eta = np.asarray(fit.predict(kind="link"))[rest] - e.offset[rest]
    units = np.abs(X[:, kept]).max(axis=0)  # else the least of the columns would be lost beside the greatest
    start = np.linalg.lstsq(X[:, kept] / units, eta, rcond=1e-15)[0] / units
    small = Exact(X[:, kept], e.y[rest], e.weights[rest], e.offset[rest], e.family, e.link, e.digits)
    reference = polished(small, start)
    if isinstance(reference, str):
        return f"the rest has no certified optimum: {reference}"
    means[rest] = reference.mu
    total = reference.deviance + lost
    rounding = 1e-15 * float(np.max(np.abs(X[:, kept]) @ np.abs(reference.beta)))  # of η, where no slope exceeds 1
    known = [j for j in range(X.shape[1]) if seen(X, j)]
    identified, place = np.isin(np.arange(problem.X.shape[1]), told[known]), [kept.tolist().index(j) for j in known]
    if not np.array_equal(identified, np.isfinite(fit.coef)):
        return f"finite coefficients {np.isfinite(fit.coef)} should be {identified}"
    return (
        differs("deviance", fit.deviance, total, 1e-8 * total + 1e-12)
        or differs("means", fit.fitted, means, 1e-8 * np.abs(means) + 1e-12 + rounding)
        or differs("coefficients", np.asarray(fit.coef)[identified], reference.beta[place], 1e-6 * reference.se[place])
        or same_errors(fit, reference, (identified, place))
    )


def same_errors(fit: nd.Fit, reference: Optimum, where: tuple[np.ndarray, list[int]]) -> str | None:
    """Standard errors of finite coefficients; as ratios where φ is estimated, whose degrees of freedom are a choice."""
    identified, place = where
    mine, theirs = np.asarray(fit.se)[identified], reference.se[place]
    if not fit.family.dispersion_known and len(mine):
        if not np.isfinite(theirs).all():
            return None  # no degrees of freedom are left
        mine, theirs = mine / mine[0], theirs / theirs[0]
    return differs("standard errors", mine, theirs, 1e-6 * np.abs(theirs))


def independent(X: np.ndarray) -> np.ndarray:
    """The columns (left to right) that are not combinations of those before them."""
    kept: list[int] = []
    unit = X / np.where((size := np.linalg.norm(X, axis=0)) > 0, size, 1.0)
    for j in range(X.shape[1]):
        if np.linalg.matrix_rank(unit[:, [*kept, j]], tol=1e-9) > len(kept):
            kept.append(j)
    return np.array(kept)


def seen(X: np.ndarray, j: int) -> bool:
    """Whether the rows of X determine the coefficient of column j."""
    unit = X / np.where((size := np.linalg.norm(X, axis=0)) > 0, size, 1.0)
    target = np.eye(X.shape[1])[j]
    return bool(np.linalg.norm(np.linalg.pinv(unit, rcond=1e-9) @ (unit @ target) - target) < 1e-7)


def boundary(problem: Problem, fit: nd.Fit) -> str | None:
    """The optimum lies at the edge of the domain: Karush, Kuhn and Tucker's conditions hold at β, and it is said."""
    if "Boundary" not in found(fit):
        return f"nothing is said of the edge: {found(fit)}, {fit.reason}"
    beta, e = np.nan_to_num(np.asarray(fit.coef)), problem.exact  # an aliased column takes no part
    with mp.workdps(e.digits):
        here = e.local([mp.mpf(float(b)) for b in beta])
        score, gross = np.array(here.score, dtype=float), np.array(here.gross, dtype=float)
    eta = problem.X @ beta + e.offset
    scale = max(1.0, float(np.max(np.abs(problem.X) @ np.abs(beta) + np.abs(e.offset))))
    low, high = fit.objective.loss.bounds  # type: ignore[union-attr]
    below, above = np.abs(eta - low) <= 1e-9 * scale, np.abs(eta - high) <= 1e-9 * scale
    if np.any(eta < low) or np.any(eta > high) or not (below | above).any():
        return f"no row is at the edge, or some are beyond it: {eta.min()}, {eta.max()}"
    normals = np.vstack([-problem.X[below], problem.X[above]]).T
    multipliers, _ = nnls(normals / gross[:, None], score / gross)
    left = score - normals @ multipliers
    return differs("the gradient off the edge", left, np.zeros_like(left), 1e-7 * gross)
