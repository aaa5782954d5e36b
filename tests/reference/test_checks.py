"""Checks of models against AER, boot, car, lmtest, performance and pROC, and against their definitions written in R."""

import functools
import json
from pathlib import Path

import numpy as np
import pytest

import nelder as nd
from nelder.diagnostics.calibration import brier_score, calibration
from nelder.diagnostics.collinearity import condition_indices, vif
from nelder.diagnostics.cross_validation import cross_validate
from nelder.diagnostics.discrimination import compare_roc, roc
from nelder.diagnostics.dispersion_tests import dispersion_tests
from nelder.diagnostics.goodness_of_fit import goodness_of_fit, pearson_moments
from nelder.diagnostics.hosmer_lemeshow import hosmer_lemeshow
from nelder.diagnostics.lift import lift
from nelder.diagnostics.link_test import link_test
from nelder.diagnostics.outliers import outliers
from nelder.diagnostics.pseudo_r_squared import pseudo_r_squared
from nelder.diagnostics.spread import spread_test
from nelder.diagnostics.zero_inflation import zero_inflation

HERE = Path(__file__).parent
VERSIONS, *RECORDS = json.loads((HERE / "checks.json").read_text(encoding="utf-8"))
TOLERANCE = 1e-8


def of(check):
    """The test runs over the records of one check."""
    chosen = {record["id"]: record for record in RECORDS if record["check"] == check}
    return pytest.mark.parametrize("record", list(chosen.values()), ids=list(chosen))


def near(ours, theirs, tolerance=TOLERANCE, size=None):
    """Relative to themselves, or to a size where they may cancel to nearly zero."""
    ours, theirs = np.asarray(ours, dtype=float), np.array(theirs, dtype=float)
    assert ours.shape == theirs.shape
    assert np.all(np.abs(ours - theirs) <= tolerance * np.abs(theirs if size is None else size)), (ours, theirs)


def model(record):
    family = record["family"] if record.get("theta") is None else nd.NegativeBinomial(record["theta"])
    return fitted(record["table"], record["formula"], family, record["link"], record.get("weights"))


@functools.cache
def fitted(table, formula, family, link, weights):
    return nd.glm(formula, HERE / "tables" / f"{table}.csv", family, link, weights=weights)


def test_the_records_are_many_and_say_where_they_are_from():
    assert len(RECORDS) >= 25
    assert {record["check"] for record in RECORDS} >= {"vif", "roc", "dispersion_tests", "leave_one_out"}
    assert VERSIONS["R"] and len(VERSIONS["packages"]) == len(VERSIONS["versions"])


@of("goodness_of_fit")
def test_goodness_of_fit(record):
    fit = model(record)
    table = goodness_of_fit(fit)
    near(table["chi2"], record["chi2"])
    near(pearson_moments(fit).mean, record["mean"])
    near(pearson_moments(fit).variance, record["variance"])
    assert fit.df_resid == record["df"]
    shown = np.isfinite(table["p"])
    assert shown[2]  # that of χ² is not shown where responses are sparse
    near(table["p"][shown], np.array(record["p"])[shown])


@of("dispersion_tests")
def test_dispersion(record):
    table = dispersion_tests(model(record), record["arguments"]["alternative"])
    row = {name: k for k, name in enumerate(table["test"].tolist())}
    for name in ("cameron_trivedi_1", "cameron_trivedi_2"):
        ours = [table[column][row[name]] for column in ("estimate", "statistic", "p")]
        near(ours, record[name])
    near([table["statistic"][row[name]] for name in ("dean_b", "dean_b_leverage", "dean_c")], record["dean"])


@of("dean_n_b")
def test_dispersion_of_trials(record):
    table = dispersion_tests(model(record))
    assert table["test"][-1] == "dean_n_b"
    near(table["statistic"][-1], record["statistic"])


@of("spread_test")
def test_spread(record):
    near(spread_test(model(record))["chi2"], record["chi2"])


@of("zero_inflation")
def test_zeros(record):
    table = zero_inflation(model(record))
    near([table["observed"][0], table["expected"][0]], [record["observed"], record["expected"]])
    near(table["chi2"], record["chi2"])
    near(table["ratio"][0], record["observed"] / record["expected"])


