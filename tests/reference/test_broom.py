"""Tidy tables against R's broom: its column names, and its numbers."""

import functools
import json
from pathlib import Path

import numpy as np
import pytest

import nelder as nd

HERE = Path(__file__).parent
VERSIONS, *RECORDS = json.loads((HERE / "broom.json").read_text(encoding="utf-8"))
EVERY = pytest.mark.parametrize("record", RECORDS, ids=[record["id"] for record in RECORDS])


def near(ours, theirs, size=None):
    """Relative to themselves, or to a size where they may cancel to nearly zero."""
    ours, theirs = np.asarray(ours, dtype=float), np.array(theirs, dtype=float)
    assert ours.shape == theirs.shape
    assert np.all(np.abs(ours - theirs) <= 1e-8 * np.abs(theirs if size is None else size)), (ours, theirs)


def fitted(record):
    return of(*(record.get(name) for name in ("table", "formula", "family", "link", "weights")))


@functools.cache
def of(table, formula, family, link, weights):
    return nd.glm(formula, HERE / "tables" / f"{table}.csv", family, link, weights=weights)


def test_the_records_say_where_they_are_from():
    assert len(RECORDS) >= 9 and VERSIONS["R"] and VERSIONS["broom"]


@EVERY
def test_tidy(record):
    made = fitted(record).tidy()
    assert list(made) == ["term", *record["tidy"], "conf.low", "conf.high"]
    for name, theirs in record["tidy"].items():
        near(made[name], theirs)
    if np.isinf(fitted(record).df_reference):  # R's default interval is normal even where φ is estimated
        near(made["conf.low"], record["lower"])
        near(made["conf.high"], record["upper"])
    if record["link"] in ("log", "logit"):
        ratios = fitted(record).tidy(exponentiate=True)
        near(ratios["estimate"], record["ratio"])
        near(ratios["std.error"], record["ratio_error"])


@EVERY
def test_glance(record):
    made = fitted(record).glance()
    assert set(record["glance"]) <= set(made) and made.rows == 1
    for name, (theirs,) in ((name, np.atleast_1d(value)) for name, value in record["glance"].items()):
        if theirs is not None:
            near(made[name][0], theirs)


@EVERY
def test_augment(record):
    made = fitted(record).augment()
    assert set(record["augment"]) <= set(made) and made.rows == len(record["augment"][".hat"])
    for name, theirs in record["augment"].items():
        near(made[name], theirs, size=np.maximum(np.abs(theirs), 1e-3 * np.abs(theirs).max()))
