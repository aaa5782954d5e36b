"""Whether a table reads the same in pieces, whole and in memory: files, folders, queries, data sets, readers."""

import csv
import itertools
import pickle
import sys
from decimal import Decimal
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.csv
import pyarrow.dataset
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import nelder as nd
from nelder.sources import PIECE, Labels, Numbers, concatenated, joined_levels, source_of
from nelder.sources import csv as csv_files
from nelder.sources.cells import MISSING
from nelder.sources.parquet import SMALL, grouped

TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=4)
COLUMNS = {
    "whole": (pa.int64(), st.integers(-(2**53) + 1, 2**53 - 1)),
    "small": (pa.uint8(), st.integers(0, 255)),
    "float": (pa.float64(), st.floats(allow_infinity=True, allow_nan=True)),
    "single": (pa.float32(), st.floats(width=32)),
    "money": (pa.decimal128(9, 2), st.decimals(-999, 999, places=2)),
    "flag": (pa.bool_(), st.booleans()),
    "text.dotted": (pa.string(), TEXTS),
    "text": (pa.large_string(), TEXTS),
    "coded": (pa.dictionary(pa.int8(), pa.string()), st.sampled_from(["z", "a", "ß", ""])),
    "numbered": (pa.dictionary(pa.int8(), pa.int64()), st.sampled_from([10, 9, 1])),
    "nothing": (pa.null(), st.none()),
}


def same(one, other):
    assert list(one) == list(other)
    for name in one:
        a, b = one[name], other[name]
        assert type(a) is type(b), name
        if isinstance(a, Numbers):
            assert a.kind == b.kind, name
            assert np.array_equal(a.values, b.values, equal_nan=True), name
        else:
            assert a.levels == b.levels, name
            assert [type(level) for level in a.levels] == [type(level) for level in b.levels]
            assert np.array_equal(a.codes, b.codes), name


def whole(source, names=None):
    return concatenated(list(source.chunks(source.names if names is None else names)))


def by_partitions(source, names=None):
    """As a worker elsewhere reads them: pickled and back."""
    names = source.names if names is None else names
    parts = pickle.loads(pickle.dumps(source.partitions))
    pieces = [list(part.read(names)) for part in parts]
    for part, found in zip(parts, pieces, strict=True):
        rows = [len(piece[names[0]]) for piece in found]
        assert rows and max(rows) <= PIECE
        assert part.rows in (None, sum(rows))
    return concatenated([piece for found in pieces for piece in found])


@st.composite
def arrow_tables(draw, known=tuple(name for name in COLUMNS if name != "numbered")):
    """Tables that Parquet holds as they are: categories that are numbers come back as numbers."""
    n = draw(st.integers(0, 12))
    names = draw(st.lists(st.sampled_from(list(known)), min_size=1, max_size=5, unique=True))
    columns = {}
    for name in names:
        kind, values = COLUMNS[name]
        cells = draw(st.lists(st.one_of(st.none(), values), min_size=n, max_size=n))
        columns[name] = pa.array(cells, kind)
    return pa.table(columns)


@given(arrow_tables(), st.integers(1, 5), st.lists(st.integers(0, 12), max_size=3))
@settings(max_examples=60)
def test_parquet_in_any_row_groups_and_files_is_the_table_in_memory(tmp_path_factory, table, group, cuts):
    folder = tmp_path_factory.mktemp("parts")
    ends = sorted({0, len(table), *(min(cut, len(table)) for cut in cuts)})
    stretches = list(itertools.pairwise(ends)) or [(0, 0)]
    for place, (start, end) in enumerate(stretches):
        pq.write_table(table.slice(start, end - start), folder / f"{place}.parquet", row_group_size=group)
    source, memory = source_of(folder), whole(source_of(table))
    same(whole(source), memory)
    same(by_partitions(source), memory)
    last = source.names[-1]
    same(by_partitions(source, [last]), {last: memory[last]})


