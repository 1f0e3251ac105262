"""Logging in and out; every page but the log-in asks who one is."""

import hashlib
from urllib.parse import urlsplit

from flask import (
    Blueprint,
    Flask,
    current_app,
    flash,
    redirect,
    render_template,
    request,
    session,
    url_for,
)
from flask.typing import ResponseReturnValue
from flask_login import LoginManager, current_user, login_user, logout_user
from werkzeug.wrappers import Response

from control.models import people
from control.models.base import moment
from control.web.context import database, parts
from control.web.lockout import Lockout

page = Blueprint("login", __name__)
#: end points that need no log-in
_OPEN = {"static", "login.log_in", "enrol.ask", "health.health"}


class Person:
    """Who is logged in, as Flask-Login wants it."""

    is_authenticated = True
    is_active = True
    is_anonymous = False

    def __init__(self, user: people.User) -> None:
        self.name = user.name
        # bound to the password, so that another password ends all sessions
        digest = hashlib.sha256(user.password_hash.encode()).hexdigest()
        self._id = f"{user.id}.{digest[:16]}"

    def get_id(self) -> str:
        """Return what the session cookie holds."""
        return self._id


def set_up(app: Flask) -> None:
    """Ask for a log-in before every page of *app*."""
    manager = LoginManager(app)
    manager.session_protection = "strong"
    manager.user_loader(_load)
    app.extensions["lockout"] = Lockout(app.extensions["branchline"].parts.clock)

    def ask() -> ResponseReturnValue | None:
        if request.endpoint in _OPEN or current_user.is_authenticated:
            return None
        if request.path.startswith("/api/"):
            return {"reason": "refused", "message": "log in first"}, 401
        if request.method != "GET":
            return redirect(url_for("login.log_in"))
        return redirect(url_for("login.log_in", next=request.full_path.rstrip("?")))

    app.before_request(ask)
    app.register_blueprint(page)


@page.route("/login", methods=["GET", "POST"])
def log_in() -> ResponseReturnValue:
    """Show the log-in, and check name and password."""
    if current_user.is_authenticated:
        return redirect(url_for("home.home"))
    if request.method == "GET":
        return render_template("login.html", error="", name="")
    lockout: Lockout = current_app.extensions["lockout"]
    name = request.form.get("name", "").strip()[:64]
    address = request.remote_addr or ""
    wait_s = lockout.wait_s(name, address)
    if wait_s > 0:
        message = f"Too many wrong passwords. Try again in {round(wait_s) + 1} seconds."
        return render_template("login.html", error=message, name=name), 429
    with database() as records:
        user = people.verify(records, name, request.form.get("password", "")[:1024])
        at = moment(parts().clock)
        if user is None:
            people.note(records, at, name or "nobody", "log-in refused")
        else:
            people.note(records, at, user.name, "logged in")
    if user is None:
        lockout.wrong(name, address)
        message = "Name or password is wrong."
        return render_template("login.html", error=message, name=name), 401
    lockout.right(name, address)
    session.clear()
    session.permanent = True
    login_user(Person(user))
    return redirect(_own_page(request.args.get("next", "")))


@page.post("/logout")
def log_out() -> Response:
    """End the session."""
    logout_user()
    session.clear()
    flash("You are logged out.", "good")
    return redirect(url_for("login.log_in"))


def _load(session_id: str) -> Person | None:
    """Return the person a session cookie names, if they and their password are still there."""
    with database() as records:
        user = records.get(people.User, session_id.partition(".")[0])
    person = Person(user) if user else None
    return person if person and person.get_id() == session_id else None


def _own_page(target: str) -> str:
    """Return *target* if it is a path of ours, else the home page; never another host."""
    parsed = urlsplit(target)
    plain = target.startswith("/") and not target.startswith(("//", "/\\"))
    if plain and not parsed.scheme and not parsed.netloc:
        return target
    return url_for("home.home")
