"""Opening the database and bringing it to the newest shape."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Engine, create_engine, event
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.orm import Session, sessionmaker
from sqlalchemy.pool import ConnectionPoolEntry

if TYPE_CHECKING:
    # only who changes tables needs it: a restarted hub or web process is there 0.1 s sooner
    from alembic.config import Config

#: how long a writer waits for another [ms]
_BUSY_MS = 5000


class Database:
    """The database: hands out sessions that commit at their end or roll back."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.engine = create_engine(url)
        if self.engine.dialect.name == "sqlite":
            event.listen(self.engine, "connect", _prepare_sqlite)
        self._sessions = sessionmaker(self.engine, expire_on_commit=False)

    @contextmanager
    def session(self) -> Iterator[Session]:
        """Open a session; it commits unless an exception leaves it."""
        with self._sessions.begin() as session:
            yield session

    def close(self) -> None:
        """Close all connections."""
        self.engine.dispose()

    def upgrade(self, revision: str = "head") -> None:
        """Bring the tables to *revision*."""
        from alembic import command

        with self.engine.begin() as connection:
            config = migrations(self.engine)
            config.attributes["connection"] = connection
            command.upgrade(config, revision)

    def downgrade(self, revision: str) -> None:
        """Take the tables back to *revision*; `base` removes them all."""
        from alembic import command

        with self.engine.begin() as connection:
            config = migrations(self.engine)
            config.attributes["connection"] = connection
            command.downgrade(config, revision)


def migrations(engine: Engine) -> "Config":
    """Return Alembic's configuration for *engine*."""
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.set_main_option("path_separator", "os")
    config.attributes["dialect"] = engine.dialect.name
    return config


def _prepare_sqlite(connection: DBAPIConnection, _record: ConnectionPoolEntry) -> None:
    """Readers beside one writer, and foreign keys that hold."""
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA foreign_keys=ON")
    cursor.execute(f"PRAGMA busy_timeout={_BUSY_MS}")
    cursor.close()