@given(arrow_tables(tuple(name for name in COLUMNS if name not in ("numbered", "nothing"))))
@settings(max_examples=10)
def test_duckdb_reads_parquet_as_it_is_in_memory(tmp_path_factory, table):
    """Of columns without a type, and categories that are numbers, DuckDB knows nothing."""
    path = tmp_path_factory.mktemp("parts") / "a.parquet"
    pq.write_table(table, path, row_group_size=5)
    same(whole(nd.sql(f"from '{path}'")), whole(source_of(table)))


@given(arrow_tables())
@settings(max_examples=30)
def test_data_sets_are_the_table_in_memory(tmp_path_factory, table):
    folder = tmp_path_factory.mktemp("parts")
    pq.write_table(table, folder / "a.parquet", row_group_size=2)
    memory = whole(source_of(table))
    same(by_partitions(source_of(pa.dataset.dataset(folder))), memory)


@given(arrow_tables(tuple(COLUMNS)))
@settings(max_examples=50)
def test_reopened_readers_are_the_table_in_memory(table):
    memory = whole(source_of(table))
    reader = source_of(lambda: pa.RecordBatchReader.from_batches(table.schema, table.to_batches(3)))
    same(whole(reader), memory)
    same(whole(reader), memory)


def test_pandas_and_polars_give_the_columns_of_the_file(tmp_path):
    frame = pl.DataFrame(
        {"i": [3, None, 1], "f": [0.5, float("nan"), None], "b": [True, None, False], "t": ["ü", None, "a"]}
    )
    frame.write_parquet(tmp_path / "a.parquet")
    same(whole(source_of(frame)), whole(source_of(tmp_path / "a.parquet")))
    same(whole(source_of(frame.to_arrow())), whole(source_of(frame)))
    nullable = frame.to_pandas().convert_dtypes()
    same(whole(source_of(nullable), ["i", "b", "t"]), whole(source_of(frame), ["i", "b", "t"]))


def test_row_groups_are_joined_while_they_are_small():
    assert grouped([]) == [()]
    assert grouped([10, 20, 30]) == [(0, 1, 2)]
    assert grouped([SMALL, 1, SMALL - 1, 1]) == [(0,), (1, 2), (3,)]
    assert grouped([3 * SMALL, 5]) == [(0,), (1,)]


def test_a_large_row_group_is_read_in_pieces(tmp_path):
    n = 3 * PIECE + 7
    pq.write_table(pa.table({"x": np.arange(n), "g": ["a"] * n}), tmp_path / "a.parquet", row_group_size=n)
    (part,) = source_of(tmp_path / "a.parquet").partitions
    assert part.rows == n and part.label == f"'{tmp_path / 'a.parquet'}', row group 0"
    pieces = list(part.read(["x"]))
    assert [len(piece["x"]) for piece in pieces] == [PIECE, PIECE, PIECE, 7]
    assert np.array_equal(concatenated(pieces)["x"].values, np.arange(n))


def test_arrays_and_frames_are_one_partition_read_in_pieces():
    n = PIECE + 3
    table = {"x": np.arange(n), "g": np.array(["b", "a", "c"])[np.arange(n) % 3]}
    for data in (table, pa.table(table)):
        source = source_of(data)
        (part,) = source.partitions
        pieces = list(part.read(["g", "x"]))
        assert [len(piece["x"]) for piece in pieces] == [PIECE, 3]
        same(concatenated(pieces), whole(source, ["g", "x"]))
        assert source.size(["x"]) == 0


def test_sizes_are_bytes_once_read(tmp_path):
    table = pa.table({"x": [1, 2, 3], "g": ["a", "b", None], "d": pa.array([0, 1, 2], pa.date32())})
    pq.write_table(table, tmp_path / "a.parquet")
    pa.csv.write_csv(table, tmp_path / "a.csv")
    for data in (tmp_path / "a.parquet", tmp_path / "a.csv", pa.dataset.dataset(tmp_path / "a.parquet")):
        assert source_of(data).size(["x", "g"]) == 3 * (8 + 4)
    assert nd.sql(f"from '{tmp_path}/a.parquet'").size(["x", "g"]) == 3 * (8 + 4)
    reader = source_of(lambda: pa.RecordBatchReader.from_batches(table.schema, table.to_batches()))
    assert reader.size(["x"]) is None


