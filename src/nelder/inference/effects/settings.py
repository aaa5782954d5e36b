"""Values that variables are given: one setting of several, and all the settings that are asked for."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from nelder.errors import InputError, InputTypeError, a_number
from nelder.inference.effects.cases import Cases
from nelder.inference.effects.variables import Value, Variable, named
from nelder.names import listed
from nelder.sources import Numbers

OFFSET = "offset"  # stands for the offset itself, on the scale of η, where no column has this name
ESTIMATES = 5_000  # that a table may have


@dataclass(frozen=True)
class Setting:
    """Values that some variables have in every row, the offset of them all, and amounts that numbers are moved by."""

    columns: tuple[tuple[Variable, Value], ...] = ()
    offset: float | None = None
    moved: tuple[tuple[str, float], ...] = ()

    def apply(self, cases: Cases) -> Cases:
        """The cases with these values."""
        columns = {variable.name: variable.fixed(value, cases.n) for variable, value in self.columns}
        for name, amount in self.moved:
            column = columns.get(name, cases.chunk[name])
            assert isinstance(column, Numbers)
            columns[name] = Numbers(column.values + amount, column.kind)
        return cases.moved(columns, self.offset)

    def with_value(self, variable: Variable, value: Value) -> Setting:
        """Another variable set as well, or to another value."""
        columns = tuple(pair for pair in self.columns if pair[0].name != variable.name)
        return Setting((*columns, (variable, value)), self.offset, self.moved)

    def with_move(self, variable: Variable, amount: float) -> Setting:
        """A numeric variable moved by an amount."""
        return Setting(self.columns, self.offset, (*self.moved, (variable.name, amount)))


@dataclass(frozen=True)
class Grid:
    """Settings in the order of their table, whose columns are `labels`."""

    settings: tuple[Setting, ...]
    labels: Mapping[str, Sequence[object]]


def grid_of(variables: Mapping[str, Variable], at: object) -> Grid:
    """All combinations of the values in `at`, {name: value or values}, the last name varying fastest.

    The name "offset" stands for the offset itself where no variable has it. Raises UnknownNameError for another name.
    """
    given = checked_mapping(at, "at", "{'age': [20, 40], 'sex': 'F'}")
    chosen: dict[str, list[Value]] = {}
    for name, values in given.items():
        if name == OFFSET and name not in variables:
            chosen[name] = [a_number(value, "the offset") for value in listed(values)]
            continue
        variable = named(variables, name)
        chosen[name] = [variable.value(value) for value in listed(values)]
        if not chosen[name]:
            raise InputError(f"at= gives no value for {name!r}")
    count = int(np.prod([len(values) for values in chosen.values()], dtype=float))
    if count > ESTIMATES:
        raise InputError(f"at= has {count} combinations of values, allowed are {ESTIMATES}: give fewer")
    rows = list(itertools.product(*chosen.values()))
    settings = tuple(_setting(variables, dict(zip(chosen, row, strict=True))) for row in rows)
    return Grid(settings, {name: tidy([row[k] for row in rows]) for k, name in enumerate(chosen)})


def tidy(values: Sequence[object]) -> list[object]:
    """Numbers as whole ones where all of them are, for a table."""
    if all(isinstance(value, float) and value.is_integer() and abs(value) < 2**53 for value in values):
        return [int(value) for value in values if isinstance(value, float)]
    return list(values)


def _setting(variables: Mapping[str, Variable], row: Mapping[str, Value]) -> Setting:
    columns = tuple((variables[name], value) for name, value in row.items() if name in variables)
    return Setting(columns, float(row[OFFSET]) if OFFSET in row and OFFSET not in variables else None)


def checked_mapping(given: object, argument: str, example: str) -> Mapping[str, object]:
    """A dictionary by names, or an empty one for None; raises InputTypeError for anything else."""
    if given is None:
        return {}
    if not isinstance(given, Mapping) or not all(isinstance(name, str) for name in given):
        raise InputTypeError(f"{argument} must be a dictionary such as {example}, not {given!r:.60}")
    return given
