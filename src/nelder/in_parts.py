"""Fit a table that is read in parts: learned in one look, loaded part by part, and then fitted as any other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from nelder.completeness import Completeness
from nelder.design import Block
from nelder.engines import Engine, counts_of
from nelder.errors import CapabilityError, DataError
from nelder.fit import Fit, Kept, Terms
from nelder.fitting import Model, fit_objective, fit_rows, objective_over, with_rows
from nelder.formula import Expression, Schema, complete_rows, learn
from nelder.formula.schema import learned_value
from nelder.formula.transforms import State
from nelder.linalg import Array
from nelder.loading import Apart, Fitted, Incomplete, Loader, Look, Part, Read, followed, look, rescaled, spooled
from nelder.loading.looking import Sought
from nelder.model_frame import Asked
from nelder.observations import LARGEST, NO_WEIGHT, Frequency, Observations, Sampling, Weights
from nelder.sources import Partition, Tally
from nelder.trace import Recorder

ARRAY = (
    "the table is read in parts, so that {what} must be an expression on its columns and not an array, whose rows "
    "could not be told from the table's: put it into the table as a column, and name that, as {such}"
)
STAYS = (
    "rows_stay=True: {what} is learned from values of single rows, which stay in their partitions; engine=nd.{engine}("
    "rows_stay=False) lets it out; scale(), center(), poly() and splines with knots=[…] need sums and extremes only"
)


def read_of(wanted: Asked) -> Read:
    """How a row's response and weights are read. Raises CapabilityError for weights that are an array."""
    given = wanted.weights
    if given is None:
        return Read(wanted.formula.response, None)
    kind = given if isinstance(given, Weights) else Weights(given)
    if not isinstance(kind.given, Expression):
        raise CapabilityError(ARRAY.format(what="weights", such="weights='w'"))
    return Read(wanted.formula.response, kind)


def fit_in_parts(model: Model, wanted: Asked, response: str, recorder: Recorder) -> Fit:
    """The fit of a table that is read in parts."""
    read_of(wanted)  # what cannot be read is refused before anything is
    tally = tallied(model, wanted)
    if tally is not None:
        return fit_tally(model, wanted, tally, response, recorder)
    loaded, apart, found = read_table(model, wanted, recorder)
    schema = apart.loader.schema
    terms = Terms(schema.names, response, schema)
    objective = objective_over(model, loaded.handles, terms, loaded)
    with np.errstate(all="ignore"):  # numbers out of range are judged, not announced by NumPy
        fit = fit_objective(objective, model.solver, terms, recorder)
    fit = with_rows(fit, Kept(None, apart.total, apart.chunk, wanted.source, apart), found.complete - loaded.rows)
    return replace(fit, notes=(*found.notes, *fit.notes))


def read_table(model: Model, wanted: Asked, recorder: Recorder) -> tuple[Loaded, Apart, Completeness]:
    """The table as blocks, where its rows are, and its missing values.

    Columns of numbers without gaps need no look, so that all columns are decoded only when they are loaded. Whether
    they have none is a presumption: where it is wrong, all columns are looked at, and kept as decoded until they are
    loaded.
    """
    engine, partitions, told = model.engine, wanted.source.partitions, recorder.reading
    every = sought(wanted, engine)
    few = every.but(gapless(wanted))
    if few.known:
        with suppress(Incomplete):
            return looked_and_loaded(model, wanted, few, (partitions, followed(engine, partitions, told)))
    once = spooled(engine, partitions, wanted.needed, told)
    return looked_and_loaded(model, wanted, every, (once, once))


def looked_and_loaded(
    model: Model, wanted: Asked, sought: Sought, read: tuple[Sequence[Partition], Sequence[Partition]]
) -> tuple[Loaded, Apart, Completeness]:
    """The table as blocks, by two readings, of which later ones know nothing: to learn, and to load."""
    looked = look(model.engine, read[0], sought)
    schema, states = learned(wanted, looked)
    what, together, presumed = read_of(wanted), model.engine.together, tuple(sought.known)
    loader = Loader(schema, model.family, what, wanted.needed, states, together, presumed=presumed)
    parts = [Part(each, begin) for each, begin in zip(read[1], looked.begins, strict=True)]
    loaded = Loaded.of(model, wanted, model.engine.load(parts, loader))
    again = tuple(Part(each, begin) for each, begin in zip(wanted.source.partitions, looked.begins, strict=True))
    fitted = Fitted(model.engine, loaded.handles)
    apart = Apart(wanted.source, again, loader, looked.completeness.total, fitted, loaded.scale)
    return loaded, apart, looked.completeness


def gapless(wanted: Asked) -> Mapping[str, str]:
    """The columns, with their kinds, that are numbers without a gap by what is written of them, and of which nothing
    else is to be learned.
    """
    every = (*wanted.factors, *wanted.others)
    learning = (each for each in every if each.remembers or (each.may_be_categorical and not each.is_column))
    read = {name for each in learning for name in each.columns}
    return {name: kind for name, kind in wanted.source.gapless(wanted.needed).items() if name not in read}


