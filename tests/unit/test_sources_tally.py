"""Distinct rows counted by DuckDB, and rows that are spilled: nd.spill."""

import gc
import os
import subprocess
import sys
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import nelder as nd
from nelder.sources import Numbers, concatenated, source_of
from nelder.sources.tallies import merged

CELLS = {
    "i": (pa.int64(), [1, 2, None]),
    "f": (pa.float64(), [0.5, float("nan"), None, -0.0, 0.0]),
    "s": (pa.float32(), [0.1, None]),
    "b": (pa.bool_(), [True, False, None]),
    "g": (pa.string(), ["é", "", "z", "A", None, "it's"]),
    "d": (pa.dictionary(pa.int8(), pa.string()), ["y", "x", None]),
    'odd "name"': (pa.decimal128(5, 2), [1, None]),
}


def values(column):
    """The values of a column as texts, so that a missing one is a value."""
    if isinstance(column, Numbers):
        return [repr(value + 0.0) for value in column.values.tolist()]
    return [repr(column.levels[code]) if code >= 0 else "missing" for code in column.codes]


def counts_of(chunk, counts):
    return dict(zip(zip(*map(values, chunk.values()), strict=True), counts.tolist(), strict=True))


def by_hand(source, names):
    chunk = concatenated(list(source.chunks(names)))
    found = {}
    for row in zip(*map(values, chunk.values()), strict=True):
        found[row] = found.get(row, 0.0) + 1.0
    return found


def check(source, names):
    tally = source.tally(names, 10**8)
    assert tally is not None
    expected = concatenated(list(source.chunks(names)))
    assert counts_of(tally.chunk, tally.counts) == by_hand(source, names)
    assert tally.rows == tally.counts.sum() == len(next(iter(expected.values())))
    assert list(tally.chunk) == list(names)
    for name, column in tally.chunk.items():
        assert type(column) is type(expected[name])
        if isinstance(column, Numbers):
            assert column.kind == expected[name].kind
        else:
            assert column.levels == expected[name].levels
    return tally


@st.composite
def tables(draw):
    names = draw(st.lists(st.sampled_from(list(CELLS)), min_size=1, max_size=3, unique=True))
    rows = draw(st.lists(st.tuples(*(st.sampled_from(CELLS[name][1]) for name in names)), min_size=1, max_size=8))
    times = draw(st.integers(30, 60))
    columns = zip(*(rows * times), strict=True)
    return pa.table({name: pa.array(cells, CELLS[name][0]) for name, cells in zip(names, columns, strict=True)})


@given(tables())
@settings(max_examples=12)
def test_a_tally_is_what_counting_gives(tmp_path_factory, table):
    folder = tmp_path_factory.mktemp("tally")
    names = table.column_names
    pq.write_table(table.slice(0, 30), folder / "0.parquet", row_group_size=11)
    pq.write_table(table.slice(30), folder / "1.parquet")
    found = check(source_of(folder), names)
    (folder / "csv").mkdir()
    plain = [pa.string() if name == "d" else table.schema.field(name).type for name in names]
    text = table.cast(pa.schema(list(zip(names, plain, strict=True)))).append_column("k", pa.repeat(1, len(table)))
    pa.csv.write_csv(text, folder / "csv" / "a.csv")  # where a line of one empty cell would be no row
    check(source_of(folder / "csv"), names)
    queried = check(nd.sql(f"from read_parquet('{folder}/*.parquet')"), names)
    assert counts_of(queried.chunk, queried.counts) == counts_of(found.chunk, found.counts)


