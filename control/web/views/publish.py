"""Publish: what the draft changes, what the checks say, and everything published so far."""

import msgspec
from flask import Blueprint, Response, abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from appliance.plan import canonical
from control.fleet.publication import PublicationError
from control.models import documents, fleet
from control.web.context import database, parts, who

page = Blueprint("publish", __name__, url_prefix="/publish")


@page.get("/")
def publish() -> str:
    """Show the draft against what was published last."""
    with database() as session:
        return render_template(
            "publish.html",
            draft=parts().publication.draft(session),
            last=documents.latest(session, "plan"),
            boxes=fleet.approved_appliances(session),
            history=documents.history(session, 30),
            digest=canonical.digest,
        )


@page.post("/")
def do_publish() -> ResponseReturnValue:
    """Publish the draft as it was shown."""
    try:
        with database() as session:
            last = documents.latest(session, "plan")
            shown = request.form.get("after", "")
            if shown != str(last.serial if last else 0):
                flash("Somebody else published meanwhile: look at the draft again.", "bad")
                return redirect(url_for("publish.publish"))
            document = parts().publication.publish(session, who())
    except PublicationError as error:
        flash(f"Not published. {error.message}.", "bad")
        return redirect(url_for("publish.publish"))
    if document is None:
        flash("Nothing to publish: the draft is what the fleet has.", "good")
    elif parts().hub.reload():
        flash(f"Plan {document.serial} is published and on its way to the boxes.", "good")
    else:
        text = f"Plan {document.serial} is published. The hub is away; it will hand it out later."
        flash(text, "good")
    return redirect(url_for("publish.publish"))


@page.get("/<kind>/<int:serial>")
@page.get("/<kind>/<site>/<int:serial>")
def document(kind: str, serial: int, site: str = "") -> Response:
    """Return a published document, byte for byte as it was signed; rosters without verifiers."""
    with database() as session:
        row = session.get(documents.Document, (kind, site, serial))
    if row is None:
        abort(404, "There is no such document.")
    body = row.body
    if kind == "roster":
        roster = msgspec.json.decode(body)
        for account in roster["accounts"]:
            account["ha1_md5"] = account["ha1_sha256"] = "hidden"
        body = msgspec.json.encode(roster)
    pretty = msgspec.json.format(body, indent=2) if "pretty" in request.args else body
    return Response(pretty, mimetype="application/json")