def sought(wanted: Asked, engine: Engine) -> Sought:
    """What the look at the table is for. Raises CapabilityError for columns that are to stay where they are."""
    every = (*wanted.factors, *wanted.others)
    needy = [each for each in every if each.needs_whole]
    told = [each for each in every if each.needs_whole or each.needs_order]
    if told and engine.rows_stay:
        raise CapabilityError(STAYS.format(what=told[0].text, engine=type(engine).__name__))
    whole = (name for each in needy for name in each.columns)
    digested = tuple(each for each in every if each.remembers and not each.needs_whole)
    levels = tuple(each for each in wanted.factors if each.may_be_categorical and not each.remembers)
    return Sought(wanted.needed, levels, tuple(dict.fromkeys(whole)), digested, wanted.missing)


def learned(wanted: Asked, looked: Look) -> tuple[Schema, dict[str, State]]:
    """The schema, and what transforms outside its terms remember."""
    few = (looked.exemplars, np.arange(len(next(iter(looked.exemplars.values())))))
    schema = learn(wanted.formula, *few, looked.whole, looked.digests)
    states: dict[str, State] = {}
    for expression in wanted.others:
        learned_value(expression, states, few, looked.whole, looked.digests)
    return schema, {**schema.states, **states}


@dataclass(frozen=True)
class Loaded:
    """Blocks on their engine: how many observations and rows they have, whether weights are those of a sample, and the
    factor by which such were scaled.
    """

    handles: Sequence[Block]
    counted: float
    rows: int
    sampling: bool
    scale: float = 1.0

    @classmethod
    def of(cls, model: Model, wanted: Asked, handles: Sequence[Block]) -> Loaded:
        """Judge what was loaded, as `observe` does. Raises DataError where no row has a weight."""
        rows = sum(counts_of(handles))
        if not rows:
            raise DataError(NO_WEIGHT)
        sums = model.engine.total(sums_kernel, handles)
        if 0 < sums[1] < 1 / LARGEST:
            raise DataError(f"y has values of size {sums[1]:.0e}, beyond what can be squared: give it in other units")
        if isinstance(wanted.weights, Sampling):
            scale = float(rows / sums[0])
            return cls(rescaled(model.engine, handles, scale), float(rows), rows, True, scale)
        counted = float(sums[0]) if isinstance(wanted.weights, Frequency) else float(rows)
        return cls(handles, counted, rows, False)


def sums_kernel(block: Block) -> Any:
    """Σ of how often rows were observed, and a bound on the size of their responses."""
    return np.array([block.frequency.sum(), np.abs(block.y).max(initial=0.0)])


def tallied(model: Model, wanted: Asked) -> Tally | None:
    """The distinct rows of the table and how often each occurs, counted where the rows are; None where that is not
    wanted, does not pay, or would not give the same fit.

    Raises CapabilityError where it is demanded but not possible.
    """
    if model.compress is False:
        return None
    every = (*wanted.factors, *wanted.others)
    memory = next((expression.text for expression in every if expression.remembers), None)
    hindered = None
    if isinstance(wanted.weights, Sampling):
        hindered = "the errors of a sample are those of its single rows"
    elif memory is not None:
        hindered = f"{memory} is learned from single rows"
    elif not model.engine.holds_rows:
        hindered = f"rows are counted in this process, and engine '{model.engine.name}' keeps them elsewhere"
    elif model.solver is not None and model.solver.by_rows:
        hindered = f"solver '{model.solver.name}' draws single rows"
    tally = None if hindered else wanted.source.tally(wanted.needed, model.engine.memory)
    if tally is None and model.compress is True:
        why = hindered or "the distinct rows of this table are too many, or DuckDB, which counts them, is not installed"
        raise CapabilityError(f"compress=True: {why}; leave out compress=True")
    return tally


def fit_tally(model: Model, wanted: Asked, tally: Tally, response: str, recorder: Recorder) -> Fit:
    """The fit of distinct rows, each as often observed as it occurs: that of all rows, in every number."""
    complete = complete_rows(tally.chunk, wanted.needed)
    found = Completeness.counted(tally.chunk, wanted.needed, complete, tally.counts)
    found.check(wanted.needed, wanted.missing)
    rows = np.flatnonzero(complete)
    chunk = {name: tally.chunk[name].take(rows) for name in wanted.needed}
    schema = learn(wanted.formula, chunk, rows)
    loader = Loader(schema, model.family, read_of(wanted), wanted.needed, schema.states, together=True)
    seen = repeated(loader.observed(chunk, rows), tally.counts[rows], isinstance(wanted.weights, Frequency))
    terms = Terms(schema.names, response, schema)
    fit = fit_rows(replace(model, compress="auto"), schema.parts(chunk, rows), seen, terms, recorder)
    assert fit.kept is not None
    used = np.searchsorted(rows, fit.kept.rows)
    kept = Kept(fit.kept.rows, len(complete), {name: column.take(used) for name, column in chunk.items()})
    counted = f"{found.total:,} rows -> {len(complete):,} distinct ones, exact: what is one a row is one a distinct row"
    return replace(fit, notes=(*found.notes, counted, *fit.notes), kept=kept)


def repeated(seen: Observations, counts: Array, frequencies: bool) -> Observations:
    """Rows of which each was observed so often (n,), beside any `frequencies` that its weight holds."""
    used = seen.weight > 0
    own = np.where(used, seen.weight if seen.precision is None else seen.precision, 1.0)
    counted = np.where(used, counts * (seen.weight / own if frequencies else 1.0), 0.0)
    return replace(seen, weight=seen.weight * counts, precision=own, counted=float(counted.sum()), occurs=counts)
