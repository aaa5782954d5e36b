"""What is said of tables that cannot be read: broken, vanished and changed files, columns that do not go together,
what can be read only once, and queries that do not run.
"""

import io
import os
import pickle
import re
import signal
import subprocess
import sys
import time
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

import nelder as nd
from nelder.sources import source_of
from nelder.sources.paths import files_of


def read(data, names):
    return [piece for part in source_of(data).partitions for piece in part.read(names)]


@pytest.fixture
def parts(tmp_path, monkeypatch):
    """Three files of three row groups each, uncompressed, with checksums."""
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "claims"
    folder.mkdir()
    random = np.random.default_rng(1)
    for place in range(3):
        table = pa.table({"x": random.normal(size=3000), "g": random.choice(["u", "v"], 3000)})
        pq.write_table(
            table, folder / f"{place}.parquet", row_group_size=1000, write_page_checksum=True,
            compression="none", use_dictionary=["g"],
        )  # fmt: skip
    return folder


def test_a_truncated_file_is_named(parts):
    path = parts / "1.parquet"
    path.write_bytes(path.read_bytes()[:-7])
    with pytest.raises(nd.DataError, match=r"^'claims/1.parquet' cannot be read as Parquet: .*") as caught:
        nd.glm("x ~ g", "claims")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("group", [0, 1, 2])
def test_a_flipped_byte_names_file_and_row_group(parts, group):
    path = parts / "2.parquet"
    where = pq.ParquetFile(path).metadata.row_group(group).column(0).data_page_offset + 4000
    content = bytearray(path.read_bytes())
    content[where] ^= 0xFF
    path.write_bytes(content)
    with pytest.raises(nd.DataError, match=rf"^'claims/2.parquet', row group {group} cannot be read as Parquet: .*CRC"):
        nd.glm("x ~ g", "claims")
    assert sum(len(piece["g"]) for piece in read("claims", ["g"])) == 9000


@pytest.mark.parametrize("compression", ["snappy", "zstd"])
def test_a_bit_flipped_anywhere_is_found_or_does_no_harm(tmp_path, compression):
    path, random = tmp_path / "a.parquet", np.random.default_rng(2)
    table = pa.table({"x": random.integers(0, 50, 4000), "g": random.choice(["u", "v", "äöü"], 4000)})
    pq.write_table(table, path, row_group_size=1500, compression=compression, write_page_checksum=True)
    good = path.read_bytes()
    expected = [piece["x"].values for piece in read(path, ["x", "g"])]
    ends = np.arange(len(good) - 900, len(good))  # of the file, without checksums
    for where in [*random.integers(4, len(good), 150), *random.choice(ends, 150)]:
        content = bytearray(good)
        content[where] ^= 1 << random.integers(8)
        path.write_bytes(content)
        try:
            found = [piece["x"].values for piece in read(path, ["x", "g"])]
        except (nd.UnknownNameError, nd.InputTypeError):  # a name or a type was hit
            continue
        except nd.DataError as error:
            assert str(path) in str(error)
        else:
            assert all(np.array_equal(one, other) for one, other in zip(found, expected, strict=True))


@pytest.mark.parametrize("name", ["1.parquet", "1.csv"])
def test_a_file_that_vanishes_is_named(parts, name):
    if name.endswith("csv"):
        for path in parts.glob("*.parquet"):
            pa.csv.write_csv(pq.read_table(path), path.with_suffix(".csv"))
            path.unlink()
    source = source_of("claims")
    assert source.size(["x"]) == 9000 * 8
    (parts / name).unlink()
    with pytest.raises(nd.DataError, match=rf"'claims/{name}' cannot be read as \w+: .*No such file"):
        list(source.chunks(["x"]))


def test_a_file_that_changes_is_named(parts):
    source = source_of("claims")
    assert source.partitions
    pq.write_table(pa.table({"x": [1.0], "g": ["u"]}), parts / "0.parquet")
    with pytest.raises(nd.DataError, match=r"'claims/0.parquet' has changed since it was first looked at: begin again"):
        list(source.chunks(["x"]))


