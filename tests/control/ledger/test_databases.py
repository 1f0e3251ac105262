"""Control's tables in both kinds of database: the same as the models, there and back again."""

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import inspect

from control.models import Base
from control.models.database import Database


def test_migrations_make_what_the_models_say_and_take_it_away(url: str) -> None:
    database = Database(url)
    try:
        database.upgrade()
        with database.engine.connect() as connection:
            context = MigrationContext.configure(connection, opts={"compare_type": True})
            assert compare_metadata(context, Base.metadata) == []
        database.downgrade("base")
        assert inspect(database.engine).get_table_names() == ["alembic_version"]
        database.upgrade()
        assert set(Base.metadata.tables) < set(inspect(database.engine).get_table_names())
    finally:
        database.close()
