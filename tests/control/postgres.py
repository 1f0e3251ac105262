"""A PostgreSQL of its own for tests: Debian's, on a Unix socket, gone when they are over.

PostgreSQL refuses to run as root, so there it runs as `nobody`.
"""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import create_engine, text

_BINARIES = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"))
#: generous: the machine may be busy [s]
_PATIENCE_S = 90


def is_there() -> bool:
    """Tell whether Debian's PostgreSQL is installed."""
    return bool(_BINARIES)


class Postgres:
    """A running server; `make` gives an empty database."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._made = 0

    def make(self) -> str:
        """Return the URL of a new, empty database."""
        self._made += 1
        name = f"test{self._made}"
        engine = create_engine(self._url("postgres"), isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.execute(text(f"CREATE DATABASE {name}"))
        engine.dispose()
        return self._url(name)

    def _url(self, name: str) -> str:
        return f"postgresql+psycopg://branchline@/{name}?host={self._folder}"


@contextmanager
def running() -> Iterator[Postgres]:
    """Run a server; it has no TCP port, and writes no more safely than a test needs."""
    folder = Path(tempfile.mkdtemp(prefix="bl-pg-"))
    binaries = _BINARIES[-1].parent
    user = pwd.getpwnam("nobody") if os.geteuid() == 0 else pwd.getpwuid(os.geteuid())
    if os.geteuid() == 0:
        os.chown(folder, user.pw_uid, user.pw_gid)
    data = folder / "data"
    base = ["-D", str(data)]
    _run(user, [str(binaries / "initdb"), *base, "-U", "branchline", "-A", "trust", "-N"], folder)
    # however this process ends, the server ends with it
    command = ["setpriv", "--pdeathsig", "INT", str(binaries / "postgres"), *base]
    command += ["-k", str(folder), "-c", "listen_addresses=", "-c", "fsync=off"]
    root = os.geteuid() == 0
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=log,
            cwd=folder,
            user=user.pw_uid if root else None,
            group=user.pw_gid if root else None,
        )
    try:
        _await(str(binaries / "pg_isready"), folder, server)
        yield Postgres(folder)
    finally:
        server.send_signal(signal.SIGINT)
        server.wait(_PATIENCE_S)
        shutil.rmtree(folder)


def _await(ready: str, folder: Path, server: subprocess.Popen[bytes]) -> None:
    """Wait until the server answers; fail with its log."""
    end_s = time.monotonic() + _PATIENCE_S
    while subprocess.run([ready, "-q", "-h", str(folder)], check=False).returncode:
        assert server.poll() is None, (folder / "log").read_text()
        assert time.monotonic() < end_s, (folder / "log").read_text()
        time.sleep(0.1)


def _run(user: pwd.struct_passwd, command: list[str], folder: Path) -> None:
    root = os.geteuid() == 0
    with (folder / "out").open("ab") as out:
        subprocess.run(
            command,
            check=True,
            stdout=out,
            stderr=out,
            stdin=subprocess.DEVNULL,
            timeout=_PATIENCE_S,
            cwd=folder,
            env={"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"},
            user=user.pw_uid if root else None,
            group=user.pw_gid if root else None,
        )
