"""What a plan says beyond the columns: rules, calendars and regions."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_RULED = ("queues", "numbers", "agents")


def upgrade() -> None:
    # no table is made anew, so nothing that refers to its rows is lost
    for table in _RULED:
        column = sa.Column("rules", sa.JSON(), nullable=False, server_default="{}")
        op.add_column(table, column)
    calendars = sa.Column("calendars", sa.JSON(), nullable=False, server_default="[]")
    op.add_column("plan_options", calendars)
    region = sa.Column("region", sa.String(63), nullable=False, server_default="")
    op.add_column("sites", region)


def downgrade() -> None:
    op.drop_column("sites", "region")
    op.drop_column("plan_options", "calendars")
    for table in reversed(_RULED):
        op.drop_column(table, "rules")
