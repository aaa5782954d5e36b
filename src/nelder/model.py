"""The two calls that fit: `glm`, by formula from a table, and `glm_fit`, from arrays."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from nelder.diagnosis import announce
from nelder.engines import ENGINES, Engine
from nelder.errors import CapabilityError, DataError, InputError, InputTypeError
from nelder.families import FAMILIES, Family
from nelder.fit import Fit, Kept, Terms
from nelder.fitting import Model, fit_rows
from nelder.formula import learn
from nelder.in_parts import ARRAY, fit_in_parts
from nelder.inference.covariances.covariance import design_based
from nelder.links import LINKS
from nelder.mean import Link
from nelder.model_frame import asked, model_frame
from nelder.names import resolve
from nelder.observations import Response, design_of, numeric, observe, same_rows, vector_of
from nelder.penalties import PENALTIES, Penalty
from nelder.solvers import SOLVERS, Solver
from nelder.sources.frames import column_labels
from nelder.trace import Record, recording


def glm(
    formula: str,
    data: object,
    family: str | Family = "gaussian",
    link: str | Link | None = None,
    *,
    weights: object = None,
    offset: object = None,
    solver: str | Solver = "auto",
    penalty: str | Penalty = "unpenalised",
    missing: str = "drop",
    compress: bool | str = "auto",
    watch: Callable[[Record], None] | None = None,
    engine: str | Engine = "threads",
) -> Fit:
    """Fit a generalized linear model by formula, as R's glm.

    `data` is a pandas, Polars or Arrow table, a dictionary of columns, the path of CSV or Parquet files or of their
    folder, or a query by `nd.sql`. Rows that do not fit into memory are read in parts, and `engine` says where they are
    worked on: here (`nd.Threads(memory="1GB")`), or on a cluster.
    `family`, `link`, `solver` and `penalty` take a name, as "poisson" (an unknown one is answered with those known), or
    an object, as `nd.Tweedie(1.5)`; `link=None` is the family's own, and solver="auto" the one that suits.
    `weights` are prior weights (an array or an
    expression on the data), or say what else they are: `nd.frequency(counts)`, `nd.sampling(weights)`. `offset` is an
    array or an expression, beside any offset() in the formula. Rows with a missing value in a column that is used are
    dropped and counted, or with missing="error" refused. `compress` says whether rows with equal covariates are solved
    as one, which changes no number: "auto" where that pays, True or False. `watch` is called with each step, as
    `nd.progress()` is.

    Raises an `nd.NelderError` that says what was given, what is allowed and what to do.
    """
    model = replace(resolve_model(family, link, solver, penalty, engine), compress=compression(compress))
    if isinstance(offset, str):
        formula, offset = f"{formula} + offset({offset})", None
    same_rows(data, {"weights": weights, "offset": offset})
    wanted, response = asked(formula, data, weights, missing), formula.partition("~")[0].strip()
    if model.engine.reads_in_parts(wanted.source.size(wanted.needed)):
        if offset is not None:
            raise CapabilityError(ARRAY.format(what="offset", such="offset='log(years)'"))
        with recording(watch) as recorder:
            fit = fit_in_parts(model, wanted, response, recorder)
        announce(fit.warnings)
        return design_based(fit)
    frame = model_frame(wanted)
    schema = learn(wanted.formula, frame.chunk, frame.rows)
    added = schema.offset(frame.chunk, frame.rows) + frame.offset(offset)
    seen = observe(model.family, Response(frame.response(), response), frame.weights(), added, frame.rows)
    terms = Terms(schema.names, response, schema, offset is not None)
    with recording(watch) as recorder:
        fit = fit_rows(model, schema.parts(frame.chunk, frame.rows), seen, terms, recorder)
    announce(fit.warnings)
    assert fit.kept is not None
    kept = Kept(fit.kept.rows, frame.total, frame.at(fit.kept.rows), data)
    return design_based(replace(fit, notes=(*frame.notes, *fit.notes), kept=kept))


def glm_fit(
    X: object,
    y: object,
    family: str | Family = "gaussian",
    link: str | Link | None = None,
    *,
    weights: object = None,
    offset: object = None,
    solver: str | Solver = "auto",
    penalty: str | Penalty = "unpenalised",
    names: Sequence[str] | None = None,
    compress: bool | str = "auto",
    watch: Callable[[Record], None] | None = None,
) -> Fit:
    """Fit a generalized linear model from arrays, as R's glm.fit.

    X (n, p), an array or a SciPy sparse matrix, is used as it is: an intercept is a column of ones in it. y (n,), or
    (n, 2) successes and failures. The other arguments are those of `glm`; weights and offset are arrays (n,). `names`
    are those of the columns, x1 to xp by default.

    Raises an `nd.NelderError` that says what was given, what is allowed and what to do.
    """
    model = replace(resolve_model(family, link, solver, penalty), compress=compression(compress))
    labels = names if names is not None else column_labels(X)
    same_rows(X, {"y": y, "weights": weights, "offset": offset})
    columns = design_of(X, "X")
    n, p = columns.X.shape
    named = column_names(labels, p)
    given = numeric(y, "y")
    pair = given.ndim == 2 and given.shape[1] == 2
    response = [vector_of(column, "y", n) for column in given.T] if pair else [vector_of(given, "y", n)]
    added = np.broadcast_to(0.0, n) if offset is None else vector_of(offset, "offset", n)
    # all that is kept of rows that are the caller's
    rows: NDArray[np.integer] = np.arange(n, dtype=np.int32 if n < 2**31 else np.int64)
    seen = observe(model.family, Response(response), weights, added, rows)
    terms = Terms(named, "y", offset_given=offset is not None)
    with recording(watch) as recorder:
        fit = fit_rows(model, (columns,), seen, terms, recorder)
    announce(fit.warnings)
    return design_based(fit)


def column_names(labels: object, p: int) -> tuple[str, ...]:
    """The names of p columns: those given, or x1 to xp. Raises DataError where they are too few, too many or not
    distinct.
    """
    if labels is None:
        return tuple(f"x{j + 1}" for j in range(p))
    if isinstance(labels, str) or not isinstance(labels, Iterable):
        raise InputTypeError(f"names must be a list of texts, not {type(labels).__name__}")
    named = tuple(str(label) for label in labels)
    if len(named) != p or len(set(named)) < p:
        raise DataError(f"names has {len(set(named))} distinct names for {p} columns of X; it needs one a column")
    return named


def compression(given: object) -> bool | str:
    """Checked `compress`."""
    if isinstance(given, bool | np.bool_):
        return bool(given)
    if isinstance(given, str) and given == "auto":
        return given
    raise InputError(f"compress is True, False or 'auto', not {given!r:.60}")


def resolve_model(family: object, link: object, solver: object, penalty: object, engine: object = "threads") -> Model:
    """Names or objects as a Model."""
    chosen = resolve("family", FAMILIES, family, Family)
    return Model(
        chosen,
        chosen.default_link if link is None else resolve("link", LINKS, link, Link),
        resolve("penalty", PENALTIES, penalty, Penalty),
        None if isinstance(solver, str) and solver == "auto" else resolve("solver", SOLVERS, solver, Solver),
        resolve("engine", ENGINES, engine, Engine),
    )