@of("hosmer_lemeshow")
def test_hosmer_lemeshow(record):
    found = hosmer_lemeshow(model(record), record["arguments"]["groups"])
    near([found.chi2, found.df, found.p], [record["chi2"], record["df"], record["p"]])
    near(found.bands["n"], record["n"])
    near(found.bands["observed"], record["observed"])
    near(found.bands["expected"], record["expected"])


@of("link_test")
def test_link(record):
    table = link_test(model(record))
    name = "t" if "t" in table else "z"
    ours = [table[column][2] for column in ("estimate", "se", name)]
    size = [record["se"], record["se"], max(1.0, abs(record["statistic"]))]  # the estimate may be next to zero
    near(ours, [record["estimate"], record["se"], record["statistic"]], size=size)
    near(table["p"][2], record["p"], size=1.0)


@of("vif")
def test_variance_inflation(record):
    table = vif(model(record))
    assert [term.replace(" ", "") for term in table["term"]] == [term.replace(" ", "") for term in record["term"]]
    near(table["gvif"], record["gvif"])
    near(table["df"], record["df"])
    near(table["per_column"], record["per_column"])


@of("condition_indices")
def test_condition_indices(record):
    table = condition_indices(model(record))
    near(table["index"], record["index"])
    shares = np.array([table[name] for name in list(table)[1:]]).T
    near(shares, record["shares"], size=1.0)


@of("recalibration")
def test_recalibration(record):
    table = calibration(model(record), predicted=record["predicted"]).recalibration
    near(table["se"], record["se"])
    near(table["estimate"], record["estimate"], size=np.maximum(np.abs(record["estimate"]), record["se"]))


@of("calibration")
def test_calibration_in_bands_and_the_brier_score(record):
    table = calibration(model(record)).table()
    for name in ("n", "predicted", "observed", "lower", "upper"):
        near(table[name], record[name], size=1.0 if name in ("lower", "upper") else None)
    near(brier_score(model(record))["value"][:6], record["brier"], size=record["brier"][0])


@of("roc")
def test_roc(record):
    found = roc(model(record), record["arguments"]["level"])
    names = ("auc", "se", "lower", "upper")
    near([getattr(found, name) for name in names], [record[name] for name in names])
    near(found.sensitivity, record["sensitivity"])
    near(found.specificity, record["specificity"], size=1.0)


@of("compare_roc")
def test_compare_roc(record):
    smaller = model(record | {"formula": record["arguments"]["smaller"]})
    found = compare_roc(model(record), smaller, record["arguments"]["level"])
    near([found["auc"][0], found["auc_of_other"][0]], record["auc"])
    near([found["z"][0], found["p"][0]], [record["z"], record["p"]])
    near([found["lower"][0], found["upper"][0]], record["interval"])


@of("gini")
def test_gini(record):
    found = lift(model(record))
    near([found.gini, found.gini_best], [record["gini"], record["best"]])


@of("pseudo_r_squared")
def test_pseudo_r_squared(record):
    table = pseudo_r_squared(model(record))
    row = {name: k for k, name in enumerate(table["measure"].tolist())}
    compared = [name for name in row if record.get(name) is not None]
    assert len(compared) >= 3
    near([table["value"][row[name]] for name in compared], [record[name] for name in compared])


@of("leave_one_out")
def test_leaving_one_out(record):
    fit = model(record)
    near(cross_validate(fit, int(fit.statistics.n)).deviance, record["deviance"])


@of("cross_validate")
def test_cross_validation_in_given_folds(record):
    fit = model(record)
    fold = np.arange(int(fit.statistics.n)) % record["arguments"]["modulo"]
    found = cross_validate(fit, fold)
    near(found.folds["deviance"], record["by_fold"])
    near([found.deviance, found.null_deviance], [record["deviance"], record["null_deviance"]])


@of("outliers")
def test_outliers(record):
    table = outliers(model(record))
    near(table["row"], record["row"])
    near(table["p"], record["p"])
    near(table["p_adjusted"], record["p_adjusted"])
