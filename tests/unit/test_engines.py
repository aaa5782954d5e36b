"""What every engine does: it keeps blocks, in order, and runs kernels on them."""

import numpy as np
import pytest
from rows_on_engines import SIZES, loader, parts_of

import nelder as nd
from nelder.design import Block
from nelder.engines import ENGINES, Counted, Engine, Handles, Threads, counts_of, merge, pattern_of
from nelder.kernels import drawn_kernel, slope_kernel
from nelder.links import LINKS
from nelder.loss import Loss

LOSS = Loss(nd.Poisson(), LINKS["log"]())
COUNTS = [rows for rows in SIZES if rows]
BETA = np.linspace(-0.2, 0.3, 6)
ENGINES_TO_TEST = ["memory", "spilled", "dask", "spark"]


class Moved(Threads):
    """An engine that differs from the base in all that it says of itself."""

    name, holds_rows, together, folder, memory = "moved", True, False, "/", 7

    def __init__(self, workers):
        self.workers = workers


@pytest.fixture(params=ENGINES_TO_TEST)
def engine(request):
    if request.param == "dask":
        return nd.Dask(request.getfixturevalue("dask_client"))
    if request.param == "spark":
        return nd.Spark(request.getfixturevalue("spark_session"))
    return Threads(2, memory=1 if request.param == "spilled" else None)


@pytest.fixture
def handles(engine):
    return engine.load(parts_of(), loader)


@pytest.fixture(scope="module")
def blocks():
    return [block for part in parts_of() for block in loader(part)]


def same_block(one, other):
    return all(np.array_equal(getattr(one, name), getattr(other, name)) for name in ("y", "weight", "offset")) and (
        np.array_equal(one.dense(), other.dense())
    )


def test_parts_without_rows_have_no_handle(handles):
    assert list(counts_of(handles)) == COUNTS and len(handles) == len(COUNTS)


def test_blocks_are_those_of_the_loader_in_order(handles, blocks):
    assert all(same_block(one, other) for one, other in zip(handles, blocks, strict=True))
    assert same_block(handles[-1], blocks[-1]) and same_block(handles[1:3][1], blocks[2])


def test_a_pattern_shows_the_columns(handles):
    pattern = pattern_of(handles)
    assert pattern.p == 6 and len(pattern.parts) == 2


def test_results_come_in_order_and_are_the_same_to_the_last_bit(engine, handles, blocks):
    found = engine.map(slope_kernel, handles, BETA, LOSS)
    expected = [slope_kernel(block, BETA, LOSS) for block in blocks]
    assert [one.value for one in found] == [one.value for one in expected]
    assert np.array_equal(merge(found).gradient, merge(expected).gradient)


def test_a_total_is_the_sum_of_the_results_to_the_last_bit(engine, handles, blocks):
    counted = Counted(engine, sum(COUNTS))
    found, expected = (
        counted.total(slope_kernel, handles, BETA, LOSS),
        merge(slope_kernel(b, BETA, LOSS) for b in blocks),
    )
    assert found.value == expected.value and np.array_equal(found.gradient, expected.gradient)
    assert counted.passes == 1.0
    assert engine.total(slope_kernel, handles[2:3], BETA, LOSS).value == slope_kernel(blocks[2], BETA, LOSS).value


def test_a_kernel_may_be_a_closure_and_what_it_takes_large(engine, handles):
    shift = 3.0
    found = engine.map(lambda block, wide: block.n + shift + wide[0, 0], handles, np.ones((400, 400)))
    assert found == [rows + 4.0 for rows in COUNTS]


def test_parts_can_be_looked_at_before_they_are_loaded(engine):
    assert engine.map(lambda part, more: part.rows + more, parts_of(), 1) == [rows + 1 for rows in SIZES]


def test_blocks_of_this_process_can_be_held(engine, blocks):
    held = engine.hold(blocks)
    assert list(counts_of(held)) == COUNTS
    assert engine.map(lambda block: float(block.y.sum()), held) == [float(block.y.sum()) for block in blocks]


def test_blocks_are_made_of_blocks(engine, handles, blocks):
    chosen = np.array([0, 2, 4])
    derived = engine.derive(Block.select, handles, chosen)
    assert list(counts_of(derived)) == COUNTS and pattern_of(derived).p == 3
    assert all(same_block(one, block.select(chosen)) for one, block in zip(derived, blocks, strict=True))


def test_each_block_can_have_something_of_its_own(engine, handles, blocks):
    kept = [(np.arange(0, block.n, 2 + k),) for k, block in enumerate(blocks)]
    derived = engine.derive(Block.rows, handles, each=kept)
    again = engine.derive(Block.select, derived, np.array([1]))
    assert list(counts_of(derived)) == [len(rows) for (rows,) in kept] == list(counts_of(again))
    assert all(same_block(one, block.rows(own)) for one, block, (own,) in zip(derived, blocks, kept, strict=True))


def test_the_same_rows_are_drawn_everywhere(engine, handles, blocks):
    counted = Counted(engine, sum(COUNTS))
    drawn = counted.draw(drawn_kernel, handles, 0.1)
    assert all(same_block(one, drawn_kernel(block, 0.1)) for one, block in zip(drawn, blocks, strict=True))
    assert counted.passes == pytest.approx(sum(counts_of(drawn)) / sum(COUNTS))


@pytest.mark.parametrize("other", [Threads(1, memory=10**6, folder="/"), Moved(1)], ids=["threads", "moved"])
def test_an_engine_that_counts_says_of_itself_what_the_engine_says(other):
    counted = Counted(other, 1)
    said = [name for name in vars(Engine) | Engine.__annotations__ if not name.startswith("_")]
    work = {"load", "hold", "map", "total", "derive", "draw", "reads_in_parts"}
    assert {name: getattr(counted, name) for name in said if name not in work} == {
        name: getattr(other, name) for name in said if name not in work
    }
    assert [counted.reads_in_parts(size) for size in (0, 10**7, None)] == [
        other.reads_in_parts(size) for size in (0, 10**7, None)
    ]


def test_errors_of_a_loader_arrive_as_they_are(engine):
    with pytest.raises(nd.DataError, match=r"^claims\.parquet, row group 3: row 7 has y = -1$"):
        engine.load(parts_of((100, 200, 50, -1)), loader)


def test_errors_of_a_kernel_arrive_as_they_are(engine, handles):
    def refuses(block):
        raise nd.MissingExtraError("pyarrow", "files", "reading")

    with pytest.raises(nd.MissingExtraError, match=r"^reading needs pyarrow: pip install 'nelder\[files\]'$"):
        engine.map(refuses, handles)


def test_a_mistake_in_a_kernel_is_not_hidden(engine, handles):
    with pytest.raises(ZeroDivisionError):
        engine.map(lambda block: 1 / 0, handles)


def test_no_rows_at_all_are_no_handles(engine):
    assert list(counts_of(engine.load(parts_of((0, 0)), loader))) == []


def test_every_engine_is_tested_here():
    assert set(ENGINES) - {"threads"} <= set(ENGINES_TO_TEST)


def test_only_engines_of_this_process_hold_rows(engine, handles):
    assert engine.holds_rows or isinstance(handles, Handles)
