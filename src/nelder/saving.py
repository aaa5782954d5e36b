"""Fits as JSON: versioned, without pickle and without the data, safe to open from an untrusted hand.

A file holds names, coefficients, information, statistics and the formula with what it learned. Loading checks every
part of it: expressions pass the same allow-list as anywhere, families and links come from the registries, and shapes
must agree.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from nelder.arrow import Variances
from nelder.design import Ray
from nelder.diagnosis import Remembered
from nelder.errors import NelderError, SavedFitError, a_path
from nelder.families import FAMILIES, Family
from nelder.fit import Fit, Limit, Shape, Solved, Statistics, Terms, Uncertainty
from nelder.formula.saved import schema_from_json, schema_to_json
from nelder.inference.dispersions import METHODS
from nelder.inference.estimable import aliases_of, settled_by
from nelder.inference.variances import root_to_keep
from nelder.linalg import Array
from nelder.links import LINKS
from nelder.mean import Link
from nelder.table import Named
from nelder.writing import write_whole

FORMAT, VERSION = "nelder-fit", 1
Kind = TypeVar("Kind")
Given = TypeVar("Given", Family, Link)


def save(fit: Fit, path: str | Path) -> None:
    """Write a fit to a file; numbers survive to the last digit. The file replaces an old one only once it is whole."""
    write_whole(path, json.dumps(_plain(to_json(fit)), indent=1, allow_nan=False), SavedFitError)


def load(path: str | Path, family: Family | None = None, link: Link | None = None) -> Fit:
    """Read a fit that `save` wrote. A family or link of one's own is not in the file and must be given again: the same.

    Raises SavedFitError saying what is wrong with the file, InputTypeError for what is not a path.
    """
    file = a_path(path, "the path of a saved fit", SavedFitError)
    try:
        text = file.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise SavedFitError(f"{str(path)!r}: there is no such file") from None
    except (OSError, UnicodeDecodeError) as problem:
        raise SavedFitError(f"{str(path)!r} cannot be read: {problem}") from None
    try:
        return from_json(_numbers(json.loads(text, parse_constant=_refuse_constant, parse_float=_finite)), family, link)
    except NelderError as problem:
        raise SavedFitError(f"{str(path)!r} is not a fit that can be used: {problem}") from None
    except (KeyError, TypeError, ValueError, AttributeError, IndexError, RecursionError, OverflowError) as problem:
        said = f"{type(problem).__name__}: {problem}"
        raise SavedFitError(f"{str(path)!r} is not a saved fit, or a damaged one ({said[:200]})") from None


def to_json(fit: Fit) -> dict[str, Any]:
    """The parts of a fit as dictionaries, lists, texts and numbers."""
    terms = fit.terms
    return {
        "format": FORMAT,
        "version": VERSION,
        "names": list(terms.names),
        "coef": np.asarray(fit.coef).tolist(),
        **_unscaled_to_json(fit),
        "root": _root_to_json(fit),
        "family": _named(fit.family),
        "link": _named(fit.link),
        "statistics": asdict(fit.statistics),
        "solved": asdict(fit.solved),
        "shape": asdict(fit.shape) if fit.shape is not None else None,
        "dispersion_by": fit.dispersion_by,
        "uncertainty": _uncertainty_to_json(fit.uncertainty),
        "response": terms.response,
        "offset_given": terms.offset_given,
        "schema": schema_to_json(terms.schema) if terms.schema is not None else None,
        "limit": _limit_to_json(fit),
        "combination": _combination_to_json(fit),
        "warnings": [finding.sentence for finding in fit.warnings],
        "notes": list(fit.notes),
    }


def from_json(saved: Any, family: Family | None, link: Link | None) -> Fit:
    """The fit again, after checks."""
    if not isinstance(saved, dict) or saved.get("format") != FORMAT:
        raise SavedFitError("it does not say that it is a nelder fit")
    if saved["version"] != VERSION:
        raise SavedFitError(f"it has version {saved['version']!r}; this nelder reads version {VERSION}")
    names = tuple(_text(name) for name in _list(saved["names"]))
    p = len(names)
    schema = schema_from_json(saved["schema"]) if saved["schema"] is not None else None
    if schema is not None and schema.names != names:
        raise SavedFitError("its formula does not give its coefficients")
    made = _given("family", family, saved["family"]) or _made("family", FAMILIES, saved["family"], Family)
    made.require_shape("a saved fit")
    fit = Fit(
        Named(_array(saved["coef"], (p,), infinite=saved["limit"] is not None), names),
        _unscaled_from_json(saved, p),
        made,
        _given("link", link, saved["link"]) or _made("link", LINKS, saved["link"], Link),
        _statistics(saved["statistics"]),
        Terms(names, _text(saved["response"]), schema, _flag(saved["offset_given"])),
        _solved(saved["solved"]),
        limit=_limit_from_json(saved["limit"], p),
        combination=_array(saved["combination"], (p, p)) if saved["combination"] is not None else None,
        warnings=tuple(Remembered(_text(words)) for words in _list(saved["warnings"])),
        notes=tuple(_text(note) for note in _list(saved["notes"])),
        shape=_shape(saved.get("shape")),
        dispersion_by=_known(_text(saved.get("dispersion_by", "pearson")), (*METHODS, "given")),
    )
    uncertainty = _uncertainty_from_json(saved.get("uncertainty"), int((~fit.aliased).sum()))
    return replace(fit, uncertainty=uncertainty, root=_root_from_json(saved.get("root"), fit))


def _unscaled_to_json(fit: Fit) -> dict[str, Any]:
    """The covariance, or the variances alone, or neither where there is none."""
    alone = isinstance(fit.unscaled, Variances)
    matrix = None if alone or fit.withholds_errors else fit.covariance_unscaled.tolist()
    return {"covariance_unscaled": matrix, "variances_unscaled": fit.unscaled.diagonal().tolist() if alone else None}


def _unscaled_from_json(saved: Mapping[str, Any], p: int) -> Array | Variances:
    if saved.get("variances_unscaled") is not None:
        variances = _array(saved["variances_unscaled"], (p,))
        if not (variances >= 0).all():
            raise SavedFitError("its variances are not variances")
        return Variances(variances)
    if saved["covariance_unscaled"] is None:
        return np.broadcast_to(np.nan, (p, p))
    covariance = _array(saved["covariance_unscaled"], (p, p))
    if not is_covariance(covariance):
        raise SavedFitError("its covariance is not a covariance")
    return covariance


def _root_to_json(fit: Fit) -> list[Any] | None:
    root = root_to_keep(fit)
    return None if root is None else root.tolist()


def _root_from_json(saved: Any, fit: Fit) -> Array | None:
    if saved is None:
        return None
    kept = np.flatnonzero(~fit.aliased)
    root, covariance = _array(saved, (len(kept), len(kept))), fit.covariance_unscaled[np.ix_(kept, kept)]
    with np.errstate(all="ignore"):  # where a number of a damaged file is enormous, it is not one either
        size = np.linalg.norm(root, axis=1)
        fits = np.abs(root @ root.T - covariance) <= 1e-6 * size * size[:, None]
    if not fits.all() or not np.isfinite(size).all():
        raise SavedFitError("its root is not one of its covariance")
    return root


def is_covariance(matrix: Array) -> bool:
    """Whether a matrix, apart from the nan of aliased rows, is symmetric and positive semidefinite to rounding."""
    kept = np.flatnonzero(~np.isnan(np.diagonal(matrix)))
    inner = matrix[np.ix_(kept, kept)]
    if np.isnan(inner).any() or (np.diagonal(inner) < 0).any() or not np.allclose(inner, inner.T, rtol=1e-10, atol=0):
        return False
    size = np.sqrt(np.where(np.diagonal(inner) > 0, np.diagonal(inner), 1.0))
    return bool(len(kept) == 0 or np.linalg.eigvalsh(inner / size / size[:, None])[0] > -1e-8)


def _uncertainty_to_json(uncertainty: Uncertainty | None) -> dict[str, Any] | None:
    if uncertainty is None:
        return None
    return {"name": uncertainty.name, "covariance": uncertainty.covariance.tolist(), "df": uncertainty.df}


def _uncertainty_from_json(saved: Any, k: int) -> Uncertainty | None:
    if saved is None:
        return None
    covariance, df = _array(saved["covariance"], (k, k)), _number(saved["df"])
    if not is_covariance(covariance) or not df > 0:
        raise SavedFitError("its robust covariance is not a covariance")
    return Uncertainty(_text(saved["name"]), covariance, df)


def _combination_to_json(fit: Fit) -> list[Any] | None:
    """What the aliased columns are of the others, without rounding that only the rows can tell."""
    aliases = aliases_of(fit)
    return None if aliases is None else np.where(fit.aliased, aliases.pattern, 0.0).tolist()


def _limit_to_json(fit: Fit) -> dict[str, Any] | None:
    limit = fit.limit
    if limit is None:
        return None
    ray, known = limit.ray, fit.objective is not None or limit.settled is not None
    settled = settled_by(fit) if known else None
    arrays = {"base": ray.base, "direction": ray.direction, "covariance": ray.covariance, "aliased": limit.aliased}
    return {**{name: array.tolist() for name, array in arrays.items()}, "unique": limit.unique} | {
        "settled": None if settled is None else settled.pattern.tolist()
    }


def _limit_from_json(saved: Any, p: int) -> Limit | None:
    if saved is None:
        return None
    covariance = _array(saved["covariance"], (p, p))
    aliased = np.array([_flag(flag) for flag in _list(saved["aliased"])], dtype=bool)
    if aliased.shape != (p,) or not is_covariance(covariance):
        raise SavedFitError("its limit does not fit its coefficients")
    ray = Ray(_array(saved["base"], (p,)), _array(saved["direction"], (p,)), covariance)
    k, settled = int((~aliased).sum()), saved.get("settled")
    return Limit(ray, aliased, _flag(saved["unique"]), None if settled is None else _array(settled, (k, k)))


def _statistics(saved: Mapping[str, Any]) -> Statistics:
    values = {name: _number(saved[name]) for name in Statistics.__dataclass_fields__}
    for name, value in values.items():
        if value < 0 and name not in ("loglik", "df_null"):
            raise SavedFitError(f"its {name} is negative")
    if not 0 < values["n"] < math.inf:
        raise SavedFitError("it has no observations")
    return Statistics(**values)


def _solved(saved: Mapping[str, Any]) -> Solved:
    words = {name: _text(saved[name]) for name in ("solver", "reason", "form", "penalty")}
    return Solved(steps=int(_number(saved["steps"])), converged=_flag(saved["converged"]), **words)


def _known(word: str, words: Iterable[str]) -> str:
    if word not in words:
        raise SavedFitError(f"{word!r:.80} stands where one of {', '.join(words)} should")
    return word


def _shape(saved: Any) -> Shape | None:
    if saved is None:
        return None
    value, se = _number(saved["value"]), _number(saved["se"])
    if not (value > 0 and not se < 0):
        raise SavedFitError("its shape parameter is not positive")
    return Shape(_text(saved["name"]), value, se, _flag(saved["estimated"]))


def _made(kind: str, known: Mapping[str, Callable[..., Kind]], saved: Mapping[str, Any], base: type[Any]) -> Kind:
    """A family or link from its name and options."""
    options = {key: value for key, value in saved.items() if key != "name"}
    name = _text(saved["name"])
    if name not in known:
        raise SavedFitError(
            f"it needs the {kind} {name!r}, which is not nelder's own: load it with {kind}= the object of the fit"
        )
    if not all(isinstance(value, int | float | str) and not isinstance(value, bool) for value in options.values()):
        raise SavedFitError(f"the options of its {kind} are not numbers or texts")
    made = known[name](**options)
    assert isinstance(made, base)
    return made


def _named(chosen: Family | Link) -> dict[str, Any]:
    """A family or link by its name and options."""
    return {"name": chosen.name, **chosen.options()}


def _given(kind: str, given: Given | None, saved: Mapping[str, Any]) -> Given | None:
    """A family or link that was given again. Raises SavedFitError for another than that of the fit."""
    if given is not None and _numbers(json.loads(json.dumps(_plain(_named(given))))) != saved:
        raise SavedFitError(
            f"its {kind} is {_words(saved)}, and {kind}= is {_words(_named(given))}: give that of the fit"
        )
    return given


def _words(named: Mapping[str, Any]) -> str:
    """A family or link by its name and options, as {'name': 'tweedie', 'power': 1.5} is 'tweedie' with power 1.5."""
    options = ", ".join(f"{option} {value}" for option, value in named.items() if option != "name")
    return f"{named['name']!r:.80}" + (f" with {options:.80}" if options else "")


def _plain(value: Any) -> Any:
    """JSON has no nan and no infinities: they are written as texts."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return {"number": str(value)}
    return value


