"""Serve the page on this machine, to whoever has its token, until Ctrl-C."""

from __future__ import annotations

import logging
import os
import runpy
import secrets
import socket
import sys
import threading
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from nelder.errors import InputError, MissingExtraError
from nelder.lab.jobs import stop_all
from nelder.sources import source_of

HOST = "127.0.0.1"
PORTS = range(2718, 2768)  # tried one after the other
PATIENCE = 5.0  # seconds that a fit is given to end
DATA = "NELDER_LAB_DATA"  # the environment's name for the file that the lab was started with
APP = Path(__file__).with_name("app.py")


@dataclass(frozen=True)
class Opening:
    """How to open the lab: a file to begin with, a port (the first free one where it is None), and whether to show the
    page in the browser.
    """

    data: str | None = None
    port: int | None = None
    browser: bool = True


def open_lab(opening: Opening) -> int:
    """Serve the lab until Ctrl-C; the exit code.

    Raises MissingExtraError without marimo or Matplotlib, DataError for a file that cannot be read, and InputError for
    a port that is busy.
    """
    for library, name in (("marimo", "marimo"), ("Matplotlib", "matplotlib")):
        if find_spec(name) is None:
            raise MissingExtraError(library, "lab", "the lab")
    if opening.data is not None:
        _ = source_of(opening.data).names
    port, token = free_port(opening.port), secrets.token_urlsafe(16)
    print(f"nelder lab: http://{HOST}:{port}/?access_token={token}", flush=True)
    print("Only this machine can reach it, and only with this address. Ctrl-C stops it.", flush=True)
    os.environ.update({"MARIMO_SKIP_UPDATE_CHECK": "1", DATA: opening.data or ""})
    return serve(port, token, opening.browser)


def serve(port: int, token: str, browser: bool) -> int:
    """Run marimo in this process, so that nothing is left when it ends; the token never leaves it."""
    before = sys.argv
    words = ["marimo", "--quiet", "--yes", "--log-level", "critical", "run", "--host", HOST, "--port", str(port)]
    words += ["--token", "--token-password", token, "--no-sandbox", "--no-check"]
    for name in ("uvicorn.error", "asyncio"):
        logging.getLogger(name).addFilter(worth_saying)
    code = 0
    try:
        sys.argv = [*words, *([] if browser else ["--headless"]), str(APP)]
        runpy.run_module("marimo", run_name="__main__", alter_sys=True)
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else 0
    except KeyboardInterrupt:
        pass
    finally:
        sys.argv = before
        stop_all(PATIENCE)
    return leave(code)


def leave(code: int) -> int:
    """The exit code; where threads of the page still run, the process ends here and now.

    Python would tear them out of whatever they are in as it ends, and abort where that is a library's C++.
    """
    if any(thread.daemon for thread in threading.enumerate()):
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    return code


def worth_saying(record: logging.LogRecord) -> bool:
    """Whether a line of the server's log is more than that it was told to stop, or that a page was closed while a fit
    still told it of its steps.
    """
    return not any(words in record.getMessage() for words in ("CancelledError", "socket.send() raised exception"))


def free_port(asked: int | None) -> int:
    """The port to serve on: the one asked for, or the first free one; raises InputError where there is none."""
    if asked is not None and not 1 <= asked <= 65535:
        raise InputError(f"--port {asked}: a port is a number from 1 to 65535")
    for port in PORTS if asked is None else (asked,):
        with socket.socket() as tried:
            tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                tried.bind((HOST, port))
            except OSError as problem:
                reason = problem.strerror
                continue
            return port
    if asked is None:
        raise InputError(f"the ports {PORTS[0]} to {PORTS[-1]} are all busy: choose another by --port")
    raise InputError(
        f"--port {asked} cannot be had ({reason}): choose another, or leave it out and a free one is taken"
    )