def test_cells_that_are_one_value_are_counted_together(tmp_path):
    rows = ["1,a", "1.0, a", " 1,a", "NA,", ",NA", "1e0,a"] * 50
    (tmp_path / "a.csv").write_text("x,g\n" + "\n".join(rows) + "\n")
    tally = check(source_of(tmp_path / "a.csv"), ["x", "g"])
    assert counts_of(tally.chunk, tally.counts) == {("1.0", "' a'"): 50, ("1.0", "'a'"): 150, ("nan", "missing"): 100}


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_cells_in_quotes_are_counted_as_they_are_read(tmp_path, end):
    cells = [
        '"two\nlines"',
        '"say ""hi"""',
        '"a, b"',
        "it's",
        '""',
        '"NA"',
        '"  blank "',
        "  blank ",
        "é",
        "#",
        "\\n",
        '"1"',
    ]
    rows = [f"{cell},{place % 2}" for place in range(4000) for cell in cells]
    (tmp_path / "a.csv").write_bytes(end.join(["g,x", *rows, ""]).encode())
    check(source_of(tmp_path / "a.csv"), ["g", "x"])


def test_whole_numbers_beyond_floats_are_not_tallied(tmp_path):
    for place, each in enumerate(([2**62 + 1], [2**62 + 2])):
        pq.write_table(
            pa.table({"x": pa.array(each * 50, (pa.uint64(), pa.int64())[place])}), tmp_path / f"{place}.parquet"
        )
    with pytest.raises(nd.DataError, match="whole numbers beyond"):
        source_of(tmp_path).tally(["x"])


def test_files_of_different_types_are_tallied_as_they_are_read(tmp_path):
    for place, column in enumerate([[1] * 50, [1.0] * 25 + [2.5] * 25, pa.nulls(20)]):
        pq.write_table(pa.table({"x": column, "g": ["a"] * len(column)}), tmp_path / f"{place}.parquet")
    check(source_of(tmp_path), ["x", "g"])


def test_columns_of_folders_are_tallied(tmp_path):
    for year, region in ((2023, "it's"), (2024, "b"), ("__HIVE_DEFAULT_PARTITION__", "b")):
        place = tmp_path / f"year={year}" / f"region={region}"
        place.mkdir(parents=True)
        pq.write_table(pa.table({"x": [1, 2] * 40}), place / "a.parquet")
    source = source_of(tmp_path)
    check(source, ["x", "year", "region"])
    check(source, ["year"])


def test_a_tally_is_in_one_order_however_many_threads_count(tmp_path):
    random = np.random.default_rng(5)
    n = 300_000
    table = pa.table(
        {"x": random.integers(0, 40, n), "g": random.choice(["b", "a", "c"], n), "y": random.normal(size=n)}
    )
    pq.write_table(table, tmp_path / "a.parquet", row_group_size=20_000)
    source = source_of(tmp_path / "a.parquet")
    tally = source.tally(["g", "x"])
    assert tally.chunk["g"].codes.tolist() == sorted(tally.chunk["g"].codes.tolist())
    again = source.tally(["g", "x"], 64 * 10**6)
    assert np.array_equal(tally.counts, again.counts)
    assert np.array_equal(tally.chunk["x"].values, again.chunk["x"].values)
    assert source.tally(["g", "x", "y"]) is None


