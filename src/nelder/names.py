"""From a name such as "poisson", "power(-2)" or "tweedie(power=1.5)", or from an object, to the object."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

from nelder.errors import InputError, InputTypeError, UnknownNameError, unknown_name

Kind = TypeVar("Kind")
CALL = re.compile(r"\s*([A-Za-z_][\w.]*)\s*(?:\((.*)\))?\s*")

# what other software calls our things, only to say our name in the error
ELSEWHERE = {
    "normal": "gaussian",
    "bernoulli": "binomial",
    "logistic": "binomial",
    "nb": "negative_binomial",
    "negativebinomial": "negative_binomial",
    "nbinom": "negative_binomial",
    "inverse.gaussian": "inverse_gaussian",
    "inversegaussian": "inverse_gaussian",
    "wald": "inverse_gaussian",
    "1/mu^2": "inverse_squared",
    "ols": "closed_form",
    "gd": "gradient_descent",
    "sgd": "stochastic_gradient_descent",
}


def listed(values: object) -> list[object]:
    """One value or several as a list."""
    if isinstance(values, str) or not isinstance(values, Iterable):
        return [values]
    return list(values)


def resolve(kind: str, known: Mapping[str, Callable[..., Kind]], given: object, base: type[Any]) -> Kind:
    """The object that `given` means: itself if it is one, else what its name makes.

    Raises UnknownNameError naming the nearest known name, InputError for arguments it does not take and InputTypeError
    for anything that is neither a name nor a `base`.
    """
    if not isinstance(given, str):
        return _object(kind, given, base)
    match = CALL.fullmatch(given)
    name = match[1] if match else given
    if name not in known:
        ours = ELSEWHERE.get(name.lower())
        if ours in known:
            raise UnknownNameError(f"unknown {kind} {given!r}: did you mean {ours!r}? That is its name here")
        raise unknown_name(kind, given, known)
    positional, keyed = _arguments(kind, given, match[2] or "" if match else "")
    try:
        return known[name](*positional, **keyed)
    except InputTypeError as problem:
        raise InputError(f"{kind} {given!r}: {problem}") from None
    except TypeError:
        signature = inspect.signature(known[name])
        takes = ", ".join(signature.parameters)
        try:
            signature.bind(*positional, **keyed)
        except TypeError as mismatch:
            raise InputError(f"{kind} {given!r}: {mismatch}; it takes {name}({takes}), such as '{name}(1.5)'") from None
        raise


def _object(kind: str, given: object, base: type[Any]) -> Any:
    """An object of a `base` as it is, and of a class of such objects one without arguments."""
    if isinstance(given, type) and issubclass(given, base):
        chosen: Callable[[], object] = given
        try:
            given = chosen()
        except TypeError as problem:
            raise InputError(f"{kind}: {problem}; give an object of it, with its arguments") from None
    if isinstance(given, base):
        return given
    raise InputTypeError(f"{kind} must be a name or a nelder {base.__name__}, not {type(given).__name__}: {given!r}")


def _arguments(kind: str, given: str, text: str) -> tuple[list[float | str], dict[str, float | str]]:
    positional: list[float | str] = []
    named: dict[str, float | str] = {}
    for piece in filter(None, (part.strip() for part in text.split(","))):
        name, equals, value = piece.partition("=")
        if equals:
            named[name.strip()] = _value(kind, given, value)
        else:
            positional.append(_value(kind, given, piece))
    return positional, named


def _value(kind: str, given: str, text: str) -> float | str:
    text = text.strip().strip("'\"")
    top, slash, bottom = text.partition("/")
    try:
        return int(text) if text.lstrip("-").isdigit() else float(top) / float(bottom) if slash else float(text)
    except (ValueError, ZeroDivisionError):
        if re.fullmatch(r"[\w^()\-+* ]+", text):
            return text
    raise InputError(f"{kind} {given!r}: {text!r} is neither a number nor a word") from None
