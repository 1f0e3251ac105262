"""`GET /api/v1/health`: whether control does its work, for monitoring systems."""

from flask import Blueprint
from flask.typing import ResponseReturnValue
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from appliance.base.errors import PeerError
from control.web.context import database, parts

api = Blueprint("health", __name__, url_prefix="/api/v1")


@api.get("/health")
def health() -> ResponseReturnValue:
    """Return 200 if the database answers, 503 if not; a hub that is away is told, no more."""
    found = {"database": "up", "hub": "up"}
    try:
        with database() as session:
            session.execute(text("SELECT 1"))
    except SQLAlchemyError:
        found["database"] = "down"
    try:
        parts().hub.floor()
    except PeerError:
        found["hub"] = "down"
    return found, 200 if found["database"] == "up" else 503
