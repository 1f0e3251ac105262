"""Control's database in both kinds: SQLite in a file, and a real PostgreSQL."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from appliance.base.clock import SystemClock
from control.ledger.store import LedgerStore
from control.models.database import Database
from tests.control import postgres
from tests.control.ledger.rig import Desk


@pytest.fixture(scope="session")
def server() -> Iterator[postgres.Postgres]:
    if not postgres.is_there():
        pytest.skip("no PostgreSQL: apt install postgresql")
    with postgres.running() as found:
        yield found


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Return where an empty database is, of each kind in turn."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'control.db'}"
    found: postgres.Postgres = request.getfixturevalue("server")
    return found.make()


@pytest.fixture
def desk(url: str) -> Iterator[Desk]:
    """Return an intake's store on an empty database."""
    database = Database(url)
    database.upgrade()
    yield Desk(database, LedgerStore(database, Ed25519PrivateKey.generate(), SystemClock()))
    database.close()
