"""The boxes' ledgers, and the contacts derived from them."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _ledger()
    _contacts()


def downgrade() -> None:
    op.drop_table("contacts")
    op.drop_table("ledger_alarms")
    op.drop_table("ledger_entries")
    op.drop_table("ledger_chains")


def _ledger() -> None:
    op.create_table(
        "ledger_chains",
        sa.Column("appliance", sa.String(length=63), nullable=False),
        sa.Column("chain", sa.String(length=64), nullable=False),
        sa.Column("branch", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("site", sa.String(length=63), nullable=False),
        sa.Column("forked_after", sa.BigInteger(), nullable=False),
        sa.Column("reason", sa.String(length=32), nullable=False),
        sa.Column("previous_chain", sa.String(length=64), nullable=False),
        sa.Column("previous_number", sa.BigInteger(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("hash", sa.LargeBinary(length=32), nullable=False),
        sa.Column("signature", sa.LargeBinary(length=64), nullable=False),
        sa.Column("turn", sa.BigInteger(), nullable=False),
        sa.Column("begun_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("taken_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("appliance", "chain", "branch", name=op.f("pk_ledger_chains")),
    )
    op.create_table(
        "ledger_entries",
        sa.Column("appliance", sa.String(length=63), nullable=False),
        sa.Column("chain", sa.String(length=64), nullable=False),
        sa.Column("branch", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("wall_us", sa.BigInteger(), nullable=False),
        sa.Column("mono_s", sa.Float(53), nullable=False),
        sa.Column("kind", sa.String(length=64), nullable=False),
        sa.Column("contact", sa.String(length=64), nullable=False),
        sa.Column("facts", sa.LargeBinary(), nullable=False),
        sa.Column("hash", sa.LargeBinary(length=32), nullable=False),
        sa.PrimaryKeyConstraint(
            "appliance", "chain", "branch", "number", name=op.f("pk_ledger_entries")
        ),
    )
    op.create_index(op.f("ix_ledger_entries_contact"), "ledger_entries", ["contact"])
    op.create_table(
        "ledger_alarms",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("appliance", sa.String(length=63), nullable=False),
        sa.Column("chain", sa.String(length=64), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("reason", sa.String(length=32), nullable=False),
        sa.Column("detail", sa.String(length=500), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ledger_alarms")),
    )
    op.create_index(op.f("ix_ledger_alarms_at"), "ledger_alarms", ["at"])


def _contacts() -> None:
    op.create_table(
        "contacts",
        sa.Column("contact", sa.String(length=64), nullable=False),
        sa.Column("appliance", sa.String(length=63), nullable=False),
        sa.Column("site", sa.String(length=63), nullable=False),
        sa.Column("boxes", sa.Text(), nullable=False),
        sa.Column("channel", sa.String(length=32), nullable=False),
        sa.Column("via", sa.String(length=120), nullable=False),
        sa.Column("caller", sa.String(length=120), nullable=False),
        sa.Column("called", sa.String(length=120), nullable=False),
        sa.Column("private", sa.Boolean(), nullable=False),
        sa.Column("queue", sa.String(length=63), nullable=False),
        sa.Column("klass", sa.String(length=63), nullable=False),
        sa.Column("agent", sa.String(length=63), nullable=False),
        sa.Column("agent_box", sa.String(length=63), nullable=False),
        sa.Column("arrival", sa.BigInteger(), nullable=False),
        sa.Column("arrived_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("queued", sa.Integer(), nullable=False),
        sa.Column("offers", sa.Integer(), nullable=False),
        sa.Column("waited_ms", sa.BigInteger(), nullable=False),
        sa.Column("talked_ms", sa.BigInteger(), nullable=False),
        sa.Column("outcome", sa.String(length=16), nullable=False),
        sa.Column("reason", sa.String(length=64), nullable=False),
        sa.Column("fault", sa.String(length=16), nullable=False),
        sa.PrimaryKeyConstraint("contact", name=op.f("pk_contacts")),
    )
    for columns in (["arrived_at", "contact"], ["queue", "arrived_at"], ["site", "arrived_at"]):
        op.create_index(op.f(f"ix_contacts_{'_'.join(columns)}"), "contacts", columns)
