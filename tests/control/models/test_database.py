"""The tables: made by migrations, the same as the models, and taken back again."""

import datetime
from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import inspect, text
from sqlalchemy.exc import IntegrityError, StatementError

from control.models import Base, fleet, people, plan
from control.models.database import Database

AT = datetime.datetime(2026, 11, 22, 4, 5, 6, 7, tzinfo=datetime.UTC)


@pytest.fixture
def empty(tmp_path: Path) -> Iterator[Database]:
    database = Database(f"sqlite:///{tmp_path / 'x.db'}")
    yield database
    database.close()


@pytest.fixture
def database(empty: Database) -> Database:
    empty.upgrade()
    return empty


def test_upgrade_makes_what_the_models_say(database: Database) -> None:
    with database.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, Base.metadata) == []


def test_downgrade_takes_everything_away_and_upgrade_brings_it_back(database: Database) -> None:
    database.downgrade("base")
    assert inspect(database.engine).get_table_names() == ["alembic_version"]
    database.upgrade()
    assert set(Base.metadata.tables) < set(inspect(database.engine).get_table_names())


def test_going_back_a_version_keeps_what_refers_to_a_queue(database: Database) -> None:
    with database.session() as session:
        session.add(plan.Queue(name="sales", skills=[plan.QueueSkill(skill="x", level=3)]))
    database.downgrade("0003")
    database.upgrade()
    with database.session() as session:
        queue = session.get_one(plan.Queue, "sales")
        assert ([row.skill for row in queue.skills], queue.rules) == (["x"], {})


def test_upgrade_twice_changes_nothing(database: Database) -> None:
    database.upgrade()
    with database.session() as session:
        assert session.execute(text("SELECT version_num FROM alembic_version")).all() == [
            ("0010",)
        ]


def test_sqlite_keeps_foreign_keys_and_a_write_ahead_log(database: Database) -> None:
    with database.session() as session:
        assert session.execute(text("PRAGMA journal_mode")).scalar() == "wal"
    with pytest.raises(IntegrityError), database.session() as session:
        session.add(plan.Number(number="1", queue="nowhere"))


def test_a_session_rolls_back_on_an_error(database: Database) -> None:
    def fail() -> None:
        with database.session() as session:
            fleet.ensure_site(session, "berlin")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    with database.session() as session:
        assert fleet.all_sites(session) == []


def test_moments_come_back_as_utc(database: Database) -> None:
    zone = datetime.timezone(datetime.timedelta(hours=5))
    with database.session() as session:
        people.note(session, AT.astimezone(zone), "admin", "something")
    with database.session() as session:
        at = people.last_changes(session, 1)[0].at
    assert at == AT
    assert at.tzinfo == datetime.UTC


def test_a_moment_without_a_zone_is_refused(database: Database) -> None:
    with pytest.raises(StatementError, match="needs its zone"), database.session() as session:
        people.note(session, AT.replace(tzinfo=None), "admin", "something")
