"""What a plan says of a branch beyond the columns."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    column = sa.Column("rules", sa.JSON(), nullable=False, server_default="{}")
    op.add_column("sites", column)


def downgrade() -> None:
    op.drop_column("sites", "rules")