@pytest.mark.parametrize("later", ["x\n1\n2\n3\n", "x\n1\nb\n"])
def test_a_csv_file_that_changes_is_named(tmp_path, later):
    path = tmp_path / "a.csv"
    path.write_text("x\n1\n2\n")
    source = source_of(path)
    assert source.size(["x"]) == 16
    path.write_text(later)
    with pytest.raises(nd.DataError, match="has changed since"):
        list(source.chunks(["x"]))


def test_a_folder_may_stand_in_place_of_a_file(parts):
    source = source_of("claims")
    assert source.partitions
    (parts / "0.parquet").unlink()
    (parts / "0.parquet").mkdir()
    with pytest.raises(nd.DataError, match=r"'claims/0.parquet' cannot be read"):
        list(source.chunks(["x"]))


CLASHES = {
    "numbers and text": (
        {"x": [1.5]}, {"x": ["a"]}, r"column 'x' is numeric in 'a.parquet' and text in 'b.parquet': it must be the same"
    ),
    "text and truth": ({"x": ["a"]}, {"x": [True]}, r"is text in 'a.parquet' and numeric in 'b.parquet'"),
    "dates and numbers": (
        {"x": pa.array([1], pa.date32())}, {"x": [1]}, r"is date32\[day\] in 'a.parquet' and numeric in 'b.parquet'"
    ),
    "a column that is lacking": (
        {"x": [1], "y": [1]}, {"y": [1]}, r"'b.parquet' has no column 'x', which 'a.parquet' has"
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CLASHES)
def test_columns_that_do_not_go_together_name_both_files(tmp_path, monkeypatch, case):
    monkeypatch.chdir(tmp_path)
    first, second, words = CLASHES[case]
    for name, columns in (("a", first), ("b", second)):
        pq.write_table(pa.table({**columns, "z": [1.0]}), f"{name}.parquet")
    source = source_of("*.parquet")
    for attempt in (lambda: source.size(["x"]), lambda: read("*.parquet", ["x"]), lambda: source.tally(["x"])):
        with pytest.raises(nd.DataError, match=words):
            attempt()
    assert len(read("*.parquet", ["z"])) == 2  # which nobody complains of


def test_csv_files_that_do_not_go_together_name_both(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.csv").write_text("x,y\n1,1\n")
    (tmp_path / "b.csv").write_text("x\nn/a\n")
    with pytest.raises(nd.DataError, match=r"column 'x' is numeric in 'a.csv' and text in 'b.csv'"):
        read("*.csv", ["x"])
    with pytest.raises(nd.DataError, match=r"'b.csv' has no column 'y', which 'a.csv' has"):
        read("*.csv", ["y"])


@pytest.mark.parametrize("ending", ["parquet", "csv"])
def test_dates_are_refused_by_name_and_others_read(tmp_path, ending):
    table = pa.table({"d": pa.array([1, 2], pa.timestamp("s")), "x": [1, 2]})
    pq.write_table(table, tmp_path / "a.parquet")
    pa.csv.write_csv(table, tmp_path / "a.csv")
    path = tmp_path / f"a.{ending}"
    with pytest.raises(
        nd.InputTypeError, match=r"column 'd' holds timestamp\[m?s\]; a column holds numbers, booleans or"
    ):
        read(path, ["x", "d"])
    assert read(path, ["x"])[0]["x"].values.tolist() == [1, 2]


def test_lists_in_a_column_are_refused_by_name(tmp_path):
    pq.write_table(pa.table({"l": [[1], [2]]}), tmp_path / "a.parquet")
    with pytest.raises(nd.InputTypeError, match="column 'l' holds list"):
        read(tmp_path / "a.parquet", ["l"])


@pytest.mark.parametrize("cells", [[1, 2**53], [-(2**53), None], [2**63 - 1, 1]])
def test_whole_numbers_beyond_floats_are_refused_with_their_place(tmp_path, monkeypatch, cells):
    monkeypatch.chdir(tmp_path)
    table = pa.table({"i": cells, "x": [1, 2]})
    pq.write_table(table, "a.parquet", row_group_size=1)
    pa.csv.write_csv(table, "a.csv")
    for data, place in (("a.parquet", r"^'a.parquet', row groups? [01]"), ("a.csv", "^'a.csv'"), (table, "^column")):
        with pytest.raises(nd.DataError, match=place + ".*whole numbers beyond"):
            read(data, ["i"])
    with pytest.raises(nd.DataError, match="whole numbers beyond"):
        read(table.to_pandas().convert_dtypes(), ["i"])


@pytest.mark.parametrize("whole", [2**53 + 1, -(10**16), 2**64 + 1, 2**70])
def test_whole_numbers_beyond_floats_are_refused_in_every_way_in(tmp_path, whole):
    (tmp_path / "a.csv").write_text(f"i,x\n{whole},1\n 3,2.5\n")
    exact = pa.table({"i": pa.array([Decimal(whole), None], pa.decimal128(30, 0))})
    pq.write_table(exact, tmp_path / "a.parquet")
    items = [{"i": [whole, 1]}, {"i": [whole, None]}, {"i": [2.5, whole]}, {"i": np.array([whole, 1], dtype=object)}]
    items += [{"i": [Decimal(whole), None]}, {"i": [Decimal(whole).normalize(), Decimal("0.5")]}]
    frames = [pd.DataFrame({"i": pd.Series([whole, None], dtype=object)}), pl.from_arrow(exact)]
    frames += [exact.to_pandas(), exact.to_pandas(types_mapper=pd.ArrowDtype)]
    frames += [pl.DataFrame({"i": [whole, None]}, schema={"i": each}) for each in (pl.Object, pl.Int128)]
    queries = [nd.sql(f"select {whole}::hugeint as i"), nd.sql(f"select sum(i) as i from (values ({whole})) as t(i)")]
    for data in (exact, tmp_path / "a.parquet", tmp_path / "a.csv", *items, *frames, *queries):
        with pytest.raises(nd.DataError, match="whole numbers beyond"):
            read(data, ["i"])


def test_small_whole_decimals_are_whole_numbers(tmp_path):
    exact = pa.table({"i": pa.array([Decimal(3), None, Decimal(-2)], pa.decimal128(30, 0))})
    pq.write_table(exact, tmp_path / "a.parquet")
    query = nd.sql("select sum(i) as i from (values (3, 1), (null, 2), (-2, 3)) as t(i, k) group by k order by k")
    listed = {"i": [Decimal(3), None, Decimal(-2)]}
    for data in (exact, tmp_path / "a.parquet", query, listed, exact.to_pandas(), pl.from_arrow(exact)):
        (piece,) = read(data, ["i"])
        assert piece["i"].kind == "i" and np.array_equal(piece["i"].values, [3, np.nan, -2], equal_nan=True)


def test_decimals_of_python_are_numbers():
    column = [Decimal("0.3"), Decimal("NaN"), None, Decimal("0.35")]
    for data in ({"m": column}, pd.DataFrame({"m": pd.Series(column, dtype=object)})):
        (piece,) = read(data, ["m"])
        assert np.array_equal(piece["m"].values, [0.3, np.nan, np.nan, 0.35], equal_nan=True)


CSV = {
    "too few cells": (b"x,y\n1,2\n3\n4,5\n", "line 3 has 1 cells and the header 2"),
    "too many cells": (b"x,y\n1,2\n" + b"1,2\n" * 50_000 + b"3,4,5\n", "line 50003 has 3 cells and the header 2"),
    "another encoding": ("x,y\n1,ü\n".encode("latin-1"), "line 2 is not UTF-8"),
    "nothing": (b"", "[Ee]mpty"),
    "a name twice": (b"x,x\n1,2\n", "two columns called 'x'"),
    "an open quote": (b'x,y\n1,2\n"3,4\n5,6\n', "the quote that opens in line 3 is not closed"),
    "an open quote in the last cell": (b'x,y\n1,"a\nb"\n2,"c\n' + b"5,6\n" * 9, "the quote that opens in line 4"),
    "an open quote and a long rest": (b'x,y\n1,"c\n' + b"5,6\n" * 50_000, "the quote that opens in line 2"),
}


@pytest.mark.parametrize("case", CSV)
def test_a_broken_csv_file_is_named_with_the_line(tmp_path, monkeypatch, case):
    monkeypatch.chdir(tmp_path)
    content, words = CSV[case]
    (tmp_path / "a.csv").write_bytes(content)
    with pytest.raises(nd.DataError, match=f"'a.csv'.*{words}"):
        read("a.csv", ["x", "y"])


def test_quotes_that_are_closed_or_within_a_cell_are_read(tmp_path):
    (tmp_path / "a.csv").write_text('x,y\n1,"a\n""b"\n2,5" pipe\nend,"end"\n')
    (piece,) = read(tmp_path / "a.csv", ["y"])
    assert piece["y"].levels == ('5" pipe', 'a\n"b', "end")


def test_folders_and_patterns_without_files_are_named(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    (tmp_path / "both").mkdir()
    (tmp_path / "t.txt").touch()
    for name in ("a.csv", "b.parquet"):
        (tmp_path / "both" / name).touch()
    cases = {
        "empty": "'empty' is a folder without .csv, .tsv or .parquet files",
        "none/*.parquet": "'none/*.parquet': no file is there",
        "none.parquet": "'none.parquet': there is no such file",
        "none": "'none': there is no such file or folder",
        "both": "'both' has .csv and .parquet files: choose by a pattern",
        "t.*": "'t.txt': nelder reads .csv, .tsv and .parquet files, told by their ending",
    }
    for given, words in cases.items():
        with pytest.raises(nd.DataError, match=re.escape(words)):
            source_of(given)
    with pytest.raises(nd.DataError, match=r"'both/a.csv' is given twice"):
        source_of(["both/a.csv", "both/*.csv"])
    for given in ([], [1], 7, None):
        with pytest.raises(nd.InputTypeError, match="data must be"):
            source_of(given)


@pytest.mark.parametrize("given", ["claims", "claims/*/*.parquet", "claims/**/*.parquet", "cl*/**", "*/*/1.parquet"])
def test_a_folder_that_may_not_be_looked_into_is_not_left_out(parts, monkeypatch, given):
    closed = parts / "closed"
    closed.mkdir()
    (parts / "1.parquet").rename(closed / "1.parquet")
    assert any("closed" in file for file in files_of(given).paths)
    granted = os.access
    monkeypatch.setattr(os, "access", lambda path, how: Path(path).name != "closed" and granted(path, how))
    with pytest.raises(nd.DataError, match="'claims/closed': the folder may not be looked into"):
        nd.glm("x ~ g", given)
    assert len(files_of("claims/*.parquet").paths) == 2


@pytest.mark.parametrize("given", ["claims", "claims/*.parquet"])
def test_a_link_to_a_file_that_is_gone_is_not_left_out(parts, given):
    (parts / "3.parquet").symlink_to("elsewhere.parquet")
    with pytest.raises(nd.DataError, match=r"'claims/3\.parquet' is a link to 'elsewhere.parquet', which is not there"):
        nd.glm("x ~ g", given)


def test_a_folder_called_as_a_file_is_not_passed_over_by_a_pattern(parts):
    folder = parts / "3.parquet"
    folder.mkdir()
    (parts / "1.parquet").rename(folder / "part.parquet")
    with pytest.raises(nd.DataError, match=r"'claims/3\.parquet' is a folder, whose files the pattern leaves out"):
        nd.glm("x ~ g", "claims/*.parquet")
    for given in ("claims", "claims/**/*.parquet", ["claims/0.parquet", "claims/2.parquet", "claims/3.parquet"]):
        assert nd.glm("x ~ g", given).statistics.n == 9000


def test_a_link_to_a_folder_is_followed_once(parts):
    elsewhere = parts.parent / "elsewhere"
    elsewhere.mkdir()
    (parts / "1.parquet").rename(elsewhere / "1.parquet")
    (parts / "link").symlink_to(elsewhere)
    (parts / "again").symlink_to(parts)
    (elsewhere / "back").symlink_to(parts)
    (elsewhere / "round").symlink_to(elsewhere)
    assert files_of("claims").paths == ("claims/0.parquet", "claims/2.parquet", "claims/link/1.parquet")
    assert nd.glm("x ~ g", "claims").statistics.n == 9000


def test_a_column_of_a_folder_and_of_its_files_is_refused(tmp_path):
    for year in (2023, 2024):
        (tmp_path / f"year={year}").mkdir()
        pq.write_table(pa.table({"year": [1], "x": [1]}), tmp_path / f"year={year}" / "a.parquet")
    with pytest.raises(nd.DataError, match="has a column 'year' and lies in a folder 'year=…'"):
        _ = source_of(tmp_path).names
    (tmp_path / "year=2024").rename(tmp_path / "month=1")
    with pytest.raises(nd.DataError, match="different names"):
        source_of(tmp_path)


# What can be read only once


def once(tmp_path):
    table = pa.table({"x": [1.0, 2.0, 4.0], "y": [1.0, 2.0, 3.0]})
    pa.csv.write_csv(table, tmp_path / "a.csv")
    connection = duckdb.connect()
    connection.execute("select 1 as x")
    with (tmp_path / "a.csv").open() as lines:
        yield table.to_reader()
        yield iter(table.to_batches())
        yield (batch for batch in table.to_batches())
        yield lines
        yield pa.csv.open_csv(tmp_path / "a.csv")
        yield connection
        yield io.BytesIO()
        yield map(str, [1])


def test_what_can_be_read_only_once_is_refused_with_a_way_out(tmp_path):
    for data in once(tmp_path):
        words = rf"a {type(data).__name__} can be read only once, and a fit .* nd\.spill\(…\)"
        with pytest.raises(nd.InputTypeError, match=words):
            nd.glm("y ~ x", data)


def test_a_function_must_open_a_new_reader_each_time():
    table = pa.table({"x": [1.0, 2.0, 4.0]})
    reader = table.to_reader()

    def again():
        return reader

    with pytest.raises(nd.DataError, match=r"again\(\) gives the same reader again, which can be read only once"):
        nd.glm("x ~ 1", again)
    with pytest.raises(nd.InputTypeError, match=r"<lambda>\(\) gives a int: give a function that opens"):
        nd.glm("x ~ 1", lambda: 5)
    rows = iter([3, 3, 2])
    source = source_of(lambda: table.slice(0, next(rows)).to_reader())
    list(source.chunks(["x"]))
    with pytest.raises(nd.DataError, match="the reader had 3 rows the first time, and 2 now"):
        list(source.chunks(["x"]))


def test_an_error_of_a_reader_is_a_data_error():
    schema = pa.schema([("x", pa.int64())])

    def batches():
        yield pa.record_batch({"x": [1]})
        raise OSError("the network is gone")

    source = source_of(lambda: pa.RecordBatchReader.from_batches(schema, batches()))
    with pytest.raises(nd.DataError, match="the network is gone"):
        list(source.chunks(["x"]))


def test_a_broken_file_of_a_data_set_is_named(parts):
    source = source_of(pa.dataset.dataset("claims"))
    assert [part.rows for part in source.partitions] == [3000] * 3
    (parts / "1.parquet").unlink()
    with pytest.raises(nd.DataError, match=r"'claims/1.parquet' cannot be read"):
        list(source.chunks(["x"]))


# Queries


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("selec 1", "DuckDB: Parser Error"),
        ("select * from 'none.parquet'", "DuckDB: IO Error"),
        ("select nothing from range(3)", "DuckDB: Binder Error"),
        ("", "nd.sql reads the rows of a SELECT"),
        ("create table t (x int)", "nd.sql reads the rows of a SELECT, not of 'create table"),
    ],
)
def test_a_query_that_does_not_run_is_an_error_in_one_line(query, words):
    with pytest.raises(nd.DataError, match=re.escape(words)) as caught:
        nd.sql(query)
    assert "\n" not in str(caught.value)


def test_a_query_that_fails_on_the_way_is_an_error():
    source = nd.sql("select cast(if(range = 150000, 'a', '1') as int) as x from range(200000)")
    with pytest.raises(nd.DataError, match="DuckDB: Conversion Error"):
        list(source.chunks(["x"]))
    assert source.tally(["x"]) is None


PROGRAM = """
import signal, threading, nelder as nd
from nelder.engines import ahead
signal.signal(signal.SIGINT, signal.default_int_handler)  # which a shell in the background takes away
many = "from range(3000000) a, range(3000000) b"
added = nd.sql(f"select sum(a.range * b.range)::double as s {many}")
streamed = nd.sql(f"select a.range * b.range as x {many} where a.range * b.range % 99991 = 7")
nd.glm("x ~ 1", nd.sql("select range as x from range(9)"))  # libraries that are imported now are not broken off then
print("begun", flush=True)
try:
    {action}
except KeyboardInterrupt:
    print("interrupted", len(threading.enumerate()), flush=True)
    print(nd.glm("x ~ 1", nd.sql("select range as x from range(9)")).coef[0])
"""


@pytest.mark.parametrize(
    "action",
    [
        'list(added.chunks(["s"]))',
        'list(streamed.chunks(["x"]))',
        'added.tally(["s"])',
        'nd.glm("s ~ 1", added)',
        'nd.glm("x ~ 1", streamed, engine=nd.Threads(memory="1MB"))',
        'list(nd.spill(streamed).chunks(["x"]))',
        """nd.sql("create temp table t as select max(a.range * b.range) as s from range(3000000) a, range(3000000) b;"
               "select * from t")""",
        'list(ahead(streamed.read(["x"]), 1))',
    ],
)
def test_ctrl_c_ends_a_query_at_once_and_leaves_nothing(action, tmp_path):
    program = PROGRAM.replace("{action}", action)
    with subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env={**os.environ, "TMPDIR": str(tmp_path)},
    ) as process:  # fmt: skip
        try:
            assert process.stdout.readline() == "begun\n"
            time.sleep(0.7)
            pressed = time.perf_counter()
            process.send_signal(signal.SIGINT)
            assert process.stdout.readline() == "interrupted 1\n"  # and no thread but the first
            assert time.perf_counter() - pressed < 5
            out, problems = process.communicate(timeout=60)
        finally:
            process.kill()  # one that goes on all the same, so that the test ends
    assert (out, problems, process.returncode) == ("4.0\n", "", 0)
    assert not list(tmp_path.iterdir())


