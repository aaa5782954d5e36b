"""Factors of few levels as one: the same columns, in fewer parts."""

from fractions import Fraction

import numpy as np
import pandas as pd
import pytest

import nelder as nd
from nelder.design import Block, split, stacked, stretches
from nelder.families import FAMILIES
from nelder.families.base import COUNTED, poisson_gap, stirling_remainder
from nelder.joining import COMBINED, joined, with_coded_ones
from nelder.links import LINKS
from nelder.loss import Loss
from nelder.parts import Coded, Coding, Dense
from nelder.twofold import twofold

N, LEVELS = 400, (2, 5, 30, 7, 40)


def block(ones=True):
    """Numbers with or without ones, five factors, one of them with a coding of its own, and one times a number."""
    random = np.random.default_rng(0)
    numbers = np.column_stack([np.ones(N) if ones else random.normal(size=N), random.normal(size=(N, 2))])
    parts, p = [Dense(np.arange(3), numbers)], 3
    for levels in LEVELS:
        matrix = random.normal(size=(levels, levels - 1)) if levels == 5 else None
        coding = Coding(levels, None if levels == 5 else np.arange(1, levels), matrix)
        codes = random.integers(levels, size=N).astype(np.int32)
        parts.append(Coded(np.arange(p, p + levels - 1), codes, coding))
        p += levels - 1
    parts.append(Coded(np.arange(p, p + 2), parts[1].codes, Coding(2, np.arange(2)), random.normal(size=N)))
    return Block(tuple(parts), p + 2, random.normal(size=N), np.ones(N), np.zeros(N))


@pytest.mark.parametrize("ones", [True, False])
def test_fewer_parts_have_the_same_columns_and_sums(ones):
    plain, random = block(ones), np.random.default_rng(1)
    fewer = joined(with_coded_ones(plain))
    beta, weight = random.normal(size=plain.p), random.random(N)
    assert len(fewer.parts) < len(plain.parts)
    assert all(part.coding.levels <= COMBINED for part in fewer.parts if isinstance(part, Coded))
    assert np.array_equal(fewer.dense(), plain.dense())
    for name, argument in {"eta": beta, "magnitude": beta, "transpose_times": weight, "squares": weight}.items():
        assert np.allclose(getattr(fewer, name)(argument), getattr(plain, name)(argument), rtol=1e-12), name
    assert np.allclose(fewer.cross(weight), plain.cross(weight), rtol=1e-12)
    chosen = np.arange(1, plain.p, 3)
    assert np.array_equal(fewer.select(chosen).dense(), plain.dense()[:, chosen])
    assert np.array_equal(fewer.rows(np.arange(9)).dense(), plain.dense()[:9])


def test_effects_that_cancel_keep_their_digits_in_fewer_parts():
    plain = block()
    fewer = joined(with_coded_ones(plain))
    beta = np.random.default_rng(2).normal(size=plain.p)
    beta[0], beta[3] = 1e9, -1e9  # where the first factor is at its second level, they leave the rest
    exact = product(plain.dense(), beta)
    assert np.abs(exact).min() < 1e-8 * np.abs(exact).max()
    assert np.allclose(fewer.fine_times(beta).rounded, exact, rtol=3e-16, atol=1e-13)
    values = np.random.default_rng(3).normal(size=N)
    assert np.allclose(
        fewer.fine_transpose_times(twofold(values)).rounded, product(plain.dense().T, values), rtol=3e-16, atol=1e-15
    )


def product(matrix, vector):
    """A product rounded once, by fractions."""
    exact = [Fraction(value) for value in vector]
    return np.array([float(sum(Fraction(x) * v for x, v in zip(row, exact, strict=True) if x)) for row in matrix])


@pytest.mark.parametrize("size", [1, 30, 70, 10_000])
def test_small_blocks_are_stacked_in_order(size):
    whole = joined(with_coded_ones(block()))
    small = split(whole, 30)
    again = [stacked(small[few]) for few in stretches([each.n for each in small], size)]
    assert all(each.n >= size for each in again[:-1]) and len(again) == max(1, -(-whole.n // (-(-size // 30) * 30)))
    assert np.array_equal(np.concatenate([each.dense() for each in again]), whole.dense())
    assert np.array_equal(np.concatenate([each.y for each in again]), whole.y)


@pytest.mark.parametrize("family", ["poisson", "gamma", "inverse_gaussian", "tweedie(power=1.5)", "quasipoisson"])
def test_the_null_model_with_an_exposure_is_the_fit_of_an_intercept(family):
    random = np.random.default_rng(4)
    exposure, x = random.uniform(0.1, 3.0, 300), random.normal(size=300)
    data = pd.DataFrame({"y": exposure * random.gamma(2.0, size=300), "x": x, "e": exposure})
    data["y"] = data["y"].round() if "poisson" in family else data["y"]
    with_x, alone = (nd.glm(f"y ~ {x} + offset(log(e))", data, family, "log", compress=False) for x in ("x", "1"))
    assert with_x.null_deviance == pytest.approx(alone.deviance, rel=1e-12)
    assert with_x.df_null == alone.df_resid


@pytest.mark.parametrize(
    ("family", "link", "steady"),
    [("gamma", "log", True), ("poisson", "sqrt", True), ("gaussian", "identity", True), ("binomial", "logit", False),
     ("poisson", "log", False), ("gaussian", "log", False), ("negative_binomial", "log", False)],
)  # fmt: skip
def test_a_loss_knows_whether_its_weights_depend_on_the_means(family, link, steady):
    assert Loss(FAMILIES[family](), LINKS[link]()).steady is steady


def test_small_counts_and_rare_ones_give_what_each_row_gives():
    random = np.random.default_rng(5)
    mixed = np.concatenate([random.poisson(2.0, 5_000), [0.5, 300.0, 1e6, np.nan], random.gamma(2.0, size=500)])
    each = np.concatenate([stirling_remainder(mixed[i : i + COUNTED]) for i in range(0, len(mixed), COUNTED)])
    assert np.array_equal(stirling_remainder(mixed), each, equal_nan=True)
    y, mu = random.poisson(0.05, 2_000).astype(float), np.exp(random.normal(size=(3, 2_000)))
    many = np.concatenate([np.ones(9_000), y])
    beside = np.concatenate([np.ones((3, 9_000)), mu], axis=1)
    assert np.array_equal(poisson_gap(y, mu, np.log(mu)), poisson_gap(many, beside, np.log(beside))[:, 9_000:])
