"""Fleet: each box and how it is; letting boxes in and out; join tokens."""

from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from appliance.base.errors import ConfigError, PeerError
from control.fleet.tokens import MAX_HOURS, make_token
from control.models import documents
from control.models import fleet as records
from control.models.base import moment
from control.web.context import database, parts, who
from control.web.forms import Form

page = Blueprint("fleet", __name__, url_prefix="/fleet")


@page.get("/")
def fleet() -> str:
    """Show all boxes, those that wait first."""
    return _show(Form({"hours": "24"}))


@page.get("/boxes")
def boxes() -> str:
    """Return the part of the page that is fetched again and again."""
    with database() as session:
        return render_template("fleet_boxes.html", **_boxes(session))


@page.post("/token")
def token() -> ResponseReturnValue:
    """Make a join token; it is shown on this answer only."""
    form = Form(request.form)
    site, name = form.slug("site"), form.slug("name")
    hours = _hours(form)
    if not form.fine:
        return _show(form), 400
    with database() as session:
        text = make_token(
            session,
            parts().authority.digest,
            site=site,
            name=name,
            who=who(),
            at=moment(parts().clock),
            hours=hours,
            auto_approve=form.ticked("auto_approve"),
        )
    return _show(Form({"hours": "24", "site": site}), token=text, token_for=name)


@page.post("/<name>/approve")
def approve(name: str) -> ResponseReturnValue:
    """Let a pending box in; its fingerprint must be the one that was shown."""
    try:
        with database() as session:
            shown = request.form.get("fingerprint", "")
            parts().enrolment.approve(session, name, who(), shown=shown)
    except ConfigError as error:
        flash(f"{name} was not approved: {error.message}.", "bad")
    else:
        _tell_hub(f"{name} is part of the fleet now.")
    return redirect(url_for("fleet.fleet"))


@page.route("/<name>/revoke", methods=["GET", "POST"])
def revoke(name: str) -> ResponseReturnValue:
    """Ask, then refuse a pending box or put an approved one out."""
    row = _in_fleet(name)
    if row is None:
        return redirect(url_for("fleet.fleet"))
    if request.method == "GET":
        return render_template("fleet_revoke.html", box=row)
    with database() as session:
        parts().enrolment.revoke(session, name, who())
    _tell_hub(f"{name} was {'refused' if row.state == 'pending' else 'put out of the fleet'}.")
    return redirect(url_for("fleet.fleet"))


@page.route("/<name>/network", methods=["GET", "POST"])
def network(name: str) -> ResponseReturnValue:
    """Show, or change, how a box stands in the network."""
    row = _in_fleet(name)
    if row is None:
        return redirect(url_for("fleet.fleet"))
    if request.method == "GET":
        return render_template("fleet_network.html", box=row)
    form = Form(request.form)
    nat, relay = form.ticked("nat"), form.ticked("relay")
    try:
        with database() as session:
            parts().enrolment.set_network(session, name, who(), nat=nat, relay=relay)
    except ConfigError as error:
        flash(f"{error.message}.", "bad")
    else:
        _tell_hub(f"The fleet knows how {name} is reached.")
    return redirect(url_for("fleet.fleet"))


@page.post("/tokens/<token_id>/withdraw")
def withdraw(token_id: str) -> ResponseReturnValue:
    """Make an open token useless."""
    with database() as session:
        row = session.get(records.JoinToken, token_id)
        if row is not None and row.used_at is None:
            row.expires_at = moment(parts().clock)
            flash(f"The token for {row.name} is withdrawn.", "good")
    return redirect(url_for("fleet.fleet"))


def _in_fleet(name: str) -> records.Appliance | None:
    """Return a box that waits or is in; of another say that it is not there."""
    with database() as session:
        row = session.get(records.Appliance, name)
    if row is None or row.state == "revoked":
        flash(f"{name} is not in the fleet.", "bad")
        return None
    return row


def _show(form: Form, token: str = "", token_for: str = "") -> str:
    with database() as session:
        return render_template(
            "fleet.html",
            form=form,
            token=token,
            token_for=token_for,
            url=parts().settings.url,
            sites=records.all_sites(session),
            tokens=records.open_tokens(session, moment(parts().clock)),
            **_boxes(session),
        )


def _boxes(session: Session) -> dict[str, Any]:
    """Return rows of the boxes with what the hub says about each."""
    live: dict[str, dict[str, Any]] = {}
    try:
        live = {box["name"]: box for box in parts().hub.floor().get("appliances", [])}
        away = False
    except PeerError:
        away = True
    published = documents.latest(session, "plan")
    order = {"pending": 0, "approved": 1, "revoked": 2}
    rows = sorted(records.all_appliances(session), key=lambda row: (order[row.state], row.name))
    return {
        "boxes": rows,
        "live": live,
        "hub_away": away,
        "plan_serial": published.serial if published else 0,
    }


def _hours(form: Form) -> float:
    """Read for how long a token may be used."""
    value = form.values.get("hours", "")
    if not value.isascii() or not value.isdigit() or not 1 <= int(value[:6]) <= MAX_HOURS:
        form.wrong("hours", f"From 1 to {MAX_HOURS} hours.")
        return 0.0
    return float(value)


def _tell_hub(message: str) -> None:
    """Have the hub read the fleet again, and tell the person."""
    if parts().hub.reload():
        flash(message, "good")
    else:
        flash(f"{message} The hub is away; it will know when it starts.", "good")
