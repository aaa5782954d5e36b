"""What is said of missing values is the same however a table is read."""

import numpy as np
import pytest

import nelder as nd
from nelder.completeness import Completeness, Gap
from nelder.sources import Numbers


def chunk(x, z):
    return {"x": Numbers(np.array(x, dtype=float)), "z": Numbers(np.array(z, dtype=float))}


def of(table):
    return Completeness.of(table, ("x", "z"), ~(table["x"].missing | table["z"].missing))


def test_a_sum_is_that_of_rows_below_one_another():
    first, second = chunk([1, np.nan, 3], [np.nan, 1, 2]), chunk([np.nan] * 7, [0] * 7)
    both = chunk(*(np.concatenate([first[name].values, second[name].values]) for name in ("x", "z")))
    assert of(first) + of(second) == of(both) == Completeness() + of(both)
    assert of(both).gaps == {"x": Gap(8, (1, 3, 4, 5, 6)), "z": Gap(1, (0,))}


def test_the_first_rows_without_a_value_are_named():
    found = of(chunk([np.nan] * 7 + [1], [0] * 8))
    assert found.notes == ("7 of 8 rows left out for missing values",)
    with pytest.raises(nd.DataError, match="'x' has missing values at rows 0, 1, 2, 3, 4 and 2 more: fill"):
        found.check(("x", "z"), "error")
    found.check(("x", "z"), "drop")


def test_no_complete_row_is_an_error():
    with pytest.raises(nd.DataError, match="no rows to fit: of 2 rows none has a value in every column of x, z"):
        of(chunk([np.nan, 1], [1, np.nan])).check(("x", "z"), "drop")
    with pytest.raises(nd.DataError, match="no rows to fit: the table is empty"):
        of(chunk([], [])).check(("x", "z"), "error")


def test_rows_that_occur_several_times_are_counted_so_often():
    table = chunk([np.nan, 1, 2], [1, 1, np.nan])
    found = Completeness.counted(table, ("x", "z"), np.array([False, True, False]), np.array([5.0, 90, 5]))
    assert found.notes == ("10 of 100 rows left out for missing values",)
    with pytest.raises(nd.DataError, match="'z' has missing values in 5 rows"):
        found.check(("z",), "error")
