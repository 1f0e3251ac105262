"""The records of control (SQLAlchemy): see README.md for the rule of this folder."""

from control.models import documents, fleet, ledger, people, plan
from control.models.base import Base

__all__ = ["Base", "documents", "fleet", "ledger", "people", "plan"]
