"""Audit: who changed what, and when."""

from flask import Blueprint, render_template

from control.models import people
from control.web.context import database

page = Blueprint("audit", __name__, url_prefix="/audit")
#: rows on the page
_ROWS = 200


@page.get("/")
def audit() -> str:
    """Show the newest changes first."""
    with database() as session:
        return render_template("audit.html", changes=people.last_changes(session, _ROWS))
