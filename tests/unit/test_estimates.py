"""Estimates and their tables: families of them, scales, and what is shown."""

import numpy as np
import pytest

import nelder as nd
from nelder.inference.estimates import Adjusting, Estimates, Shown
from nelder.links import Inverse, Log, Logit

VALUES = np.array([0.5, -0.2, 1.4, 0.1])
ROOT = np.random.default_rng(4).normal(size=(4, 4))
COVARIANCE = ROOT @ ROOT.T / 10
LABELS = {"group": ["a", "a", "b", "b"], "name": ["one", "two", "one", "two"]}


def made(**options):
    return Estimates(LABELS, VALUES, COVARIANCE, 12.0, **options)


def test_a_family_is_adjusted_within_each_group():
    whole = made(adjusting=Adjusting("holm", ("group",)))
    for rows in ([0, 1], [2, 3]):
        alone = made().select(rows).table(adjust="holm")
        for column in ("p", "lower", "upper"):
            assert whole.table()[column][rows] == pytest.approx(alone[column])
    assert whole.table().notes[-1].endswith("within each group")
    assert whole.table(adjust="none")["p"] == pytest.approx(made().table()["p"])


def test_a_link_carries_values_and_intervals():
    link = made().table()
    for shown, carried in ((Log(), np.exp), (Logit(), lambda x: 1 / (1 + np.exp(-x)))):
        table = made(shown=Shown(shown)).table()
        for column in ("estimate", "lower", "upper"):
            assert table[column] == pytest.approx(carried(link[column]))
        assert table["p"] == pytest.approx(link["p"])
    assert made(exponentiated=True).table()["se"] == pytest.approx(np.exp(VALUES) * np.sqrt(np.diagonal(COVARIANCE)))


def test_a_falling_link_turns_its_interval_round_and_stays_in_its_bounds():
    table = made(shown=Shown(Inverse(), "mean", bounds=(0.0, np.inf))).select([0, 2]).table()
    assert (table["lower"] < table["mean"]).all() and (table["mean"] < table["upper"]).all()
    assert table["upper"][0] == np.inf


def test_a_table_without_a_test_has_none():
    assert list(made(shown=Shown(tested=False)).table()) == ["group", "name", "estimate", "se", "lower", "upper"]
    assert list(made().table())[4:6] == ["t", "p"]


def test_tukey_is_refused_for_what_is_known_not_to_be_all_pairs():
    three = Estimates({"name": list("abc")}, VALUES[:3], COVARIANCE[:3, :3], 12.0)
    unknown = three.table(adjust="tukey")["p"]
    assert np.isfinite(unknown).all()
    pairs = Estimates({"name": list("abc")}, VALUES[:3], COVARIANCE[:3, :3], 12.0, adjusting=Adjusting(pairwise=True))
    assert pairs.table(adjust="tukey")["p"] == pytest.approx(unknown)
    for fewer in (
        pairs.select([0]),
        Estimates({}, VALUES[:1], COVARIANCE[:1, :1], 1.0, adjusting=Adjusting(pairwise=False)),
    ):
        with pytest.raises(nd.InputError, match="which these are not"):
            fewer.table(adjust="tukey")
    assert np.isfinite(pairs.combined(np.eye(3)[:1], {"name": ["a"]}).table(adjust="tukey")["p"]).all()


def test_estimates_print_as_their_table():
    assert str(made()) == repr(made()) == str(made().table())
    assert made()._repr_html_() == made().table()._repr_html_()
