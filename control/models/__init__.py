"""The records of control (SQLAlchemy)."""
