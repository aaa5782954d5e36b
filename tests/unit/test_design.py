"""Blocks made of dense, sparse and coded parts are the dense matrix they stand for, exactly."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_array

from nelder.design import Block, split
from nelder.parts import Coded, Coding, Dense
from nelder.sparse import Sparse
from nelder.twofold import twofold

SMALL = st.integers(-4, 4)  # whole numbers: all sums are exact, in any order


def array_of(draw, n, elements=SMALL):
    return np.array(draw(st.lists(elements, min_size=n, max_size=n)), dtype=float)


@st.composite
def codings(draw):
    levels = draw(st.integers(1, 5))
    if draw(st.booleans()):
        kept = draw(st.permutations(range(levels)))[: draw(st.integers(1, levels))]
        return Coding(levels, np.array(kept))
    width = draw(st.integers(1, 4))
    return Coding(levels, matrix=array_of(draw, levels * width).reshape(levels, width))


@st.composite
def blocks(draw):
    """A block, and its matrix as Python loops would write it."""
    n, columns, next_column = draw(st.integers(1, 9)), [], 0
    parts, shared = [], []
    for _ in range(draw(st.integers(1, 4))):
        kind = draw(st.sampled_from([Dense, Sparse, Coded]))
        if kind is not Coded:
            X = array_of(draw, n * draw(st.integers(1, 3))).reshape(n, -1)
            columns_of = np.arange(next_column, next_column + X.shape[1])
            part = Dense(columns_of, X) if kind is Dense else Sparse(columns_of, csr_array(X))
        else:
            coding = draw(codings())
            small = draw(st.sampled_from([np.int8, np.int32, np.int64]))
            codes = np.array(draw(st.lists(st.integers(0, coding.levels - 1), min_size=n, max_size=n)), dtype=small)
            same = [each for each, levels in shared if levels == coding.levels]
            codes = draw(st.sampled_from([codes, *same]))  # two parts may be of one factor
            shared.append((codes, coding.levels))
            multiplier = array_of(draw, n) if draw(st.booleans()) else None
            X = np.array([[coding.full()[c, j] for j in range(coding.width)] for c in codes])
            X = X if multiplier is None else np.diag(multiplier) @ X
            places = np.arange(next_column, next_column + coding.width)
            part = Coded(codes=codes, coding=coding, columns=places, multiplier=multiplier)
        parts.append(part)
        columns.append(X)
        next_column += X.shape[1]
    place = np.array(draw(st.permutations(range(next_column))))
    matrix = np.empty((n, next_column))
    matrix[:, place] = np.column_stack(columns)
    moved = [replace(part, columns=place[part.columns]) for part in parts]
    y, weight, offset = array_of(draw, n), np.abs(array_of(draw, n)), array_of(draw, n)
    precision = 1 + np.abs(array_of(draw, n)) if draw(st.booleans()) else None
    return Block(tuple(moved), next_column, y, weight, offset, precision), matrix


def whole_numbers(seed, size):
    return np.random.default_rng(seed).integers(-4, 5, size).astype(float)


@settings(max_examples=100)
@given(blocks(), st.integers(0, 1000))
def test_products_are_those_of_the_dense_matrix(both, seed):
    block, X = both
    beta, values = whole_numbers(seed, block.p), whole_numbers(seed + 1, block.n)
    assert np.array_equal(block.dense(), X)
    assert np.array_equal(block.eta(beta), X @ beta + block.offset)
    assert np.array_equal(block.magnitude(beta), np.abs(X) @ np.abs(beta) + np.abs(block.offset))
    assert np.array_equal(block.transpose_times(values), X.T @ values)
    assert np.array_equal(block.squares(values), (X**2).T @ values)
    assert np.array_equal(block.fine_times(beta).rounded, X @ beta)
    assert np.array_equal(block.fine_transpose_times(twofold(values)).rounded, X.T @ values)
    assert (np.count_nonzero(X, axis=1) <= block.width).all()
    assert np.array_equal(block.cross(values**2), X.T @ np.diag(values**2) @ X)  # their roots are whole, too
    assert np.allclose(block.cross(values), X.T @ np.diag(values) @ X, rtol=1e-14, atol=1e-12)


@settings(max_examples=100)
@given(blocks(), st.data())
def test_rows_and_columns_of_a_block(both, data):
    block, X = both
    rows = np.array(data.draw(st.lists(st.integers(0, block.n - 1), min_size=1, max_size=12)))
    columns = np.sort(data.draw(st.permutations(range(block.p)))[: data.draw(st.integers(1, block.p))])
    for chosen in (rows, slice(0, len(rows))):
        some = block.rows(chosen)
        assert np.array_equal(some.dense(), X[chosen])
        assert np.array_equal(some.y, block.y[chosen]) and np.array_equal(some.weight, block.weight[chosen])
        assert np.array_equal(some.offset, block.offset[chosen])
        assert (some.precision is None) == (block.precision is None)
        assert some.precision is None or np.array_equal(some.precision, block.precision[chosen])
    fewer = block.select(columns)
    assert (fewer.n, fewer.p) == (block.n, len(columns))
    assert np.array_equal(fewer.dense(), X[:, columns])
    assert all(np.array_equal(block.column(j), X[:, j]) for j in range(block.p))
    squares = block.weight**2
    assert np.array_equal(fewer.cross(squares), X[:, columns].T @ np.diag(squares) @ X[:, columns])
    assert np.array_equal(fewer.rows(rows).dense(), X[np.ix_(rows, columns)])


@settings(max_examples=60)
@given(blocks(), st.integers(1, 10))
def test_splitting_and_slicing_lose_nothing(both, size):
    block, X = both
    for pieces in (split(block, size), list(block.slices(size)), list(block.slices(size, filled=True))):
        assert np.array_equal(np.vstack([piece.dense() for piece in pieces]), X)
        assert np.array_equal(np.concatenate([piece.y for piece in pieces]), block.y)
        assert np.array_equal(sum(piece.cross(piece.weight**2) for piece in pieces), block.cross(block.weight**2))
    together = any(isinstance(part, Sparse) for part in block.parts)
    assert together or max(piece.n for piece in split(block, size)) <= size
    assert max(piece.n for piece in block.slices(size, filled=True)) <= size
    for few, bare in block.bare_slices(size):
        assert np.array_equal(bare.y, block.y[few]) and np.array_equal(bare.offset, block.offset[few])


@settings(max_examples=60)
@given(codings(), st.integers(0, 1000))
def test_a_coding_is_its_matrix(coding, seed):
    full, beta, sums = coding.full(), whole_numbers(seed, coding.width), whole_numbers(seed, (coding.levels, 3))
    assert full.shape == (coding.levels, coding.width)
    assert np.array_equal(coding.spread(beta), full @ beta)
    assert np.array_equal(coding.gather(sums), full.T @ sums)
    assert np.array_equal(coding.magnitude().full(), np.abs(full))
    last = np.array([coding.width - 1])
    assert np.array_equal(coding.select(last).full(), full[:, last])


@pytest.mark.parametrize("kind", [np.int8, np.uint8, np.int16, np.uint32])
def test_two_way_counts_do_not_overflow_small_codes(kind):
    levels = 120
    a, b = np.arange(levels, dtype=kind), np.arange(levels, dtype=kind)[::-1].copy()
    every, other = np.arange(levels), np.arange(levels, 2 * levels)
    coding = Coding(levels, every)
    parts = (Coded(codes=a, coding=coding, columns=every), Coded(codes=b, coding=coding, columns=other))
    block = Block(parts, 2 * levels, np.zeros(levels), np.ones(levels), np.zeros(levels))
    assert np.array_equal(block.cross(block.weight), block.dense().T @ block.dense())


def test_one_number_for_every_row_is_kept_once_for_all_blocks():
    n = 70_000
    X = np.random.default_rng(0).normal(size=(n, 3))
    one, nothing = np.broadcast_to(1.0, n), np.broadcast_to(0.0, n)
    blocks = split(Block((Dense(np.arange(3), X),), 3, X[:, 0], one, nothing, one))
    assert len(blocks) > 1 and sum(block.n for block in blocks) == n
    for block in blocks:
        for values, level in ((block.weight, 1.0), (block.offset, 0.0), (block.precision, 1.0)):
            assert values.shape == (block.n,) and values.flags.c_contiguous and (values == level).all()
        assert np.shares_memory(block.weight, blocks[0].weight) and np.shares_memory(block.offset, blocks[0].offset)
    whole = split(Block((Dense(np.arange(3), X[:9]),), 3, X[:9, 0], one[:9], nothing[:9]))[0]
    assert whole.weight.flags.c_contiguous and whole.weight.tolist() == [1.0] * 9 and whole.precision is None