def test_a_long_query_prints_nothing():
    # for more than two seconds, after which DuckDB would draw a bar; False where a machine is that fast
    query = "select sum(a.range * b.range)::double as s from range(40000) a, range(40000) b"
    program = f"""
import time, nelder as nd
begun = time.time()
list(nd.sql({query!r}).chunks(["s"]))
print(time.time() - begun > 2.2)
"""
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=100, check=True)
    assert ended.stderr == "" and ended.stdout in ("True\n", "False\n")


def test_arguments_of_a_query_are_checked(tmp_path, monkeypatch):
    with pytest.raises(nd.InputTypeError, match="a query as text, not int"):
        nd.sql(5)
    with pytest.raises(nd.InputTypeError, match="path of a database file, not DuckDBPyConnection"):
        nd.sql("select 1 as x", duckdb.connect())
    with pytest.raises(nd.DataError, match=r"none\.duckdb"):
        nd.sql("select 1 as x", tmp_path / "none.duckdb")
    with pytest.raises(nd.InputTypeError, match="column 'd' holds date32"):
        nd.glm("x ~ d", nd.sql("select 1 as x, date '2024-01-01' as d"))
    monkeypatch.setitem(sys.modules, "duckdb", None)
    with pytest.raises(nd.MissingExtraError, match=r"nd.sql needs duckdb: pip install 'nelder\[duckdb\]'"):
        nd.sql("select 1 as x")


