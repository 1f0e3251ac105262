"""What a person sees when something went wrong: verdict, reason word, and a way on."""

import logging

from flask import Flask, render_template, request
from flask.typing import ResponseReturnValue
from flask_wtf.csrf import CSRFError
from werkzeug.exceptions import HTTPException

from appliance.base.errors import BranchlineError

LOG = logging.getLogger(__name__)


def set_up(app: Flask) -> None:
    """Answer errors of *app* with a page, or with JSON under `/api/`."""
    app.register_error_handler(CSRFError, _forged)
    app.register_error_handler(HTTPException, _http)
    app.register_error_handler(BranchlineError, _ours)
    app.register_error_handler(Exception, _unforeseen)


def _forged(error: CSRFError) -> ResponseReturnValue:
    return _answer(400, "bad-request", f"The form is no longer valid: {error.description}")


def _http(error: HTTPException) -> ResponseReturnValue:
    status = error.code or 500
    if status < 400:
        return error.get_response()
    reason = {404: "not-found", 413: "bad-request", 405: "bad-request"}.get(status, "refused")
    return _answer(status, reason, error.description or "")


def _ours(error: BranchlineError) -> ResponseReturnValue:
    return _answer(409, error.reason, error.message)


def _unforeseen(error: Exception) -> ResponseReturnValue:
    LOG.error("%s %s failed", request.method, request.path, exc_info=error)
    return _answer(500, "internal", "This is our fault; the log has the details.")


def _answer(status: int, reason: str, message: str) -> ResponseReturnValue:
    if request.path.startswith("/api/"):
        return {"reason": reason, "message": message}, status
    return render_template("error.html", status=status, reason=reason, message=message), status