@pytest.mark.parametrize(
    ("types", "kind"),
    [
        ((pa.int64(), pa.float64()), "f"),
        ((pa.float32(), pa.null()), "f"),
        ((pa.null(), pa.int8()), "i"),
        ((pa.bool_(), pa.int64()), "i"),
        ((pa.null(), pa.bool_()), "b"),
    ],
)
def test_a_column_has_one_type_in_all_files(tmp_path, types, kind):
    for place, each in enumerate(types):
        cells = [None, None] if pa.types.is_null(each) else [0, 1]
        pq.write_table(pa.table({"x": pa.array(cells).cast(each)}), tmp_path / f"{place}.parquet")
    for part in source_of(tmp_path).partitions:
        (chunk,) = part.read(["x"])
        assert isinstance(chunk["x"], Numbers) and chunk["x"].kind == kind


def test_text_that_is_all_missing_in_a_file_stays_text(tmp_path):
    pq.write_table(pa.table({"g": pa.nulls(2)}), tmp_path / "0.parquet")
    pq.write_table(pa.table({"g": ["b", "a"]}), tmp_path / "1.parquet")
    pq.write_table(pa.table({"g": pa.array(["c", "b"]).dictionary_encode()}), tmp_path / "2.parquet")
    found = whole(source_of(tmp_path))["g"]
    assert found.levels == ("a", "b", "c") and found.codes.tolist() == [-1, -1, 1, 0, 2, 1]


def test_levels_of_pieces_are_those_of_the_whole():
    assert joined_levels([("b", "d"), ("a", "b")]) == ("a", "b", "d")
    assert joined_levels([("b", "a"), ("b", "a", "c")]) == ("b", "a", "c")
    assert joined_levels([("b", "a"), ("0",)]) == ("b", "a", "0")
    assert joined_levels([(), (2, 10), (1,)]) == (1, 2, 10)


def test_pieces_of_a_column_are_of_one_kind():
    whole, parts, none = Numbers(np.array([1.0, 2.0]), "i"), Numbers(np.array([2.5]), "f"), Labels(np.array([-1]), ())
    made = concatenated([{"x": each} for each in (none, whole, parts, none)])["x"]
    assert made.kind == "f"
    np.testing.assert_array_equal(made.values, [np.nan, 1, 2, 2.5, np.nan])
    labels, gap = Labels(np.array([0, -1]), ("a",)), Numbers(np.array([np.nan]))
    made = concatenated([{"x": each} for each in (gap, labels, none)])["x"]
    assert made.levels == ("a",) and made.codes.tolist() == [-1, 0, -1, -1]
    with pytest.raises(nd.DataError, match="'x' is numeric in some parts and categorical in others"):
        concatenated([{"x": whole}, {"x": labels}])
    assert joined_levels([(1,), ("a",)]) == (1, "a")
    assert joined_levels([]) == ()


# Folders, patterns and lists


def partitioned(folder):
    for year, rows in ((2023, [1, 2]), (2024, [3])):
        for region in ("north", "a b/ü"):
            name = region.replace(" ", "%20").replace("/", "%2F")
            place = folder / f"year={year}" / f"region={name}"
            place.mkdir(parents=True)
            pq.write_table(pa.table({"x": rows}), place / "part.parquet")
    (folder / "_metadata.parquet").write_text("a note of the program that wrote the files")
    (folder / ".hidden").mkdir()