def test_errors_travel(tmp_path):
    pq.write_table(pa.table({"x": [1]}), tmp_path / "a.parquet")
    pq.write_table(pa.table({"x": ["a"]}), tmp_path / "b.parquet")
    part = pickle.loads(pickle.dumps(source_of(tmp_path).partitions[0]))
    with pytest.raises(nd.DataError, match="column 'x' is numeric"):
        list(part.read(["x"]))


def test_tables_with_a_log_are_not_read_file_by_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name, log, words in (
        ("delta", "_delta_log", r"'delta' is a table of Delta, .* delta_scan\('delta'\)"),
        ("ice", "metadata", "'ice' is a table of Iceberg"),
    ):
        (tmp_path / name / log).mkdir(parents=True)
        (tmp_path / name / log / "v1.metadata.json").touch()
        pq.write_table(pa.table({"x": [1]}), tmp_path / name / "replaced.parquet")
        with pytest.raises(nd.DataError, match=words):
            source_of(name)
    (tmp_path / "plain" / "metadata").mkdir(parents=True)
    pq.write_table(pa.table({"x": [1]}), tmp_path / "plain" / "a.parquet")
    assert len(read("plain", ["x"])) == 1


def test_names_that_no_file_can_have_are_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    table = pa.table({"y": [1.0, 2.0, 4.0], "x": [1.0, 2.0, 3.0]})
    pq.write_table(table, "a.parquet")
    os.rename("a.parquet", b"a\xff.parquet")
    cases = {"": "names no file", "a" * 5000 + ".parquet": "too long", os.fsdecode(b"a\xff.parquet"): "not UTF-8"}
    for given, words in {**cases, ".": "not UTF-8"}.items():
        with pytest.raises(nd.DataError, match=words):
            nd.glm("y ~ x", given)


