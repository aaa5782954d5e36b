"""Files that replace others only once they are whole."""

from __future__ import annotations

import contextlib
from pathlib import Path

from nelder.errors import InputError, a_path


def refuse_unwritable(path: object, error: type[InputError] = InputError) -> Path:
    """The file that a path means, or a link of that name leads to. Raises `error` for what can be no file,
    InputTypeError for what is not a path.
    """
    target = a_path(path, "a path to write to", error)
    if not target.name:
        raise error(f"{str(path)!r} is not the name of a file to write to, such as 'fit.html'")
    try:
        target = target.resolve() if target.is_symlink() and target.is_file() else target
        why = "it is a folder" if target.is_dir() else None
        if not target.parent.is_dir():
            why = f"there is no folder {str(target.parent)!r}"
    except (OSError, ValueError) as problem:  # ValueError: a name that no file can have here
        why = getattr(problem, "strerror", None) or str(problem)
    if why is not None:
        raise error(f"{str(path)!r} cannot be written: {why}")
    return target


def write_whole(path: object, text: str, error: type[InputError] = InputError) -> Path:
    """Write a text as UTF-8 beside `path` and then in its place, so that no half of a file is ever left.

    What is no plain file, as a pipe or a device, is written to and stays what it is. Raises `error` with the path and
    the reason where that cannot be done, InputTypeError for what is not a path.
    """
    target = refuse_unwritable(path, error)
    beside = target.with_name(target.name + ".partial")
    try:
        if target.exists() and not target.is_file() and not target.is_dir():  # a pipe or a device: nothing to replace
            target.write_text(text, encoding="utf-8", newline="\n")
            return target
        beside.write_text(text, encoding="utf-8", newline="\n")
        beside.replace(target)
    except (OSError, ValueError) as problem:  # ValueError: a name that no file can have here
        why = getattr(problem, "strerror", None) or problem
        raise error(f"{str(path)!r} cannot be written: {why}") from None
    finally:
        if "\0" not in str(beside):
            remove(beside)
    return target


def remove(path: Path) -> None:
    """Remove a file if it is there and can be reached."""
    with contextlib.suppress(OSError):  # what could not be written need not be removed
        path.unlink(missing_ok=True)
