"""Files of blocks on an executor's disks: whole, or not there."""

import resource
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import pytest
from rows_on_engines import loader, parts_of

import nelder as nd
from nelder.engines.spark_files import Absent, Mark, Ticket, folders, found, opened, removed, stored

ROWS = 5000


@pytest.fixture
def disks(tmp_path, monkeypatch):
    """Two disks of an executor."""
    made = [tmp_path / "first", tmp_path / "second"]
    monkeypatch.setenv("SPARK_LOCAL_DIRS", ",".join(map(str, made)))
    return [disk / "nelder" for disk in made]


@pytest.fixture
def block():
    return loader(parts_of((ROWS,))[0])[0]


def test_a_block_comes_back_from_its_file_bit_for_bit(disks, block):
    ticket = stored(block, "token-0", 0)
    again = opened(ticket)
    assert np.array_equal(again.dense(), block.dense()) and np.array_equal(again.y, block.y)
    assert ticket == found("token-0", 0) and ticket.mark.rows == ROWS
    assert ticket.path.parent.stat().st_mode & 0o077 == 0  # for nobody else to see
    assert not again.y.flags.writeable and not again.y.flags.owndata  # it is mapped


def test_few_rows_are_in_a_file_too(disks, block):
    ticket = stored(block.rows(slice(0, 3)), "token-0", 0)
    assert opened(ticket).n == 3 and np.array_equal(opened(ticket).y, block.y[:3])


def test_partitions_go_to_the_disks_in_turn(disks, block):
    assert folders() == disks
    paths = [stored(block, f"token-{place}", place).path for place in range(4)]
    assert [path.parent for path in paths] == [*disks, *disks]
    removed(folders(), "other")
    assert all(path.exists() for path in paths)
    (disks[1] / "token-7-123").touch()  # as of a worker that was killed
    removed(folders(), "token")
    assert not [*disks[0].iterdir(), *disks[1].iterdir()]


@pytest.mark.parametrize("left", [0, 10, 4096, -1, -10])
def test_what_is_not_whole_is_not_there(left, disks, block):
    ticket = stored(block, "token-0", 0)
    ticket.path.write_bytes(ticket.path.read_bytes()[:left])
    with pytest.raises(Absent):
        opened(ticket)
    assert found("token-0", 0) is None and found("token-1", 1) is None
    assert stored(block, "token-0", 0) == ticket and opened(ticket).n == ROWS


def test_a_file_of_other_rows_is_not_that_of_a_ticket(disks, block):
    ticket = stored(block, "token-0", 0)
    stored(replace(block, y=block.y + 1), "token-0", 0)
    with pytest.raises(Absent):
        opened(ticket)
    with pytest.raises(Absent):
        opened(Ticket(Mark(1, 1), disks[0] / "nothing"))


@contextmanager
def small_disk(size):
    """Files may not become larger than this."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_full_disk_is_one_clear_error_and_nothing_is_left_on_it(disks, block):
    with (
        small_disk(20_000),
        pytest.raises(nd.EngineError, match=r"is full: .*first/nelder.*: set spark\.local\.dir to"),
    ):
        stored(block, "token-0", 0)
    assert not list(disks[0].iterdir())
