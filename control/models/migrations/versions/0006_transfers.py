"""What the plan says of transfers."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    column = sa.Column("transfers", sa.JSON(), nullable=False, server_default="{}")
    op.add_column("plan_options", column)


def downgrade() -> None:
    op.drop_column("plan_options", "transfers")
