"""`POST /api/v1/enrol`: a box asks for its place in the fleet."""

from flask import Blueprint, Response, request

from appliance.link.jointoken import ENROL_PATH
from control.fleet import reception
from control.web.context import parts

api = Blueprint("enrol", __name__)


@api.post(ENROL_PATH)
def ask() -> Response:
    """Answer the box; see `appliance.link.jointoken` for both bodies."""
    status, body = reception.answer(parts(), request.get_data(cache=False))
    return Response(body, status, mimetype="application/json")
