"""Every record of effects.json: means and contrasts by R's emmeans, averages over rows by their definition in R."""

import functools
import itertools
import json
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import nelder as nd
from nelder.inference.effects.averaging import Averaging
from nelder.inference.effects.comparisons import comparisons
from nelder.inference.effects.marginal_means import Averaged, emmeans
from nelder.inference.effects.predictions import predictions
from nelder.inference.effects.slopes import slopes

HERE = Path(__file__).parent
RECORDS = json.loads((HERE / "effects.json").read_text(encoding="utf-8"))[1:]
BY_ID = {record["id"]: record for record in RECORDS}
TOLERANCE = 1e-8
ROUGH = 1e-6  # R's qtukey iterates to about this, and its ptukey is one less a sum, good to 1e-11


def of_kind(kind):
    return pytest.mark.parametrize("name", [record["id"] for record in RECORDS if record["kind"] == kind])


@functools.cache
def fitted(name):
    record = BY_ID[name]
    data = pd.read_csv(HERE / "tables" / f"{record['table']}.csv")
    if record["subset"] is not None:
        data = data[~np.logical_and.reduce([data[column] == level for column, level in record["subset"].items()])]
    weights = record["weights"]
    if record["frequency"]:
        weights = nd.frequency(weights)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", nd.AliasedWarning)  # an empty cell
        return nd.glm(record["formula"], data, record["family"], record["link"], weights=weights)


def assert_near(ours, theirs, tolerance=TOLERANCE, least=0.0):
    """Every entry to `tolerance` of itself, or a millionth of that of the largest, or to `least`; null is nan."""
    ours = np.asarray(ours, dtype=float)
    theirs = np.array([np.nan if value is None else value for value in theirs])
    assert ours.shape == theirs.shape
    assert np.array_equal(np.isnan(ours), np.isnan(theirs))
    size = np.abs(theirs) + 1e-6 * np.nanmax(np.abs(theirs))
    wrong = np.abs(ours - theirs) > np.maximum(tolerance * size, least)
    assert not wrong.any(), (ours[wrong], theirs[wrong])


def means_of(name):
    record = BY_ID[name]
    asked = Averaged(record["by"], record["at"], record["averaging"])
    return emmeans(fitted(name), record["specs"], asked, record["scale"])


@of_kind("means")
def test_estimated_marginal_means(name):
    record, table = BY_ID[name], means_of(name).table()
    for column in ("estimate", "se", "lower", "upper"):
        assert_near(table[column], record[column])


@of_kind("contrasts")
def test_contrasts_of_means(name):
    record, method = BY_ID[name], BY_ID[name]["method"]
    means = means_of(name)
    if method == "control":
        levels = means.means.labels[record["specs"][0]]
        found = means.contrast(method, record["adjust"], reference=levels[record["reference"] - 1])
    else:
        found = means.contrast(method, record["adjust"])
    table = found.table()
    for column in ("estimate", "se"):
        assert_near(table[column], record[column])
    assert_near(table["z" if np.isinf(found.df) else "t"], record["statistic"])
    tukey = record["adjust"] == "tukey"
    assert_near(table["p"], record["p"], ROUGH if tukey else TOLERANCE, 1e-11 if tukey else 0.0)
    for column in ("lower", "upper"):
        assert_near(table[column], record[column], ROUGH if tukey else TOLERANCE)


@of_kind("predictions")
def test_average_predictions(name):
    record = BY_ID[name]
    table = predictions(fitted(name), Averaging(by=record["by"], at=record["at"])).table()
    for column in ("estimate", "se"):
        assert_near(table[column], record[column])


@of_kind("comparisons")
def test_average_comparisons(name):
    record = BY_ID[name]
    change = record["change"][0] if len(record["change"]) == 1 else tuple(record["change"])
    asked = Averaging(by=record["by"])
    table = comparisons(fitted(name), {record["variable"]: change}, asked, record["measure"]).table()
    for column in ("estimate", "se"):
        assert_near(table[column], record[column])


@of_kind("slopes")
def test_average_slopes(name):
    record = BY_ID[name]
    asked = Averaging(by=record["by"], at=record["at"])
    table = slopes(fitted(name), record["variable"], asked, record["measure"]).table()
    for column in ("estimate", "se"):
        assert_near(table[column], record[column])


def test_the_records_are_many_and_of_every_kind():
    kinds = {kind: len(list(group)) for kind, group in itertools.groupby(RECORDS, lambda record: record["kind"])}
    assert kinds == {"means": 24, "contrasts": 23, "predictions": 11, "comparisons": 12, "slopes": 16}