def _numbers(value: Any) -> Any:
    """The inverse of `_plain`."""
    if isinstance(value, dict):
        if set(value) == {"number"} and value["number"] in ("nan", "inf", "-inf"):
            return float(value["number"])
        return {key: _numbers(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_numbers(item) for item in value]
    return value


def _refuse_constant(name: str) -> float:
    raise SavedFitError(f"it holds {name}, which is not JSON")


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise SavedFitError(f"it holds {text}, which no float can")
    return number


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise SavedFitError(f"{value!r:.80} stands where true or false should")
    return value


def _list(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise SavedFitError(f"{value!r:.80} stands where a list should")
    return value


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise SavedFitError(f"{value!r:.80} stands where a text should")
    return value


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise SavedFitError(f"{value!r:.80} stands where a number should")
    return float(value)


def _numeric(value: Any) -> Any:
    """Lists of lists of numbers, every one of them a number."""
    return [_numeric(item) for item in value] if isinstance(value, list) else _number(value)


def _array(value: Any, shape: tuple[int, ...], infinite: bool = False) -> Array:
    array = np.array(_numeric(value), dtype=float)
    if array.shape != shape or (np.isinf(array).any() and not infinite):
        raise SavedFitError(f"an array of shape {array.shape} stands where {shape} should")
    return array