def test_a_tally_is_not_promised_by_the_first_rows(tmp_path):
    n = 400_000
    pq.write_table(pa.table({"x": np.r_[np.zeros(n // 2), np.arange(n / 2)]}), tmp_path / "a.parquet")
    assert source_of(tmp_path / "a.parquet").tally(["x"]) is None
    pq.write_table(pa.table({"x": np.repeat(np.arange(n / 50), 50)}), tmp_path / "b.parquet")
    assert check(source_of(tmp_path / "b.parquet"), ["x"]).rows == n
    pq.write_table(pa.table({"x": np.arange(n) % 20_000}), tmp_path / "c.parquet")
    assert check(source_of(tmp_path / "c.parquet"), ["x"]).rows == n


def test_names_that_differ_in_case_only_and_paths_that_look_like_patterns_are_not_tallied(tmp_path):
    table = pa.table({"x": [1] * 50, "X": [2] * 50})
    pq.write_table(table, tmp_path / "a.parquet")
    assert source_of(tmp_path / "a.parquet").tally(["x"]) is None
    pq.write_table(pa.table({"x": [1] * 50}), tmp_path / "[a].parquet")
    assert source_of(tmp_path / "[a].parquet").tally(["x"]) is None


def test_without_duckdb_nothing_is_tallied(tmp_path, monkeypatch):
    pq.write_table(pa.table({"x": [1] * 50}), tmp_path / "a.parquet")
    monkeypatch.setitem(sys.modules, "duckdb", None)
    assert source_of(tmp_path / "a.parquet").tally(["x"]) is None


def test_relations_are_tallied_again_and_again():
    source = source_of(duckdb.sql("select range % 3 as x, range % 2 = 0 as b from range(600)"))
    for names in (["x"], ["b", "x"], ["x"]):
        check(source, names)


def test_merging_nothing_gives_nothing():
    chunk, counts = merged({"x": Numbers(np.zeros(0))}, None)
    assert len(chunk["x"]) == len(counts) == 0


# nd.spill


def files_in(folder):
    return sorted(str(path) for path in Path(folder).rglob("*"))


TABLE = pa.table({"x": [1.5, None, 2.5], "g": ["b", None, "a"], "i": [3, 1, 2]})


def ways():
    yield TABLE.to_reader()
    yield iter(TABLE.to_batches(2))
    yield (TABLE.slice(place, 1) for place in range(3))
    yield (TABLE.slice(place, 1).to_pandas() for place in range(3))
    yield iter([pl.from_arrow(TABLE)])
    yield iter([{"x": [1.5, None], "g": ["b", None], "i": [3, 1]}, {"x": [2.5], "g": ["a"], "i": [2]}])
    yield duckdb.from_arrow(TABLE)
    yield duckdb.connect().execute(
        "select * from (values (1.5::double, 'b', 3), (null, null, 1), (2.5, 'a', 2)) t(x, g, i)"
    )
    yield source_of(TABLE)
    yield TABLE


def test_what_is_spilled_can_be_read_again_and_is_removed(tmp_path):
    expected = concatenated(list(source_of(TABLE).chunks(["x", "g", "i"])))
    for reader in ways():
        source = nd.spill(reader, tmp_path)
        for _ in range(2):
            found = concatenated(list(source.chunks(["x", "g", "i"])))
            assert np.array_equal(found["x"].values, expected["x"].values, equal_nan=True)
            assert np.array_equal(found["i"].values, expected["i"].values)
            assert found["g"].levels == ("a", "b") and found["g"].codes.tolist() == [1, -1, 0]
        assert files_in(tmp_path)
        del source
        gc.collect()
        assert not files_in(tmp_path)


def test_pieces_of_other_types_are_joined(tmp_path):
    (tmp_path / "a.csv").write_text("x,y\n1,a\n2,b\n2.5,a\n,\n")
    with pd.read_csv(tmp_path / "a.csv", chunksize=2) as reader:
        source = nd.spill(reader)
    found = concatenated(list(source.chunks(["x", "y"])))
    assert found["x"].kind == "f" and np.array_equal(found["x"].values, [1, 2, 2.5, np.nan], equal_nan=True)
    assert found["y"].codes.tolist() == [0, 1, 0, -1]


def test_partitions_keep_the_file_as_long_as_they_are_there(tmp_path):
    parts = nd.spill(TABLE.to_reader(), tmp_path).partitions
    gc.collect()
    assert len(next(iter(parts[0].read(["x"])))["x"]) == 3
    del parts
    gc.collect()
    assert not files_in(tmp_path)


def failing():
    yield TABLE
    raise RuntimeError("the line is dead")


class Stubborn:
    """A reader that cannot be interrupted by anything but Ctrl-C."""

    def __iter__(self):
        yield TABLE
        raise KeyboardInterrupt("Ctrl-C")


@pytest.mark.parametrize(
    ("reader", "error", "words"),
    [
        (failing(), RuntimeError, "the line is dead"),
        (Stubborn(), KeyboardInterrupt, "Ctrl-C"),
        (iter([TABLE, 5]), nd.InputTypeError, "not a list_iterator of int"),
        (iter([]), nd.DataError, "nothing to read"),
        (5, nd.InputTypeError, "nd.spill takes a pyarrow.RecordBatchReader"),
        ("a.csv", nd.InputTypeError, "not a str; for a file give its path to nd.glm"),
        (iter([TABLE, TABLE.select(["x"])]), nd.DataError, "has no column 'g'"),
    ],
)
def test_nothing_is_left_where_spilling_fails(tmp_path, reader, error, words):
    with pytest.raises(error, match=words):
        list(nd.spill(reader, tmp_path).chunks(["x", "g"]))
    gc.collect()
    assert not files_in(tmp_path)


def test_a_full_disk_is_one_error_and_leaves_nothing(tmp_path):
    resource = pytest.importorskip("resource")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    random = np.random.default_rng(1)
    many = (pa.table({"x": random.normal(size=50_000)}) for _ in range(20))
    import signal

    old = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, before[1]))
    try:
        with pytest.raises(nd.DataError, match=r"the rows cannot be written to .*File too large"):
            nd.spill(many, tmp_path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, old)
    gc.collect()
    assert not files_in(tmp_path)


def test_a_folder_that_is_not_there_is_named(tmp_path):
    with pytest.raises(nd.DataError, match=r"no temporary folder can be made \(No such file.*name one .* in folder="):
        nd.spill(TABLE, tmp_path / "none")


PROGRAM = """
import sys, pyarrow as pa, nelder as nd
source = nd.spill(pa.table({"x": [1.0, 2.0]}).to_reader(), sys.argv[1])
print(source.files.paths[0], flush=True)
if sys.argv[2] == "raise":
    raise SystemError("on purpose")
if sys.argv[2] == "exit":
    sys.exit(3)
"""


@pytest.mark.parametrize("end", ["run out", "raise", "exit"])
def test_the_file_is_removed_when_python_ends(tmp_path, end):
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(tmp_path), end], capture_output=True, text=True, check=False
    )
    assert done.stdout.startswith(str(tmp_path)) and done.returncode == {"run out": 0, "raise": 1, "exit": 3}[end]
    assert not files_in(tmp_path)


@pytest.mark.skipif(sys.platform == "win32", reason="no locks here")
def test_what_a_killed_process_left_is_removed_by_the_next_and_what_a_living_one_has_is_not(tmp_path):
    waiting = [sys.executable, "-c", f"{PROGRAM}import time; time.sleep(60)", str(tmp_path), "wait"]
    with subprocess.Popen(waiting, stdout=subprocess.PIPE, text=True) as process:
        try:
            left = Path(process.stdout.readline().strip())
            here = nd.spill(TABLE, tmp_path)
            assert left.exists()
        finally:
            process.kill()
    assert left.exists()
    there = nd.spill(TABLE, tmp_path)
    assert sorted(tmp_path.iterdir()) == sorted([here.held.path, there.held.path])


FORKED = """
import os, sys, nelder as nd, pyarrow as pa
source = nd.spill(pa.table({"x": [1.0, 2.0, 3.0]}), sys.argv[1])
child = os.fork()
if not child:
    source.held.remove()
    os._exit(0)
os.waitpid(child, 0)
print(len(next(iter(source.chunks(["x"])))["x"]))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are not forked here")
def test_a_forked_process_leaves_the_file_alone(tmp_path):
    done = subprocess.run([sys.executable, "-c", FORKED, str(tmp_path)], capture_output=True, text=True, check=True)
    assert done.stdout == "3\n"


def test_a_query_that_draws_at_random_stays_as_it_is_when_spilled():
    source = nd.spill(nd.sql("select random() as r, range as i from range(1000)"))
    first, second = (concatenated(list(source.chunks(["r", "i"]))) for _ in range(2))
    assert np.array_equal(first["r"].values, second["r"].values)
    assert first["i"].kind == "i"
