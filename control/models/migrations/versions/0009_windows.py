"""When callers were promised to be called back, and when that was."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

_TEXTS = (("window", 8), ("window_queue", 63), ("window_klass", 63))
_NUMBERS = ("window_low_ms", "window_high_ms", "window_came_ms", "window_off_ms")


def upgrade() -> None:
    # rows of contacts are derived: `branchline control ledger rebuild` fills these for older ones
    for name, length in _TEXTS:
        column = sa.Column(name, sa.String(length), nullable=False, server_default="")
        op.add_column("contacts", column)
    for name in _NUMBERS:
        number = sa.Column(name, sa.BigInteger(), nullable=False, server_default="0")
        op.add_column("contacts", number)
    op.create_index(op.f("ix_contacts_window_arrived_at"), "contacts", ["window", "arrived_at"])


def downgrade() -> None:
    op.drop_index(op.f("ix_contacts_window_arrived_at"), "contacts")
    for name in (*_NUMBERS, *(text for text, _ in _TEXTS)):
        op.drop_column("contacts", name)
