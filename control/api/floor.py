"""`GET /api/v1/floor`: everything that is live now."""

from flask import Blueprint
from flask.typing import ResponseReturnValue

from appliance.base.errors import PeerError
from control.web.context import parts

api = Blueprint("floor", __name__, url_prefix="/api/v1")


@api.get("/floor")
def floor() -> ResponseReturnValue:
    """Return the hub's view of contacts, seats and boxes; 503 while the hub is away."""
    try:
        return parts().hub.floor()
    except PeerError as error:
        return {"reason": error.reason, "message": error.message}, 503
