"""Where boxes take calls by TLS."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("appliances") as table:
        table.add_column(
            sa.Column("sip_tls_port", sa.Integer(), nullable=False, server_default="0")
        )


def downgrade() -> None:
    with op.batch_alter_table("appliances") as table:
        table.drop_column("sip_tls_port")