def test_names_of_columns_need_not_be_texts():
    columns = {"y": [1.0, 2.0, 4.0, 3.0], "x": [1.0, 2.0, 3.0, 4.0], 0: [1.0, 0.0, 0.0, 1.0]}
    for data in (columns, pd.DataFrame(columns)):
        assert nd.glm("y ~ x", data).names == ("Intercept", "x")
        assert nd.glm("y ~ `0`", data).names == ("Intercept", "0")
    several = pd.DataFrame(np.eye(4)[:, :2], columns=pd.MultiIndex.from_tuples([("a", "b"), ("a", "c")]))
    with pytest.raises(nd.UnknownNameError, match=r"\('a', 'b'\)"):
        nd.glm("y ~ x", several)


def test_two_columns_of_one_name_are_named():
    twice = [pd.DataFrame(np.eye(3), columns=["a", "a", "y"]), pa.table([[1.0], [2.0], [3.0]], names=["y", "a", "a"])]
    for data in (*twice, pd.DataFrame(np.eye(3), columns=["y", 0, "0"])):
        with pytest.raises(nd.DataError, match=r"the table has two columns called '[a0]': rename one"):
            nd.glm("y ~ 1", data)


def test_addresses_are_no_files():
    for given in ("s3://bucket/a.parquet", "https://host/*.csv"):
        with pytest.raises(nd.DataError, match=r"is not on this machine: give nd\.sql"):
            source_of(given)


def test_a_file_under_two_names_is_one(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.csv").write_text("x\n1\n")
    (tmp_path / "b.csv").symlink_to(tmp_path / "a.csv")
    with pytest.raises(nd.DataError, match="is given twice"):
        source_of(["a.csv", "./a.csv"])
    with pytest.raises(nd.DataError, match=r"'b.csv' is given twice"):
        source_of("*.csv")


def test_a_column_may_have_the_name_of_a_method():
    table = pa.table({"readline": [1.0, 2.0, 4.0], "execute": [1, 2, 3]})
    for data in (table, table.to_pandas(), duckdb.from_arrow(table)):
        assert nd.glm("readline ~ execute", data).df_resid == 1


def test_a_formula_in_the_place_of_the_data_is_called_one():
    with pytest.raises(nd.DataError, match=r"^'y ~ x': there is no such file or folder; a formula is given apart"):
        nd.glm({"y": [1.0, 2.0], "x": [0.0, 1.0]}, "y ~ x")
