"""The first tables."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    _people()
    _fleet()
    _documents()
    _calls()
    _agents()


def downgrade() -> None:
    op.drop_table("plan_options")
    op.drop_table("service_classes")
    op.drop_table("agent_skills")
    op.drop_table("agents")
    op.drop_table("numbers")
    op.drop_table("queue_skills")
    op.drop_table("queues")
    op.drop_table("flows")
    op.drop_table("documents")
    op.drop_table("join_tokens")
    op.drop_table("appliances")
    op.drop_table("sites")
    op.drop_table("audit")
    op.drop_table("users")


def _people() -> None:
    op.create_table(
        "users",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("password_hash", sa.String(length=255), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_users")),
        sa.UniqueConstraint("name", name=op.f("uq_users_name")),
    )
    op.create_table(
        "audit",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("who", sa.String(length=64), nullable=False),
        sa.Column("what", sa.String(length=200), nullable=False),
        sa.Column("before", sa.JSON(), nullable=True),
        sa.Column("after", sa.JSON(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit")),
    )
    op.create_index(op.f("ix_audit_at"), "audit", ["at"])


def _fleet() -> None:
    op.create_table(
        "sites",
        sa.Column("name", sa.String(length=63), nullable=False),
        sa.Column("title", sa.String(length=120), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_sites")),
    )
    op.create_table(
        "appliances",
        sa.Column("name", sa.String(length=63), nullable=False),
        sa.Column("site", sa.String(length=63), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("curve_key", sa.String(length=40), nullable=False),
        sa.Column("fingerprint", sa.String(length=64), nullable=False),
        sa.Column("csr", sa.String(length=8192), nullable=False),
        sa.Column("certificate", sa.String(length=8192), nullable=False),
        sa.Column("link_address", sa.String(length=255), nullable=False),
        sa.Column("link_port", sa.Integer(), nullable=False),
        sa.Column("sip_address", sa.String(length=255), nullable=False),
        sa.Column("sip_port", sa.Integer(), nullable=False),
        sa.Column("telemetry_address", sa.String(length=255), nullable=False),
        sa.Column("telemetry_port", sa.Integer(), nullable=False),
        sa.Column("enrolled_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("approved_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("version", sa.String(length=64), nullable=False),
        sa.Column("plan_serial", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["site"], ["sites.name"], name=op.f("fk_appliances_site_sites")),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_appliances")),
        sa.UniqueConstraint("curve_key", name=op.f("uq_appliances_curve_key")),
    )
    op.create_table(
        "join_tokens",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("secret", sa.LargeBinary(length=32), nullable=False),
        sa.Column("name", sa.String(length=63), nullable=False),
        sa.Column("site", sa.String(length=63), nullable=False),
        sa.Column("made_by", sa.String(length=64), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("used_by", sa.String(length=128), nullable=False),
        sa.Column("auto_approve", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["site"], ["sites.name"], name=op.f("fk_join_tokens_site_sites")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_join_tokens")),
    )


def _documents() -> None:
    op.create_table(
        "documents",
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("site", sa.String(length=63), nullable=False),
        sa.Column("serial", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("signature", sa.LargeBinary(length=64), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("by", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("kind", "site", "serial", name=op.f("pk_documents")),
    )


def _calls() -> None:
    op.create_table(
        "flows",
        sa.Column("name", sa.String(length=63), nullable=False),
        sa.Column("start", sa.String(length=63), nullable=False),
        sa.Column("steps", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_flows")),
    )
    op.create_table(
        "queues",
        sa.Column("name", sa.String(length=63), nullable=False),
        sa.Column("title", sa.String(length=120), nullable=False),
        sa.Column("target_s", sa.Float(), nullable=False),
        sa.Column("ring_s", sa.Float(), nullable=False),
        sa.Column("wrap_up_s", sa.Float(), nullable=False),
        sa.Column("announce_s", sa.Float(), nullable=False),
        sa.Column("music", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_queues")),
    )
    op.create_table(
        "queue_skills",
        sa.Column("queue", sa.String(length=63), nullable=False),
        sa.Column("skill", sa.String(length=63), nullable=False),
        sa.Column("level", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["queue"],
            ["queues.name"],
            name=op.f("fk_queue_skills_queue_queues"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("queue", "skill", name=op.f("pk_queue_skills")),
    )
    op.create_table(
        "numbers",
        sa.Column("number", sa.String(length=33), nullable=False),
        sa.Column("title", sa.String(length=120), nullable=False),
        sa.Column("flow", sa.String(length=63), nullable=True),
        sa.Column("queue", sa.String(length=63), nullable=True),
        sa.Column("klass", sa.String(length=63), nullable=False),
        sa.ForeignKeyConstraint(["flow"], ["flows.name"], name=op.f("fk_numbers_flow_flows")),
        sa.ForeignKeyConstraint(["queue"], ["queues.name"], name=op.f("fk_numbers_queue_queues")),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_numbers")),
    )


def _agents() -> None:
    op.create_table(
        "agents",
        sa.Column("name", sa.String(length=63), nullable=False),
        sa.Column("title", sa.String(length=120), nullable=False),
        sa.Column("site", sa.String(length=63), nullable=False),
        sa.Column("account", sa.String(length=64), nullable=False),
        sa.Column("ha1_md5", sa.String(length=32), nullable=False),
        sa.Column("ha1_sha256", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(["site"], ["sites.name"], name=op.f("fk_agents_site_sites")),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_agents")),
        sa.UniqueConstraint("account", name=op.f("uq_agents_account")),
    )
    op.create_table(
        "agent_skills",
        sa.Column("agent", sa.String(length=63), nullable=False),
        sa.Column("skill", sa.String(length=63), nullable=False),
        sa.Column("level", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["agent"],
            ["agents.name"],
            name=op.f("fk_agent_skills_agent_agents"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("agent", "skill", name=op.f("pk_agent_skills")),
    )
    op.create_table(
        "service_classes",
        sa.Column("name", sa.String(length=63), nullable=False),
        sa.Column("head_start_s", sa.Float(), nullable=False),
        sa.Column("slope", sa.Float(), nullable=False),
        sa.Column("rank", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_service_classes")),
    )
    op.create_table(
        "plan_options",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("default_class", sa.String(length=63), nullable=False),
        sa.Column("emergency_numbers", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_plan_options")),
    )
