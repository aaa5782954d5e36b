"""The objective: half the deviance of a design under a family and a link, plus a penalty, as sums over blocks of rows.

Half the deviance is minus the log-likelihood up to a constant and up to φ, zero at a perfect fit, and defined for quasi
families too. Everything a solver sees of the data is one of the sums below; each is a kernel that runs where the rows
are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nelder.arrow import Matrix
from nelder.closing import Closing, closing_gram_kernel, closing_kernel, closing_slope_kernel
from nelder.design import Block, Design, Ray, block_rows, stacked, stretches
from nelder.engines import Engine, counts_of, pattern_of
from nelder.kernels import (
    ROUNDING,
    Form,
    Slope,
    Totals,
    basis_kernel,
    block_kernel,
    diagonal_kernel,
    drawn_kernel,
    forms_kernel,
    level_kernel,
    movement_kernel,
    noise_kernel,
    product_kernel,
    quadratic_kernel,
    rate_kernel,
    residual_kernel,
    sample_kernel,
    saturated_kernel,
    slope_kernel,
    start_kernel,
    totals_kernel,
    turn_kernel,
    values_kernel,
    weighted_kernel,
)
from nelder.lazy import lazy
from nelder.linalg import Array
from nelder.loss import Loss, NaturalLoss
from nelder.penalties import Penalty
from nelder.quadratic import Diagonal, Gram, Implicit, Quadratic
from nelder.responses import COUNTED, Responses, responses_kernel

SUMMED = 512  # numbers that BLAS adds one after the other in a slice; where they are alike, so are their roundings
DROWNING = 1e6  # times the size of deviances: a constant that leaves them some nine digits
AUDIBLE = 1e-22  # of φ: a bound on rounding above this is replaced by a sum over the rows


@dataclass(frozen=True)
class Objective:
    """design × loss (family, link) × penalty, on an engine. Values are half deviances plus the penalty; of a loss whose
    values lack a constant, `lacking` is that.

    `sampling` says that weights are those of a sample: then there is no likelihood, but a pseudo-likelihood.
    """

    design: Design
    loss: Loss
    penalty: Penalty
    engine: Engine
    sampling: bool = False
    lacking: float = 0.0

    @lazy
    def free(self) -> Array:
        """1 for coefficients that a penalty may hold, 0 for intercepts (p,)."""
        return np.asarray(self.design.constant == 0, dtype=float)

    @lazy
    def holds(self) -> bool:
        """Whether the penalty holds any coefficient."""
        return bool(self.penalty.strength(self.free).any())

    @property
    def is_quadratic(self) -> bool:
        """Whether the objective is a parabola, so that one Newton step from anywhere is the answer."""
        return self.loss.family.constant_variance and self.loss.link.linear

    def dispersion_at(self, value: float) -> float:
        """φ for judging distances at a value of the objective: 1 where it is known, else the mean deviance."""
        return 1.0 if self.loss.family.dispersion_known else 2.0 * value / self.design.n

    @property
    def is_convex(self) -> bool:
        """Whether there can be only one minimum."""
        return self.loss.link.name in self.loss.family.convex_links

    def quadratic(self, beta: Array, form: Form = Gram, observed: bool = False, closing: bool = False) -> Quadratic:
        """The local model at β (p,): an Implicit with expected weights where the design is wide. A Triangle takes
        observed weights where they are positive. `closing` where a fit may end: a Gram of expected weights then comes
        with what is seen there.
        """
        if self.design.wide:
            return self.penalty.added_to(self.implicit(beta), beta, self.free)
        observed = observed and self.loss.link != self.loss.family.canonical
        if closing and form is Gram and not observed:  # it looks at deviances
            model = self.over_rows(closing_gram_kernel, beta, self.loss)
        else:
            model = self.over_rows(quadratic_kernel, beta, self.loss, form, observed)
            if self.lacking:
                blur = model.blur + self.mist(model.value)
                model = replace(model, value=model.value + self.lacking, blur=blur)
        if isinstance(model, Gram) and model.noise > AUDIBLE * self.dispersion_at(model.value):
            noise, blur = self.over_rows(noise_kernel, beta, self.loss, observed)
            model = replace(model, noise=float(noise), blur=float(blur))
        return self.penalty.added_to(model, beta, self.free)

    def implicit(self, beta: Array) -> Implicit:
        """The same without a matrix: products with it are made where the rows are, which keep their weights for them
        once one is asked for.
        """
        engine, weighted = (
            self.engine,
            cache(lambda: self.engine.derive(weighted_kernel, self.design.handles, beta, self.loss)),
        )

        def product(direction: Array) -> Array:
            total: Array = engine.total(product_kernel, weighted(), direction)
            return total

        sums: Diagonal = self.over_rows(diagonal_kernel, beta, self.loss)
        return Implicit(sums.value, sums.gradient, sums.diagonal, product, sums.width, sums.noise, sums.blur)

    def slope(self, beta: Array, closing: bool = False) -> Slope:
        """Value and gradient (p,) at β, for half the price of a Gram; `closing` where a fit may end, with what is seen
        there.
        """
        kernel = closing_slope_kernel if closing else slope_kernel
        total: Slope = self.over_rows(kernel, beta, self.loss)
        lacking, mist = (0.0, 0.0) if closing else (self.lacking, self.mist(total.value))  # it looks at deviances
        value = lacking + self.penalty.value(beta, self.free)
        return total + Slope(value, self.penalty.gradient(beta, self.free), mist)

    def fine_gradient(self, beta: Array) -> Array:
        """The gradient (p,) at β where the objective is quadratic, to some twenty bits more."""
        total = self.over_rows(residual_kernel, beta)
        return self.penalty.gradient(beta, self.free) - total.rounded

    def information_in(self, basis: Array, beta: Array) -> Array:
        """B'HB (p, p): the expected information at β, with the penalty's, in a basis B (p, p)."""
        total: Array = self.over_rows(basis_kernel, beta, self.loss, basis)
        return total + basis.T @ (self.penalty.strength(self.free)[:, None] * basis)

    def turned(self, beta: Array, ahead: Array) -> Matrix:
        """How the expected information changes from one β (p,) to another."""
        turn: Matrix = self.over_rows(turn_kernel, beta, ahead, self.loss)
        return turn

    def movement(self, beta: Array, ahead: Array) -> float:
        """The largest relative change on its diagonal."""
        before, after = self.over_rows(movement_kernel, beta, ahead, self.loss).T
        return float(np.max(np.abs(after / before - 1.0), initial=0.0))

    def values(self, betas: Array) -> Array:
        """The objective at each of betas (k, p): a whole line search in one pass."""
        total = self.over_rows(values_kernel, betas, self.loss) + self.lacking
        if not self.holds:
            return total
        return total + np.array([self.penalty.value(beta, self.free) for beta in betas])

    def mist(self, value: float) -> float:
        """How much rounding can change the sum of a value and what it lacks."""
        return SUMMED * ROUNDING * (abs(value) + abs(self.lacking)) if self.lacking else 0.0

    def in_natural_form(self) -> Objective:
        """The same objective by `NaturalLoss`, where what that lacks is not so large that deviances drown in it."""
        level = self.level_of(self.mean_response)
        if level is None:
            return self
        loss = NaturalLoss(self.loss.family, self.loss.link)
        deviance, natural = self.over_responses(forms_kernel, level, self.loss, loss)
        lacking, size = float(deviance - natural), self.design.n if self.loss.family.dispersion_known else deviance
        return replace(self, loss=loss, lacking=lacking) if abs(lacking) <= DROWNING * size else self

    def start(self, form: Form = Gram) -> Quadratic:
        """The model of the first weighted least squares; see `start_kernel`."""
        return self.over_rows(start_kernel, self.loss, form, self.mean_response)

    def sample(self, many: int) -> list[tuple[Array, Array]]:
        """Some rows of each block; see `sample_kernel`."""
        return self.engine.map(sample_kernel, self.design.handles, self.loss, many, self.mean_response)

    def totals(self, beta: Array | Ray, fine: bool = False) -> Totals:
        """Deviance and Pearson's X² at β, without the penalty; `fine` takes more digits of η."""
        return self.completed(self.over_rows(totals_kernel, beta, self.loss, fine), beta)

    def closing(self, beta: Array, delta: Array, fine: bool = False) -> Closing:
        """What the rows show at β and β + δ (p,)."""
        seen: Closing = self.over_rows(closing_kernel, beta, delta, self.loss, fine)
        return replace(seen, totals=self.completed(seen.totals, beta))

    def completed(self, totals: Totals, beta: Array | Ray) -> Totals:
        """Sums over the handles with what these do not show: nothing, save where they are cells of rows."""
        return totals

    def loglik(self, deviance: float, phi: float) -> float:
        """The log-likelihood at a deviance and φ: infinite at φ = 0, where a perfect fit leaves a density without
        limit; nan where there is none.
        """
        if self.sampling or not self.loss.family.has_likelihood:
            return np.nan
        if phi == 0:
            return np.inf
        return float(self.over_responses(saturated_kernel, self.loss, phi)) - 0.5 * deviance / phi

    @property
    def responses(self) -> Responses:
        """What the responses show, looked at once for a design; they are tallied where that may leave their parts."""
        seen = self.design.seen
        if "responses" not in seen:
            tallying = self.design.rows > COUNTED and not self.engine.rows_stay
            seen["responses"] = self.over_rows(responses_kernel, tallying)
        found: Responses = seen["responses"]
        return found

    def over_rows(self, kernel: Callable[..., Any], *small: Any) -> Any:
        """The sum of a kernel over all rows, wherever they are."""
        return self.engine.total(kernel, self.design.handles, *small)

    def over_responses(self, kernel: Callable[..., Any], *small: Any) -> Any:
        """The sum of a kernel that looks at responses and weights alone: over a row for each that occurs, where they
        are tallied.
        """
        tally = self.responses.tally
        return self.over_rows(kernel, *small) if tally is None else kernel(tally, *small)

    @property
    def mean_response(self) -> float:
        """Σ w y / Σ w."""
        return self.responses.total / self.responses.weight

    @property
    def total_weight(self) -> float:
        """Σ w."""
        return self.responses.weight

    @property
    def has_offset(self) -> bool:
        """Whether any offset is not zero."""
        return self.responses.has_offset

    @lazy
    def is_exposed(self) -> bool:
        """Whether the offset is an exposure: it multiplies the mean, and a power of it the variance."""
        loss = self.loss
        return self.has_offset and loss.link.multiplicative and loss.family.variance_power is not None

    @lazy
    def level(self) -> float | None:
        """The η that fits best where it is the same in every row, offset apart; None where that is not known or not
        allowed.
        """
        if self.has_offset and not self.is_exposed:
            return None
        if not self.has_offset:
            return self.level_of(self.mean_response)
        power = self.loss.family.variance_power
        claims, exposure = self.over_rows(rate_kernel, power)
        return self.level_of(float(claims / exposure)) if exposure > 0 else None

    def level_of(self, mean: float) -> float | None:
        """The η of a mean; None where it is not allowed."""
        low, high = self.loss.mean_bounds
        eta = self.loss.link.link(np.asarray(mean)) if low < mean < high else np.nan
        return float(eta) if np.isfinite(eta) else None

    def value_at_level(self, eta: float) -> float:
        """Half the deviance where η is the same in every row, offset apart."""
        if not self.has_offset:
            return float(self.over_responses(level_kernel, eta, self.loss))
        return float(self.over_rows(level_kernel, eta, self.loss))

    def without(self, rows: NDArray[np.integer]) -> Objective:
        """The same objective without the rows at these positions."""
        kept, before = [], 0
        for count in self.design.counts:
            inside = np.ones(count, dtype=bool)
            inside[rows[(rows >= before) & (rows < before + count)] - before] = False
            kept.append((np.flatnonzero(inside),))
            before += count
        handles = self.engine.derive(Block.rows, self.design.handles, each=kept)
        return replace(self, design=replace(self.design, handles=handles))

    def among(self, many: int) -> Objective:
        """The same objective on the rows of so many blocks, evenly spaced, where blocks are in this process; else on
        all of them.
        """
        design, apart = self.design, len(self.design.handles) // many
        if not self.engine.holds_rows or apart < 2:
            return self
        return self.on(design.handles[::apart])

    def on(self, handles: Sequence[Block]) -> Objective:
        """The same objective on blocks of some of its rows."""
        design, rows = self.design, sum(counts_of(handles))
        return replace(self, design=replace(design, handles=handles, n=design.n * rows / design.rows))

    def sampled(self, size: int) -> Objective:
        """The same objective on about `size` rows drawn without replacement, the same ones each time."""
        design, share = self.design, size / self.design.rows
        handles: Sequence[Block] = design.handles
        if self.engine.holds_rows:  # few rows of many blocks are many rows of few
            together = stretches(design.counts, block_rows(pattern_of(handles), size) / share)
            blocks = [stacked(self.engine.draw(drawn_kernel, handles[few], share)) for few in together]
            handles = self.engine.hold(blocks)
        else:
            handles = self.engine.draw(drawn_kernel, handles, share)
        return self.on(handles)

    def batches(self, random: np.random.Generator, size: int) -> Iterator[Block]:
        """The rows in random order, in batches of at most `size`; each is taken from where its block is, if that is
        this process or a file of it.
        """
        handles, here = self.design.handles, self.engine.holds_rows
        handles = handles if here else self.engine.map(block_kernel, handles)
        chosen: list[tuple[int, NDArray[np.integer]]] = []
        for place, n in enumerate(counts_of(handles)):
            order = random.permutation(n).astype(np.min_scalar_type(n))
            chosen += [(place, order[i : i + size]) for i in range(0, n, size)]
        for k in random.permutation(len(chosen)):
            place, rows = chosen[k]
            one = handles[place : place + 1]
            yield from self.engine.map(Block.rows, one, rows) if here else (block.rows(rows) for block in one)
