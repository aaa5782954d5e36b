"""Whether the reference in docs/reference names everything that there is, and nothing that there is not."""

import re
from dataclasses import fields
from functools import cache
from importlib import import_module
from pathlib import Path

import pytest

import nelder
from nelder.fit import Fit

FOLDER = Path(__file__).parents[2] / "docs"
ENTRY = re.compile(r"^\.\. auto(?:function|class|exception|method|attribute):: ([\w.]+)(?:\(\))?$", re.MULTILINE)
CODE = re.compile(r"`([\w.]+)`")
NOT_ENTRIES = {"__version__", "datasets", "plots"}  # in words; pages of their own


@cache
def pages():
    return {path.name: path.read_text(encoding="utf-8") for path in sorted((FOLDER / "reference").glob("*.md"))}


@cache
def entries():
    """Each entry of the reference, and the pages that have it."""
    found = {}
    for page, text in pages().items():
        for name in ENTRY.findall(text):
            found.setdefault(name, []).append(page)
    return found


def doors():
    """The public methods and properties of a fit."""
    held = {field.name for field in fields(Fit)}
    return sorted(name for name in dir(Fit) if not name.startswith("_") and name not in held)


def test_every_public_name_has_an_entry():
    missing = sorted(set(nelder.__all__) - set(entries()) - NOT_ENTRIES)
    assert not missing, f"no page of docs/reference has {', '.join(missing)}"
    words = set(CODE.findall(pages()["index.md"]))
    assert {f"nd.{name}" for name in NOT_ENTRIES} <= words


def test_every_door_of_a_fit_has_an_entry():
    missing = [name for name in doors() if f"Fit.{name}" not in entries()]
    assert not missing, f"docs/reference/doors.md, or fit.md for a number, lacks {', '.join(missing)}"


def test_every_field_of_a_fit_is_in_the_table_of_its_numbers():
    words = set(CODE.findall(pages()["fit.md"]))
    missing = [field.name for field in fields(Fit) if field.name not in words | {"objective"}]
    assert not missing, f"docs/reference/fit.md lacks {', '.join(missing)}"


def test_no_entry_is_there_twice_and_none_has_left():
    assert [name for name, on in entries().items() if len(on) > 1] == []
    for name in entries():
        owner, _, attribute = name.rpartition(".")
        if owner.startswith("nelder."):
            assert hasattr(import_module(owner), attribute), name
            continue
        assert hasattr(Fit if owner == "Fit" else nelder, attribute) or hasattr(nelder.datasets, attribute), name


def test_every_dataset_has_an_entry():
    assert set(nelder.datasets.DATASETS) <= set(entries())


def test_tables_of_the_doors_list_what_the_page_has():
    text = pages()["doors.md"]
    listed = re.findall(r"^   (Fit\.\w+)$", text, re.MULTILINE)
    assert sorted(listed) == sorted(name for name in ENTRY.findall(text) if name.startswith("Fit."))


@pytest.mark.parametrize("section", ["tutorials", "theory", "reference"])
def test_every_page_is_named_on_the_page_of_its_section(section):
    index = (FOLDER / section / "index.md").read_text(encoding="utf-8")
    for path in (FOLDER / section).glob("*.md"):
        if path.name != "index.md":
            assert f"({path.name})" in index and f"\n{path.stem}\n" in index, path.name


def test_every_theory_page_names_files_that_exist():
    for path in (FOLDER / "theory").glob("*.md"):
        text = path.read_text(encoding="utf-8")
        named = {name for name in re.findall(r"`([\w/]+\.py|[\w/]+/)`", text) if not name.startswith(("tests", "docs"))}
        for name in named:
            assert (FOLDER.parent / "src" / "nelder" / name).exists(), f"{path.name}: {name}"
