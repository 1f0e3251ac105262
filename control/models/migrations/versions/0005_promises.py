"""What callers were told of their wait, and what came true."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_NUMBERS = ("promise_low_ms", "promise_high_ms", "promise_came_ms")


def upgrade() -> None:
    # rows of contacts are derived: `branchline control ledger rebuild` fills these for older ones
    for name, length in (("promise", 8), ("promise_queue", 63)):
        column = sa.Column(name, sa.String(length), nullable=False, server_default="")
        op.add_column("contacts", column)
    for name in _NUMBERS:
        number = sa.Column(name, sa.BigInteger(), nullable=False, server_default="0")
        op.add_column("contacts", number)
    op.create_index(op.f("ix_contacts_promise_arrived_at"), "contacts", ["promise", "arrived_at"])


def downgrade() -> None:
    op.drop_index(op.f("ix_contacts_promise_arrived_at"), "contacts")
    for name in (*_NUMBERS, "promise_queue", "promise"):
        op.drop_column("contacts", name)
