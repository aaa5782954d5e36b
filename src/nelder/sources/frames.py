"""Data frames in memory: pandas, Polars and Arrow alike, through narwhals."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Any

import numpy as np

from nelder.errors import DataError
from nelder.sources.arrow import column_of_arrow, kind_of
from nelder.sources.base import (
    Chunk,
    Column,
    Labels,
    Numbers,
    Source,
    column_of,
    no_labels,
    numbers_of,
    numbers_of_items,
    refuse_twice,
    unusable,
)


class FrameSource(Source):
    """A pandas or Polars data frame, a Polars lazy frame or an Arrow table."""

    def __init__(self, data: object) -> None:
        import narwhals as nw

        try:
            known: Any = nw.from_native(data)
            self._frame = known.collect() if isinstance(known, nw.LazyFrame) else known
            names = [str(name) for name in self._frame.columns]  # pandas has numbers and tuples among them
        except nw.exceptions.DuplicateError:
            names = [str(name) for name in column_labels(data)]
        except nw.exceptions.NarwhalsError as problem:
            raise DataError(f"the table cannot be read: {problem}") from None
        refuse_twice("the table", names)
        self._places = {name: place for place, name in enumerate(names)}

    @classmethod
    def reads(cls, data: object) -> bool:
        import narwhals as nw

        try:
            return isinstance(nw.from_native(data, pass_through=True), nw.DataFrame | nw.LazyFrame)
        except nw.exceptions.DuplicateError:  # a table, with two columns of one name
            return True

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self._places)

    def read(self, names: Sequence[str]) -> Iterator[Chunk]:
        yield {name: column_of_series(name, self._frame[:, self._places[name]]) for name in names}

    def size(self, names: Sequence[str]) -> int:
        return 0


def column_labels(X: object) -> Any:
    """The names of the columns of a table, as its library has them; None for what is no table."""
    named = "column_names" if hasattr(type(X), "column_names") else "columns"  # Arrow's columns are their values
    return getattr(X, named, None)


def series_of(values: object) -> Any:
    """Values of pandas, Polars or Arrow as a series of narwhals; None for anything else."""
    library = type(values).__module__.partition(".")[0]
    if library not in ("pandas", "polars", "pyarrow"):
        return None
    import narwhals as nw

    known = nw.from_native(_as_series(library, values), allow_series=True, pass_through=True)
    return known if isinstance(known, nw.Series) else None


def _as_series(library: str, values: Any) -> Any:
    """What has values but no name, such as a Categorical or an Arrow array, as the series that it is in a table."""
    if library == "pandas":
        import pandas as pd

        return pd.Series(values) if isinstance(values, pd.Index | pd.api.extensions.ExtensionArray) else values
    if library == "pyarrow":
        import pyarrow as pa

        return pa.chunked_array([values]) if isinstance(values, pa.Array) else values
    return values


def declared(values: object) -> Labels | None:
    """The codes of values that declare the order of their levels, as a Categorical does; None where they do not."""
    import narwhals as nw

    series = series_of(values)
    if series is None or series.dtype not in (nw.Categorical, nw.Enum) or series.implementation.is_pyarrow():
        return None
    return _coded(series, _levels(series))


def column_of_series(name: str, series: Any) -> Column:
    """A column of a data frame, or one that could be one. Raises InputTypeError for dates, lists and the like."""
    import narwhals as nw

    if series.implementation.is_pyarrow():
        native = series.to_native()
        return column_of_arrow(name, native, kind_of(native.type))
    dtype = series.dtype
    if dtype.is_numeric() or dtype == nw.Boolean:
        return _numbers(name, series)
    if dtype in (nw.Categorical, nw.Enum):
        return _coded(series, _levels(series))
    if dtype == nw.String or (dtype in (nw.Object, nw.Unknown) and _all_are(series, str)):
        return _texts(series)
    if dtype == nw.Object and _all_are(series, bool | int | float | Decimal):
        return numbers_of_items(name, _items(series))
    if dtype in (nw.Object, nw.Unknown):  # what narwhals has no name for, such as sparse numbers
        return column_of(name, series.to_numpy())
    raise unusable(name, dtype)


def _numbers(name: str, series: Any) -> Numbers:
    import narwhals as nw

    dtype = series.dtype
    if dtype in (nw.Decimal, nw.Int128, nw.UInt128):  # of which NumPy has none
        return numbers_of_items(name, _items(series))
    # a nullable column of a frame has nulls beside nans: both are missing here
    kind = "b" if dtype == nw.Boolean else "i" if dtype.is_integer() else "f"
    if kind == "i":
        whole = numbers_of(name, series.drop_nulls().to_numpy())
        if len(whole) == len(series):
            return whole
    values = series.to_numpy()
    if values.dtype.kind != "f" or kind != "f":  # of plain floats a null is a nan already
        values = series.cast(nw.Float64).fill_null(float("nan")).to_numpy()
    return Numbers(values.astype(np.float64), kind)


def _all_are(series: Any, kinds: Any) -> bool:
    """Whether every value that is there is of some type."""
    return all(isinstance(value, kinds) for value in series.drop_nulls().to_list())


def _texts(series: Any) -> Labels:
    import narwhals as nw

    if series.implementation.is_pandas_like():  # which sorts categories, and has their codes in a tenth of the time
        known = series.cast(nw.Categorical)
        if _has_codes(known.to_native()) and (levels := _levels(known)) == sorted(levels):
            return _coded(known, levels)
    return _coded(series, sorted(series.drop_nulls().unique().to_list()))


def _has_codes(native: Any) -> bool:
    return hasattr(native, "cat") and hasattr(native.cat, "codes")


def _items(series: Any) -> list[Any]:
    """Python's values, None where one is missing."""
    return [None if gone else item for item, gone in zip(series.to_list(), series.is_null().to_list(), strict=True)]


def _levels(series: Any) -> list[Any]:
    """Declared levels in their order, where the library declares one; else those that occur, sorted."""
    native = series.to_native()
    if hasattr(native, "cat") and hasattr(native.cat, "categories"):
        return [_plain(level) for level in native.cat.categories]
    if hasattr(series.dtype, "categories"):
        return list(series.dtype.categories)
    return sorted(series.drop_nulls().unique().to_list())


def _plain(level: Any) -> Any:
    """NumPy's numbers as Python's."""
    return level.item() if isinstance(level, np.generic) else level


def _coded(series: Any, levels: list[Any]) -> Labels:
    import narwhals as nw

    if not levels:
        return no_labels(len(series))
    native = series.to_native()
    if _has_codes(native):  # for these very levels
        return Labels(native.cat.codes.to_numpy().astype(np.int32), tuple(levels))
    codes = series.replace_strict(levels, list(range(len(levels))), default=-1, return_dtype=nw.Int32)
    return Labels(codes.fill_null(-1).to_numpy().astype(np.int32), tuple(levels))