def test_folders_give_columns(tmp_path):
    partitioned(tmp_path)
    source = source_of(tmp_path)
    assert source.names == ("x", "year", "region")
    found = by_partitions(source, ["region", "x", "year"])
    assert found["x"].values.tolist() == [1, 2, 1, 2, 3, 3]
    assert found["year"].values.tolist() == [2023] * 4 + [2024] * 2 and found["year"].kind == "i"
    assert found["region"].levels == ("a b/ü", "north")
    assert found["region"].codes.tolist() == [0, 0, 1, 1, 0, 1]
    assert whole(source, ["year"])["year"].values.tolist() == [2023] * 4 + [2024] * 2
    pattern = source_of(str(tmp_path / "year=*" / "*" / "*.parquet"))
    same(whole(pattern, ["x", "year"]), whole(source, ["x", "year"]))


def test_a_folder_without_a_value_is_a_missing_one(tmp_path):
    for value in ("7", "__HIVE_DEFAULT_PARTITION__"):
        (tmp_path / f"k={value}").mkdir()
        pq.write_table(pa.table({"x": [1.0]}), tmp_path / f"k={value}" / "a.parquet")
    (tmp_path / "z").mkdir()
    assert np.array_equal(by_partitions(source_of(tmp_path))["k"].values, [7, np.nan], equal_nan=True)


def test_patterns_and_lists_are_read_in_order(tmp_path, monkeypatch):
    for name in ("b", "a", "c"):
        pq.write_table(pa.table({"g": [name]}), tmp_path / f"{name}.parquet")
        (tmp_path / f"{name}.csv").write_text(f"g\n{name}\n")
    monkeypatch.chdir(tmp_path)
    for ending in ("parquet", "csv"):
        assert whole(source_of(f"*.{ending}"))["g"].codes.tolist() == [0, 1, 2]
        listed = source_of([f"c.{ending}", Path(f"a.{ending}")])
        assert [part.label.split(",")[0] for part in listed.partitions] == [f"'c.{ending}'", f"'a.{ending}'"]
        assert whole(listed)["g"].codes.tolist() == [1, 0]
    pq.write_table(pa.table({"g": ["q"]}), tmp_path / "[a].parquet")
    assert whole(source_of("[a].parquet"))["g"].levels == ("q",)


# CSV: what pyarrow makes of the file at once


ODD = [
    "1",
    "0",
    "2.5",
    "1e3",
    "true",
    "False",
    "a",
    "NA",
    "",
    "nan",
    "-3",
    " 4",
    "5\t",
    "0x1F",
    "+1",
    "inf",
    "99999999999999999999",
]
ODD += [
    "01",
    "é",
    'say ""hi""',
    '"quoted, with comma"',
    '"two\nlines"',
    '" NA"',
    "2024-01-01",
    "2024-01-01 10:00:00",
    "10:00",
    "None",
    '""',
]
SETS = [
    ODD,
    ["1", "0", "true", "", "7"],
    ["1", "2.5", "NA", "n/a"],
    ["1", "0x1F", "2.5"],
    ["2024-01-01", "x", "", "2024-01-01 10:00:00"],
]


SIGNED = int(pa.__version__.split(".")[0]) > 22  # older ones read +1 as one thing in a file, another in a column


@st.composite
def csv_texts(draw):
    width = draw(st.integers(1, 3))
    sets = [cells if SIGNED else [cell for cell in cells if cell != "+1"] for cells in SETS]
    cells = [st.sampled_from(draw(st.sampled_from(sets))) for _ in range(width)]
    rows = draw(st.lists(st.tuples(*cells), max_size=25))
    rows = [row for row in rows if width > 1 or row[0] != ""]
    end = draw(st.sampled_from(["\n", "\r\n"]))
    lines = [",".join(f"c{place}" for place in range(width)), *(",".join(row) for row in rows)]
    return draw(st.sampled_from(["", "\ufeff"])) + end.join(lines) + end


def at_once(text):
    options = pa.csv.ConvertOptions(null_values=list(MISSING), strings_can_be_null=True)
    return pa.csv.read_csv(pa.py_buffer(text.encode()), convert_options=options)


