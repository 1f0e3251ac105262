"""What a plan says of a class of service beyond the columns."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    column = sa.Column("rules", sa.JSON(), nullable=False, server_default="{}")
    op.add_column("service_classes", column)


def downgrade() -> None:
    op.drop_column("service_classes", "rules")
