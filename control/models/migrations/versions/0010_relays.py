"""Which boxes nobody can dial, and which carry for them."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

_COLUMNS = ("nat", "relay")


def upgrade() -> None:
    with op.batch_alter_table("appliances") as table:
        for name in _COLUMNS:
            table.add_column(
                sa.Column(name, sa.Boolean(), nullable=False, server_default=sa.false())
            )


def downgrade() -> None:
    with op.batch_alter_table("appliances") as table:
        for name in _COLUMNS:
            table.drop_column(name)