def either(action):
    try:
        return action()
    except nd.NelderError as error:
        return type(error)


@given(csv_texts(), st.sampled_from([90, 300, 1 << 20]))
@settings(max_examples=120)
def test_a_csv_file_in_blocks_is_what_it_is_at_once(tmp_path_factory, text, block):
    path = tmp_path_factory.mktemp("csv") / "a.csv"
    path.write_bytes(text.encode())
    memory = source_of(at_once(text))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(csv_files, "BLOCK", block)
        for name in memory.names:
            source, expected = source_of(path), either(lambda name=name: whole(memory, [name]))
            for read in (whole, by_partitions):
                found = either(lambda read=read, source=source, name=name: read(source, [name]))
                if isinstance(expected, dict):
                    same(found, expected)
                else:
                    assert found is expected


@pytest.mark.parametrize(
    ("first", "late", "kind"),
    [
        ("1", "2.5", "f"),
        ("1", "", "i"),
        ("0", "true", "b"),
        ("", "7", "i"),
        ("", "x", None),
        ("1", "n/a", None),
        ("2.5", "n/a", None),
    ],
)
def test_types_that_change_late_are_those_of_all_rows(tmp_path, monkeypatch, first, late, kind):
    path = tmp_path / "late.csv"
    path.write_text("x,y\n" + f"{first},1\n" * 50_000 + f"{late},2\n")
    monkeypatch.setattr(csv_files, "BLOCK", 1 << 16)
    column = whole(source_of(path), ["x"])["x"]
    if kind is None:
        assert isinstance(column, Labels) and set(column.levels) == {first, late} - {""}
    else:
        assert isinstance(column, Numbers) and column.kind == kind
    same({"x": column}, whole(source_of(at_once(path.read_text())), ["x"]))


