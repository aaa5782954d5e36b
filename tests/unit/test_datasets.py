"""The bundled tables, and the generator whose coefficients are known."""

import numpy as np
import pytest

import nelder as nd
from nelder import datasets


def test_horse_kicks_has_the_classic_counts():
    table = datasets.horse_kicks()
    assert list(table) == ["corps", "year", "deaths"]
    assert table.rows == 280
    classic = np.isin(table["corps"], ["G", "I", "VI", "XI"], invert=True)  # von Bortkiewicz's ten corps
    assert np.bincount(table["deaths"][classic]).tolist() == [109, 65, 22, 3, 1]
    assert np.bincount(table["deaths"]).tolist() == [144, 91, 32, 11, 2]
    assert len(set(table["corps"])) == 14
    assert (table["year"].min(), table["year"].max()) == (1875, 1894)
    assert len(set(zip(table["corps"].tolist(), table["year"].tolist(), strict=True))) == 280


def test_horse_kicks_are_fitted_by_their_mean():
    fit = nd.glm("deaths ~ 1", datasets.horse_kicks(), "poisson")
    assert np.isclose(np.exp(fit.coef["Intercept"]), 196 / 280, rtol=1e-12)


def test_ships_are_those_of_mccullagh_and_nelder():
    ships = datasets.ships()
    assert ships.rows == 34
    assert (ships["service"] > 0).all()
    assert ships["incidents"].sum() == 356
    fit = nd.glm("incidents ~ type + C(built) + C(period) + offset(log(service))", ships, "quasipoisson")
    # table 6.3 of the book: 38.7 on 25 degrees of freedom, and dispersion 1.69
    assert (round(fit.deviance, 1), fit.df_resid, round(fit.dispersion, 2)) == (38.7, 25, 1.69)
    assert round(fit.coef["C(period)[T.75]"], 2) == 0.38
    assert round(fit.coef["type[T.B]"], 2) == -0.54


@pytest.fixture(scope="module")
def policies():
    return datasets.motor(200_000, seed=7)


def assert_recovers(fit, known):
    assert fit.names == tuple(known)
    errors = {name: (fit.coef[name] - effect) / fit.se[name] for name, effect in known.items()}
    assert max(map(abs, errors.values())) < 5
    # and not by standard errors that are too large
    assert np.sqrt(np.mean(np.square(list(errors.values())))) > 0.2
    assert max(fit.se) < 0.2


def test_frequency_recovers_its_coefficients(policies):
    fit = nd.glm(datasets.MOTOR_FREQUENCY_FORMULA, policies, "poisson")
    assert_recovers(fit, datasets.MOTOR_FREQUENCY)
    assert abs(fit.statistics.pearson / fit.df_resid - 1) < 0.05


def test_severity_recovers_its_coefficients(policies):
    fit = nd.glm(datasets.MOTOR_SEVERITY_FORMULA, policies, "gamma", "log", weights="claims")
    assert_recovers(fit, datasets.MOTOR_SEVERITY)
    assert abs(fit.dispersion * datasets.MOTOR_SEVERITY_SHAPE - 1) < 0.05
    without = int(np.sum(policies["claims"] == 0))
    assert fit.notes[0] == f"{without} of 200000 rows left out for missing values"
    assert "cells, exact" in fit.notes[1]


def test_amounts_are_missing_exactly_where_there_are_no_claims(policies):
    assert np.array_equal(np.isnan(policies["amount"]), policies["claims"] == 0)
    assert np.all((policies["exposure"] > 0) & (policies["exposure"] <= 1))


def test_motor_is_the_same_for_a_seed_and_another_for_another():
    first, again, other = datasets.motor(500, seed=1), datasets.motor(500, seed=1), datasets.motor(500, seed=2)
    for name in first:
        assert np.array_equal(first[name], again[name], equal_nan=first[name].dtype.kind == "f")
    assert not np.array_equal(first["exposure"], other["exposure"])


@pytest.mark.parametrize("n", [1, 2, 10])
def test_motor_has_as_many_rows_as_asked(n):
    assert datasets.motor(n).rows == n


@pytest.mark.parametrize("n", [0, -1])
def test_motor_needs_a_row(n):
    with pytest.raises(nd.InputError, match=rf"n={n}"):
        datasets.motor(n)


def test_the_problems_of_the_tutorials_are_theirs():
    random = np.random.default_rng(1)
    x = random.uniform(0, 1, 200)
    line = datasets.line()
    assert np.array_equal(line["x"], x) and np.array_equal(line["y"], 3 * x + random.normal(0, 0.1, 200))
    assert datasets.yes_no()["yes"].sum() == 616  # as docs/tutorials/glms-from-scratch.md prints
    assert datasets.counts()["count"].mean() == 2.18
    assert (datasets.counts()["count"].min(), datasets.counts()["count"].max()) == (0, 24)
    assert np.array_equal(datasets.counts()["x9"], datasets.yes_no()["x9"])


@pytest.mark.parametrize(
    ("name", "formula", "family"),
    [("line", "y ~ x", "gaussian"), ("yes_no", "yes ~ .", "binomial"), ("counts", "count ~ .", "poisson")],
)
def test_the_problems_of_the_tutorials_recover_their_coefficients(name, formula, family):
    fit, true = nd.glm(formula, datasets.DATASETS[name](), family), datasets.true_coefficients(name)
    assert fit.names == tuple(true)
    assert max(abs(fit.coef[term] - effect) / fit.se[term] for term, effect in true.items()) < 4


def test_the_truth_of_real_tables_is_not_known():
    with pytest.raises(nd.UnknownNameError, match="ships"):
        datasets.true_coefficients("ships")
    with pytest.raises(nd.InputError, match="n=0: give a whole number, 1 or more"):
        datasets.line(0)
