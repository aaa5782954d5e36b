"""Predictions written to Parquet: those of `predict`, part by part, and nothing left where it fails."""

from dataclasses import replace

import numpy as np
import pytest

import nelder as nd
from nelder.cli import main
from nelder.sources import Labels, Numbers, Partition, Source

pa = pytest.importorskip("pyarrow")
pq = pytest.importorskip("pyarrow.parquet")


@pytest.fixture
def folder(tmp_path):
    """Three files of new rows, some without a value."""
    random = np.random.default_rng(5)
    (tmp_path / "new").mkdir()
    for place, n in enumerate((40, 1, 25)):
        x = random.normal(size=n)
        x[n // 2 : n // 2 + 2] = np.nan
        columns = {
            "id": np.arange(n) + 100 * place,
            "x": pa.array(x, from_pandas=True),
            "g": random.choice(["a", "b"], n),
            "kept": random.random(n) < 0.5,
        }
        pq.write_table(pa.table(columns), tmp_path / "new" / f"{place}.parquet")
    return tmp_path


@pytest.fixture(scope="module")
def fit():
    random = np.random.default_rng(4)
    x, g = random.normal(size=200), random.choice(["a", "b"], 200)
    return nd.glm("y ~ x * g", {"y": random.poisson(np.exp(0.2 * x)), "x": x, "g": g}, "poisson")


@pytest.mark.parametrize("kind", ["response", "link"])
@pytest.mark.parametrize("interval", [None, "confidence"])
def test_what_is_written_is_what_predict_gives(fit, folder, kind, interval):
    new = folder / "new"
    assert fit.predict_to(folder / "out.parquet", new, kind, interval, keep=["id", "g", "kept"]) == 66
    table = pq.read_table(folder / "out.parquet")
    whole = fit.predict(new, kind, interval)
    for name in whole if interval else ["fit"]:
        np.testing.assert_allclose(table[name].to_numpy(), whole[name] if interval else whole, rtol=1e-14)
    read = pq.read_table(new)
    assert all(table[name].to_pylist() == read[name].to_pylist() for name in ("id", "g", "kept"))


@pytest.mark.parametrize("out", ["out.parquet", "out"])
@pytest.mark.parametrize("kind", ["file", "dictionary", "frame"])
def test_a_column_that_is_not_there_is_named_before_anything_is_written(fit, tmp_path, kind, out):
    pq.write_table(pa.table({"x": [1.0, 2.0]}), tmp_path / "new.parquet")
    new = {"file": tmp_path / "new.parquet", "dictionary": {"x": [1.0, 2.0]}, "frame": pa.table({"x": [1.0, 2.0]})}
    with pytest.raises(nd.UnknownNameError, match=r"unknown column 'g': .*known: x"):
        fit.predict_to(tmp_path / out, new[kind])
    assert not (tmp_path / out).exists()


def test_a_folder_gets_a_file_a_part(fit, folder):
    assert fit.predict_to(folder / "out", folder / "new") == 66
    names = sorted(path.name for path in (folder / "out").iterdir())
    assert names == ["part-00000.parquet", "part-00001.parquet", "part-00002.parquet"]
    np.testing.assert_allclose(pq.read_table(folder / "out")["fit"].to_numpy(), fit.predict(folder / "new"), rtol=1e-14)


def test_a_folder_with_other_files_is_not_added_to(fit, folder):
    new = folder / "new"
    assert fit.predict_to(folder / "out", new) == fit.predict_to(folder / "out", new) == 66
    with pytest.raises(nd.DataError, match=r"has other files already, as 'part-00001\.parquet': remove them"):
        fit.predict_to(folder / "out", new / "0.parquet")
    with pytest.raises(nd.DataError, match="has other files already"):
        fit.predict_to(new, new)
    assert len(list((folder / "out").iterdir())) == 3


@pytest.mark.parametrize("first", [True, False])
def test_a_kept_column_may_have_no_value_in_a_part(fit, tmp_path, first):
    new = tmp_path / "new"
    new.mkdir()
    texts, none = pa.array(["one", None, "two"]), pa.nulls(3)
    each = [none, texts] if first else [texts, none]
    for place, noted in enumerate(each):
        columns = {"x": [0.0, 1.0, 2.0], "g": ["a", "b", "a"], "noted": noted}
        pq.write_table(pa.table(columns), new / f"{place}.parquet")
    assert fit.predict_to(tmp_path / "out.parquet", new, keep="noted") == 6
    written = pq.read_table(tmp_path / "out.parquet")["noted"].to_pylist()
    assert written == [value for noted in each for value in noted.to_pylist()]


def test_parts_that_are_of_other_types_are_named(fit, tmp_path):
    dataframe, pd = pytest.importorskip("dask.dataframe"), pytest.importorskip("pandas")
    rows = pd.DataFrame({"x": [0.0, 1.0, 2.0, 3.0], "g": list("abab"), "code": [1, 2, 3, 4]})

    def changed(part, to, partition_info=None):
        return part.assign(code=to) if partition_info and partition_info["number"] else part

    table = dataframe.from_pandas(rows, npartitions=2)
    path = tmp_path / "out.parquet"
    whole, other, text = (table.map_partitions(changed, to, meta=table._meta) for to in (7.0, 7.5, "seven"))
    assert fit.predict_to(path, whole, keep="code") == 4 and pq.read_table(path)["code"].to_pylist() == [1, 2, 7, 7]
    with pytest.raises(nd.DataError, match=r"partition 1 of the Dask.*'code' holds double and held int64 in the parts"):
        fit.predict_to(path, other, keep="code")
    with pytest.raises(nd.DataError, match=r"'code' holds string and held int64.*write a folder"):
        fit.predict_to(path, text, keep="code")


def test_a_level_that_was_not_there_is_named_with_its_file_and_nothing_is_left(fit, folder):
    pq.write_table(pa.table({"x": [0.0, 1.0], "g": ["a", "new"]}), folder / "new" / "3.parquet")
    for path in (folder / "new" / "2.parquet", folder / "new" / "0.parquet"):
        table = pq.read_table(path)
        pq.write_table(table.select(["x", "g"]), path)
    table = pq.read_table(folder / "new" / "1.parquet")
    pq.write_table(table.select(["x", "g"]), folder / "new" / "1.parquet")
    with pytest.raises(nd.LevelError, match=r"3\.parquet.*level 'new' at row 1"):
        fit.predict_to(folder / "out.parquet", folder / "new")
    assert not [path for path in folder.iterdir() if path.name.startswith("out")]


def test_a_folder_has_all_parts_or_none(fit, folder):
    out = folder / "out"
    assert fit.predict_to(out, folder / "new") == 66
    good = (folder / "new" / "1.parquet").read_bytes()
    pq.write_table(pa.table({"id": [0], "x": [0.0], "g": ["new"], "kept": [True]}), folder / "new" / "1.parquet")
    for place in (out, folder / "another"):
        with pytest.raises(nd.LevelError, match=r"1\.parquet.*level 'new'"):
            fit.predict_to(place, folder / "new")
    assert not list(out.iterdir()) and not (folder / "another").exists()
    (folder / "new" / "1.parquet").write_bytes(good)
    assert fit.predict_to(out, folder / "new") == 66
    assert len(list(out.iterdir())) == 3


class Watched(Partition):
    """A partition that looks at what is in a folder when it is read, and may remove it."""

    rows, label = 1, "a part"

    def __init__(self, folder, seen, remove=False):
        self.folder, self.seen, self.remove = folder, seen, remove

    def read(self, names):
        self.seen.append(sorted(path.name for path in self.folder.glob("*")))
        if self.remove:
            for path in self.folder.glob("*.written"):
                path.unlink()
        yield {"x": Numbers(np.zeros(1)), "g": Labels(np.zeros(1, int), ("a",))}


class WatchedRows(Source):
    def __init__(self, parts):
        self.parts = parts

    @classmethod
    def reads(cls, data):
        return False

    @property
    def names(self):
        return ("x", "g")

    @property
    def partitions(self):
        return self.parts

    def read(self, names):
        for part in self.parts:
            yield from part.read(names)


def test_no_part_of_a_folder_has_its_name_before_all_are_there(fit, tmp_path, monkeypatch):
    """Whatever ends the process: what is killed removes nothing."""
    monkeypatch.setattr("nelder.engines.threads.cores", lambda: 1)
    out, seen = tmp_path / "out", []
    source = WatchedRows([Watched(out, seen) for _ in range(3)])
    alone = replace(fit, objective=None)
    assert alone.predict_to(out, source) == alone.predict_to(out, source) == 3
    assert len(seen) == 6 and any(seen) and not [name for names in seen for name in names if name.endswith(".parquet")]
    assert sorted(path.name for path in out.iterdir()) == [f"part-0000{k}.parquet" for k in range(3)]


def test_a_folder_that_workers_do_not_share_is_said(fit, tmp_path, monkeypatch):
    monkeypatch.setattr("nelder.engines.threads.cores", lambda: 1)
    out = tmp_path / "out"
    with pytest.raises(nd.DataError, match=r"'part-00000\.parquet\.written' is not there once it was written: give a"):
        replace(fit, objective=None).predict_to(out, WatchedRows([Watched(out, []), Watched(out, [], remove=True)]))
    assert not out.exists()


def test_what_is_read_is_not_written_over(fit, folder):
    parts = sorted((folder / "new").iterdir())
    before = [path.read_bytes() for path in parts]
    with pytest.raises(nd.DataError, match=f"{parts[0].name}' is read here"):
        fit.predict_to(parts[0], folder / "new")
    (folder / "alias.parquet").symlink_to(parts[-1])
    with pytest.raises(nd.DataError, match=r"alias.parquet' is read here"):
        fit.predict_to(folder / "alias.parquet", [folder / "new"])
    fit.predict_to(folder / "out", folder / "new")
    with pytest.raises(nd.DataError, match=r"part-00000.parquet' is read here"):
        fit.predict_to(folder / "out", folder / "out")
    assert [path.read_bytes() for path in parts] == before


def test_what_cannot_be_written_is_said(fit, folder):
    (folder / "file").touch()
    for path in ("nowhere/out.parquet", "file", "file/below", "long" * 100):
        with pytest.raises(nd.DataError, match="cannot be written"):
            fit.predict_to(folder / path, folder / "new")
    (folder / "file").unlink()
    with pytest.raises(nd.UnknownNameError, match="nothing"):
        fit.predict_to(folder / "out.parquet", folder / "new", keep="nothing")
    with pytest.raises(nd.UnknownNameError, match="kind of prediction"):
        fit.predict_to(folder / "out.parquet", folder / "new", kind="median")
    with pytest.raises(nd.CapabilityError, match="arrays"):
        nd.glm_fit(np.ones((5, 1)), np.arange(5.0)).predict_to(folder / "out.parquet", folder / "new")
    assert [path.name for path in folder.iterdir()] == ["new"]


def test_a_saved_fit_writes_from_the_command_line(fit, folder, capsys):
    fit.save(folder / "fit.json")
    arguments = ["predict", str(folder / "fit.json"), str(folder / "new"), "-o", str(folder / "out.parquet")]
    assert main([*arguments, "--interval", "--level", "0.5"]) == 0
    assert "66 predictions written" in capsys.readouterr().out
    whole = fit.predict(folder / "new", interval="confidence", level=0.5)
    np.testing.assert_allclose(pq.read_table(folder / "out.parquet")["lower"].to_numpy(), whole["lower"], rtol=1e-14)