def test_only_the_columns_asked_for_are_looked_at(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("x,d\n1,2024-01-01\n2,2024-01-02\n")
    source = source_of(path)
    assert whole(source, ["x"])["x"].values.tolist() == [1, 2]
    assert set(source.look.layout.kinds) == {"x"}
    assert [part.rows for part in source.partitions] == [2]
    elsewhere = pickle.loads(pickle.dumps(source.partitions[0]))
    assert set(elsewhere.look.layout.kinds) == {"x", "d"}


def test_a_table_of_csv_files_has_one_type_a_column(tmp_path):
    (tmp_path / "a.csv").write_text("x,y\n1,1\n2,1\n")
    (tmp_path / "b.csv").write_text("y,x\n1,2.5\n1,\n")
    found = by_partitions(source_of(tmp_path))
    assert found["x"].kind == "f" and np.array_equal(found["x"].values, [1, 2, 2.5, np.nan], equal_nan=True)


def test_a_header_without_rows_may_lie_beside_truth_values(tmp_path):
    (tmp_path / "a.csv").write_text("b,x\n")
    (tmp_path / "b.csv").write_text("b,x\ntrue,1\nfalse,2\n")
    found = whole(source_of(tmp_path))["b"]
    assert found.kind == "b" and found.values.tolist() == [1, 0]


def test_a_header_without_rows_is_an_empty_table(tmp_path):
    (tmp_path / "a.csv").write_text("x,y\n")
    pq.write_table(pa.table({"x": pa.array([], pa.int64())}), tmp_path / "a.parquet")
    for name in ("a.csv", "a.parquet"):
        assert [len(piece["x"]) for part in source_of(tmp_path / name).partitions for piece in part.read(["x"])] == [0]
        with pytest.raises(nd.DataError, match="no rows to fit: the table is empty"):
            nd.glm("x ~ 1", tmp_path / name)


# DuckDB


def test_a_query_is_a_table(tmp_path):
    pq.write_table(pa.table({"k": [1, 2, 3], "x": [0.5, None, 2.5]}), tmp_path / "a.parquet")
    (tmp_path / "b.csv").write_text("k,g\n1,u\n2,v\n3,\n")
    query = f"select x, g, k % 2 = 0 as even from '{tmp_path}/a.parquet' join '{tmp_path}/b.csv' using (k) order by k;"
    source = nd.sql(query)
    expected = {"x": [0.5, None, 2.5], "g": ["u", "v", None], "even": [False, True, False]}
    same(by_partitions(source), whole(source_of(pa.table(expected))))
    same(whole(source_of(duckdb.sql(query[:-1]))), whole(source))


def test_a_query_reads_a_database_file(tmp_path):
    with duckdb.connect(tmp_path / "d.duckdb") as connection:
        connection.execute("create table t as select range as i, range % 2 as j from range(10)")
    source = nd.sql("select * from t", tmp_path / "d.duckdb")
    assert by_partitions(source)["i"].values.tolist() == list(range(10))
    with pytest.raises(nd.DataError, match="read-only"):
        nd.sql("insert into t values (1, 2); select 1 as x", str(tmp_path / "d.duckdb"))


def test_a_query_cannot_see_variables():
    frame = pd.DataFrame({"x": [1]})
    assert len(frame) == 1
    with pytest.raises(nd.DataError, match="frame does not exist"):
        nd.sql("select * from frame")
    assert whole(source_of(duckdb.sql("select * from frame")))["x"].values.tolist() == [1]


def test_a_relation_can_be_read_while_it_is_read():
    connection = duckdb.connect()
    source = source_of(connection.sql("select range as i from range(600000)"))
    begun = source.chunks(["i"])
    next(begun)
    begun.close()
    assert len(whole(source)["i"]) == 600_000
    with pytest.raises(nd.CapabilityError, match=r"nd\.sql"):
        pickle.dumps(source.partitions)


def test_fits_of_all_sources_are_the_same(tmp_path):
    random = np.random.default_rng(3)
    table = pa.table(
        {"x": random.normal(size=300), "g": random.choice(["b", "a", "c"], 300), "y": random.poisson(2, 300)}
    )
    folder = tmp_path / "parts"
    folder.mkdir()
    for place in range(3):
        pq.write_table(table.slice(place * 100, 100), folder / f"{place}.parquet", row_group_size=30)
    pa.csv.write_csv(table, tmp_path / "t.csv")
    expected = nd.glm("y ~ x * g", table, "poisson")
    for data in (
        folder, str(folder / "*.parquet"), str(tmp_path / "t.csv"), nd.sql(f"from '{folder}/*.parquet'"),
        duckdb.from_arrow(table), pa.dataset.dataset(folder), table.to_reader, nd.spill(table.to_reader()),
    ):  # fmt: skip
        fit = nd.glm("y ~ x * g", data, "poisson")
        assert fit.names == expected.names
        np.testing.assert_allclose(fit.coef, expected.coef, rtol=1e-11)  # read in parts, or at once
        assert fit.deviance == pytest.approx(expected.deviance, rel=1e-13)
    new = expected.predict(table)
    assert np.array_equal(expected.predict(folder), new)


def test_csv_is_read_without_pyarrow_one_file_at_a_time(tmp_path, monkeypatch):
    with (tmp_path / "a.csv").open("w", newline="") as lines:
        csv.writer(lines).writerows([["x", "g"], [1, "a"], [2, "b"]])
    (tmp_path / "b.csv").write_text("x,g\n1,a\n")
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    source = source_of(tmp_path / "a.csv")
    assert whole(source)["x"].values.tolist() == [1, 2] and source.size(["x"]) == 0 and source.tally(["x"]) is None
    with pytest.raises(nd.MissingExtraError, match="several files"):
        _ = source_of(tmp_path).names


CELLS = [
    "1",
    "+3",
    " 7 ",
    ".5",
    "1e5",
    "1_0",
    "\u0663",
    "0x1F",
    "-inf",
    "TRUE",
    "true",
    "yes",
    "01234",
    "1,5",
    "\u00a07",
    "NA",
]


@pytest.mark.parametrize("reader", ["memory", "parts", "cells", "plain"])
@pytest.mark.parametrize(("ending", "separator"), [("csv", ";"), ("csv", "\t"), ("tsv", "\t"), ("csv", ",")])
def test_the_header_shows_what_separates_cells(tmp_path, monkeypatch, ending, separator, reader):
    others = "".join({",", ";", "\t"} - {separator})
    named = ["a name, with; all\tof them", "g", "y"]
    rows = [["1.5", f"a{others}b", "1"], ["2.5", f'"{separator}', "2"], ["4.5", "c", "4"], ["0.5", "c", "1"]] * 3
    path = tmp_path / f"a.{ending}"
    with path.open("w", newline="") as lines:
        writer = csv.writer(lines, delimiter=separator)
        lines.write(separator.join(f'"{name}"' for name in named) + "\n")
        writer.writerows(rows)
    engine = nd.Threads(memory=1) if reader == "parts" else "threads"
    if reader == "plain":
        monkeypatch.setitem(sys.modules, "pyarrow", None)
    fit = nd.glm("y ~ g", path, "poisson", compress=True if reader == "cells" else "auto", engine=engine)
    expected = nd.glm("y ~ g", {"g": [row[1] for row in rows], "y": [int(row[2]) for row in rows]}, "poisson")
    assert fit.names == expected.names
    np.testing.assert_allclose(fit.coef, expected.coef, rtol=1e-9)


@pytest.mark.parametrize("reader", ["pyarrow", "plain"])
def test_a_line_that_does_not_fit_a_header_with_semicolons_is_named(tmp_path, monkeypatch, reader):
    (tmp_path / "a.csv").write_text("x;y\n1,5;2\n2,5;3;4\n")
    if reader == "plain":
        monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(nd.DataError, match="line 3 has 3 cells and the header 2"):
        nd.glm("y ~ x", tmp_path / "a.csv")


@pytest.mark.parametrize("other", [[], ["2"], ["true"], ["b"]])
@pytest.mark.parametrize("cell", CELLS)
def test_csv_without_pyarrow_is_read_as_with_it(tmp_path, monkeypatch, cell, other):
    rows = [[each, "1"] for each in (cell, *other)]
    with (tmp_path / "a.csv").open("w", newline="", encoding="utf-8-sig") as lines:
        csv.writer(lines).writerows([["x", "y"], *rows, []])
    there = whole(source_of(tmp_path / "a.csv"))["x"]
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    here = whole(source_of(tmp_path / "a.csv"))["x"]
    if (cell, other) == ("NA", []):  # of a column without values nothing is known
        return
    assert type(here) is type(there)
    for name in ("values",) if isinstance(there, Numbers) else ("levels", "codes"):
        np.testing.assert_array_equal(getattr(here, name), getattr(there, name))


@pytest.mark.parametrize("date", ["2020-01-31", "2020-01-31 10:00", "12:30"])
def test_dates_are_refused_without_pyarrow_too(tmp_path, monkeypatch, date):
    (tmp_path / "a.csv").write_text(f"x,y\n{date},1\n{date},2\n")
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(nd.NelderError, match="column 'x'"):
        whole(source_of(tmp_path / "a.csv"))


@pytest.mark.parametrize(("begin", "words"), [
    ("x,y\n1,2\n".encode("utf-16"), "it is UTF-16: save it as UTF-8"),
    (b"\x1f\x8b\x08\x00abc", "compressed by gzip: unpack it"),
    (b"PK\x03\x04abc", "spreadsheet or a zip archive"),
    ("größe,y\n1,2\n".encode("latin-1"), "line 1 is not UTF-8"),
])  # fmt: skip
def test_a_file_of_another_kind_is_said_to_be_one(tmp_path, monkeypatch, begin, words):
    (tmp_path / "a.csv").write_bytes(begin)
    for hidden in (False, True):
        if hidden:
            monkeypatch.setitem(sys.modules, "pyarrow", None)
        with pytest.raises(nd.DataError, match=words):
            _ = source_of(tmp_path / "a.csv").names


def test_decimals_are_numbers(tmp_path):
    pq.write_table(pa.table({"m": [Decimal("1.25"), None, Decimal("-3.00")]}), tmp_path / "a.parquet")
    found = whole(source_of(tmp_path / "a.parquet"))["m"]
    assert np.array_equal(found.values, [1.25, np.nan, -3], equal_nan=True) and found.kind == "f"


def test_decimals_are_the_nearest_doubles(tmp_path):
    texts = [f"{cents / 100:.2f}" for cents in range(1, 10_001)]
    table = pa.table({"m": pa.array([Decimal(text) for text in texts], pa.decimal128(12, 2))})
    pq.write_table(table, tmp_path / "a.parquet")
    frames = [pl.from_arrow(table), table.to_pandas(types_mapper=pd.ArrowDtype)]
    for data in (table, tmp_path / "a.parquet", nd.sql(f"select m from '{tmp_path}/a.parquet'"), *frames):
        assert whole(source_of(data))["m"].values.tolist() == [float(text) for text in texts]
    long = pa.table({"m": pa.array([Decimal("12345678901234567.1")], pa.decimal128(38, 1))})
    for data in (long, pl.from_arrow(long), long.to_pandas(types_mapper=pd.ArrowDtype)):
        assert whole(source_of(data))["m"].values.tolist() == [12345678901234567.1]


def test_distinct_decimals_are_counted_as_the_doubles_they_are(tmp_path):
    table = pa.table({"m": pa.array([Decimal(k % 100) / 100 for k in range(4000)], pa.decimal128(12, 2))})
    pq.write_table(table, tmp_path / "a.parquet")
    tally = source_of(tmp_path / "a.parquet").tally(["m"])
    assert tally.chunk["m"].values.tolist() == [k / 100 for k in range(100)]


CODED = ["3", "1", "2", "1", "3", None, "2", "3"]


@pytest.mark.parametrize(
    "series",
    [
        pd.Categorical([3, 1, 2, 1, 3, None, 2, 3]),
        pd.Series(pd.Categorical(CODED, ["3", "2", "1"])),
        pl.Series(CODED, dtype=pl.Enum(["2", "9", "1", "3"])),
        pa.array([3, 1, 2, 1, 3, None, 2, 3]).dictionary_encode(),
        pd.array(CODED, dtype="string"),
        pd.array([True, None, False, True, False, True, True, False], dtype="boolean"),
        pd.cut(pd.Series(range(8)), [-1, 2, 5, 9], labels=["low", "mid", "high"]),
    ],
    ids=lambda series: str(series.dtype if hasattr(series, "dtype") else series.type),
)
def test_a_series_in_a_dictionary_is_read_as_in_a_table(series):
    alone = {"x": series}
    if isinstance(series, pl.Series):
        table = pl.DataFrame(alone)
    else:
        table = pa.table(alone) if isinstance(series, pa.Array) else pd.DataFrame(alone)
    given, read = (next(iter(source_of(data).read(["x"])))["x"] for data in (alone, table))
    assert type(given) is type(read)
    if isinstance(read, Labels):
        assert given.levels == read.levels
        assert given.codes.tolist() == read.codes.tolist()
    else:
        np.testing.assert_array_equal(given.values, read.values)


def test_sparse_numbers_are_numbers_in_a_dictionary_and_in_a_table():
    given = pd.Series(pd.arrays.SparseArray([0.0, 1.0, 0.0, 2.5]))
    for data in ({"x": given}, pd.DataFrame({"x": given})):
        assert next(iter(source_of(data).read(["x"])))["x"].values.tolist() == [0.0, 1.0, 0.0, 2.5]
