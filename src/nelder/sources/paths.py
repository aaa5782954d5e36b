"""Which files are meant: one file, a pattern, a folder or a list of them."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote

from nelder.errors import DataError

SUFFIXES = (".csv", ".tsv", ".parquet")
NO_VALUE = "__HIVE_DEFAULT_PARTITION__"


@dataclass(frozen=True)
class Files:
    """Files of one kind, in order, and the columns that their folders give: `year=2024`, for each file the same."""

    given: object
    suffix: str
    paths: tuple[str, ...]
    folders: tuple[dict[str, str | None], ...] = field(default=())

    @property
    def magic(self) -> bool:
        """Whether DuckDB would take the path of one for a pattern."""
        return any(glob.has_magic(path) for path in self.paths)


def is_paths(data: object) -> bool:
    """Whether this is a path, or a list of some."""
    if isinstance(data, str | Path):
        return True
    return isinstance(data, list | tuple) and bool(data) and all(isinstance(each, str | Path) for each in data)


def suffix_of(data: object) -> str | None:
    """The ending of the files that are meant; None where it is not one that can be read, or not one."""
    try:
        return files_of(data).suffix
    except DataError:
        return None


def files_of(data: object) -> Files:
    """The files that a path, a pattern, a folder or a list of these stand for.

    Raises DataError where there is none, or where they are of several kinds.
    """
    each = data if isinstance(data, list | tuple) else [data]
    found = [pair for one in each for pair in files_at(str(one))]
    paths = tuple(path for path, _ in found)
    unwritten = next((path for path in paths if path != path.encode(errors="replace").decode()), None)
    if unwritten is not None:
        raise DataError(f"{unwritten!r}: the name is not UTF-8; rename the file")
    real = [os.path.realpath(path) for path in paths]
    twice = next((path for place, path in enumerate(paths) if real[place] in real[:place]), None)
    if twice is not None:
        raise DataError(f"{twice!r} is given twice: its rows would count twice")
    suffixes = {Path(path).suffix.lower() for path in paths}
    if len(suffixes) > 1:
        raise DataError(
            f"{shown(data)} has {' and '.join(sorted(suffixes))} files: choose by a pattern, as '*{min(suffixes)}'"
        )
    folders = tuple(folder for _, folder in found)
    odd = next((place for place, folder in enumerate(folders) if list(folder) != list(folders[0])), None)
    if odd is not None:
        raise DataError(
            f"{paths[0]!r} and {paths[odd]!r} lie in folders with different names: {list(folders[0])} and "
            f"{list(folders[odd])}"
        )
    return Files(data, suffixes.pop(), paths, folders if folders[0] else ())


def refuse_over(targets: Iterable[str | Path], paths: Iterable[str]) -> None:
    """Raise DataError where a file to write is one of those that are read, under whatever name."""
    real = {os.path.realpath(path) for path in paths}
    same = next((target for target in targets if os.path.realpath(target) in real), None)
    if same is not None:
        raise DataError(f"{str(same)!r} is read here and would be overwritten: give the output another name")


def shown(data: object) -> str:
    """What was given, as it is named in errors."""
    return repr(str(data)) if isinstance(data, str | Path) else f"the list of {len(data)} paths"  # type: ignore[arg-type]


def files_at(given: str) -> list[tuple[str, dict[str, str | None]]]:
    """The files of one path, and what their folders say below it."""
    path = Path(given)
    if not given:
        raise DataError("'' names no file: give a .csv, .tsv or .parquet file, a pattern, or '.' for this folder")
    if "://" in given:
        raise DataError(f"{given!r} is not on this machine: give nd.sql(…) of it, or a pyarrow.dataset.Dataset")
    try:
        there, folder = path.exists(), path.is_dir()
    except OSError as problem:  # a name too long, or a folder that may not be looked into
        raise DataError(f"{given[:200]!r}: no file of this name can be read: {problem.strerror}") from None
    if folder:
        looked_into(given)
        not_a_log(path)
        files = files_below(path)
        if not files:
            raise DataError(f"{given!r} is a folder without .csv, .tsv or .parquet files")
        return [(str(file), values_of(file.relative_to(path).parts[:-1])) for file in sorted(files)]
    if not there and glob.has_magic(given):
        plain = next(place for place, part in enumerate(path.parts) if glob.has_magic(part))
        folders_looked_into(path, plain)
        found = [Path(each) for each in sorted(glob.glob(given, recursive=True))]
        files = [each for each in found if is_there(each)]
        not_passed_over(found, files)
        known = [(str(file), values_of(file.parts[plain:-1])) for file in files]
        if not known:
            raise DataError(f"{given!r}: no file is there")
        for name, _ in known:
            readable(name)
        return known
    readable(given)
    return [(given, {})]


def not_a_log(folder: Path) -> None:
    """Raise DataError for a folder in which a log says which files count: others are there that were replaced."""
    kinds = {"_delta_log": ("Delta", "delta_scan"), "metadata": ("Iceberg", "iceberg_scan"), ".hoodie": ("Hudi", "")}
    for name, (kind, scan) in kinds.items():
        if (folder / name).is_dir() and (kind != "Iceberg" or any((folder / name).glob("*.metadata.json"))):
            way = f"nd.sql(\"select … from {scan}('{folder}')\")" if scan else "its own reader"
            raise DataError(f"{str(folder)!r} is a table of {kind}, of which not every file counts: read it by {way}")


def files_below(folder: Path) -> list[Path]:
    """The files to read below a folder: what begins with . or _ are notes of the programs that wrote the others."""
    found: list[Path] = []
    seen = {os.path.realpath(folder)}
    for here, folders, names in os.walk(folder, followlinks=True):
        folders[:] = [name for name in folders if visible(name) and is_new(os.path.join(here, name), seen)]
        for name in folders:
            looked_into(os.path.join(here, name))
        each = (Path(here, name) for name in names if visible(name) and Path(name).suffix.lower() in SUFFIXES)
        found.extend(file for file in each if is_there(file))
    return found


def is_new(folder: str, seen: set[str]) -> bool:
    """Whether a folder is read where it is met: all are but a link to one of those `seen`, or below one, which are read
    with it. A link's own is seen from now on.
    """
    real = os.path.realpath(folder)
    if not os.path.islink(folder):
        return True
    known = any(Path(real).is_relative_to(each) for each in seen)
    seen.add(real)
    return not known


def visible(name: str) -> bool:
    """Whether a file or a folder has a name of those that are read."""
    return not name.startswith((".", "_"))


def is_there(path: Path) -> bool:
    """Whether this is a file. Raises DataError for a link to what is gone, whose rows would be left out."""
    if path.is_symlink() and not path.exists():
        raise DataError(f"{str(path)!r} is a link to {os.readlink(path)!r}, which is not there")
    return path.is_file()


def not_passed_over(found: Sequence[Path], files: Sequence[Path]) -> None:
    """Raise DataError for a folder called as a file, as Spark writes them, that a pattern finds without its files."""
    met = {*files, *(folder for file in files for folder in file.parents)}
    folder = next((each for each in found if each.suffix.lower() in SUFFIXES and each not in met), None)
    if folder is not None:
        raise DataError(
            f"{str(folder)!r} is a folder, whose files the pattern leaves out: give the list of files and folders"
        )


def folders_looked_into(pattern: Path, plain: int) -> None:
    """Raise DataError where a pattern, plain up to this part, meets a folder that may not be looked into."""
    parts = pattern.parts
    for end in range(plain, len(parts) + (pattern.name == "**")):
        how = os.X_OK if end < len(parts) and not glob.has_magic(parts[end]) else os.R_OK | os.X_OK
        for folder in glob.glob(os.path.join(*parts[:end], "") if end else "./", recursive=True):
            looked_into(str(Path(folder)), how)


def looked_into(folder: str, how: int = os.R_OK | os.X_OK) -> None:
    """Raise DataError for a folder that may not be looked into: its files would be left out."""
    if not os.access(folder, how):
        raise DataError(f"{folder!r}: the folder may not be looked into: ask for the permission, or name the files")


def readable(given: str) -> None:
    """Raise DataError for a file whose ending is not known, or that is not there."""
    path = Path(given)
    if not path.suffix and not path.exists():
        swapped = "; a formula is given apart from the data, nd.glm('y ~ x', data)" if "~" in str(given) else ""
        raise DataError(f"{given!r}: there is no such file or folder{swapped}")
    if path.suffix.lower() not in SUFFIXES:
        raise DataError(f"{given!r}: nelder reads .csv, .tsv and .parquet files, told by their ending")
    if not path.is_file():
        raise DataError(f"{given!r}: there is no such file")


def values_of(parts: Sequence[str]) -> dict[str, str | None]:
    """The columns in the names of folders, as `year=2024`."""
    pairs = [part.split("=", 1) for part in parts if "=" in part]
    return {unquote(name): None if value == NO_VALUE else unquote(value) for name, value in pairs}


def folder_kind(values: Sequence[str | None]) -> str:
    """Whole numbers where every folder's value is one, written as numbers are; else text."""
    present = [value for value in values if value is not None]
    if not present:
        return "null"
    return "i" if all(value.isascii() and str(whole(value)) == value for value in present) else "text"


def whole(value: str) -> int | None:
    """A whole number, or None."""
    try:
        return int(value)
    except ValueError:
        return None
