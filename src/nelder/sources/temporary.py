"""Folders for what does not fit into memory: removed when they are done with, if need be by whoever makes the next."""

from __future__ import annotations

import os
import platform
import re
import shutil
import tempfile
import weakref
from contextlib import suppress
from pathlib import Path
from typing import Any

from nelder.errors import DataError

PREFIX = "nelder-"
LOCK = ".lock-" + re.sub("[^0-9A-Za-z.]", "-", platform.node())  # some shared disks have locks for each machine


class TemporaryFolder:
    """A folder that is removed at the end of a `with`, when nothing refers to it any more, and when Python ends.

    A process that is killed leaves its folders, but not its locks on a file in each: when the next folder is made, they
    are removed. Raises DataError where none can be made.
    """

    def __init__(self, purpose: str, parent: str | Path | None = None) -> None:
        with suppress(OSError):  # what others left is no reason to fail
            remove_abandoned(Path(parent or tempfile.gettempdir()))
        try:
            self.path = Path(tempfile.mkdtemp(prefix=f"{PREFIX}{purpose}-", dir=parent))
        except OSError as problem:
            where = "in folder=" if parent else "in the environment variable TMPDIR"
            raise DataError(
                f"no temporary folder can be made ({problem.strerror or problem}): name one where files can be made "
                f"{where}"
            ) from None
        self.remove = weakref.finalize(self, removed, self.path, locked(self.path), os.getpid())

    def __enter__(self) -> str:
        return str(self.path)

    def __exit__(self, *raised: object) -> None:
        self.remove()


def locked(folder: Path) -> Any:
    """The open file of a lock on a folder, which ends with this process; None where the system knows of no locks.

    It gets its name when it is locked, so that nobody takes it for an abandoned one before.
    """
    file = None
    with suppress(ImportError, OSError):
        import fcntl

        file = (folder / f"{LOCK}-made").open("wb")
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.replace(file.name, folder / LOCK)
    return file


def removed(folder: Path, lock: Any, process: int) -> None:
    """Remove a folder, in the process that made it: one that was forked only knows of it."""
    if os.getpid() == process:
        shutil.rmtree(folder, ignore_errors=True)
        if lock is not None:
            lock.close()


def remove_abandoned(parent: Path) -> None:
    """Remove the folders of processes that were killed: those with a lock of this machine that nobody holds."""
    try:
        import fcntl
    except ImportError:
        return
    for lock in parent.glob(f"{PREFIX}*/{LOCK}"):
        with suppress(OSError), lock.open("rb") as file:  # of another user, or held
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(lock.parent, ignore_errors=True)
