"""The pages as a Flask application: `create_app(settings)`."""

import datetime

from flask import Flask
from flask_wtf import CSRFProtect

from control.api import enrol, floor, health
from control.fleet.keys import web_secret
from control.parts import ControlParts
from control.settings import ControlSettings
from control.web import errors, filters, login, security
from control.web.context import WebContext
from control.web.views import agents, audit, contacts, flows, home, live, numbers, publish, queues
from control.web.views import fleet as fleet_view

#: a person who does nothing for this long logs in again [h]
SESSION_HOURS = 12
#: longest form or request that is read [bytes]; a box's request and every form are far smaller
MAX_BODY = 256 * 1024


def create_app(settings: ControlSettings, parts: ControlParts | None = None) -> Flask:
    """Return the application; *parts* are opened from *settings* unless handed in."""
    app = Flask(__name__)
    opened = parts or ControlParts.open(settings)
    app.config.update(
        SECRET_KEY=web_secret(settings.state_path),
        MAX_CONTENT_LENGTH=MAX_BODY,
        SESSION_COOKIE_NAME="branchline",
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_COOKIE_SECURE=settings.web_https,
        PERMANENT_SESSION_LIFETIME=datetime.timedelta(hours=SESSION_HOURS),
        # a form stays valid as long as the session it was made in
        WTF_CSRF_TIME_LIMIT=None,
    )
    app.extensions["branchline"] = WebContext(opened)
    protection = CSRFProtect(app)
    login.set_up(app)
    security.set_up(app, https=settings.web_https)
    filters.set_up(app)
    errors.set_up(app)
    views = (home, fleet_view, numbers, queues, agents, flows, publish, live, contacts, audit)
    for view in views:
        app.register_blueprint(view.page)
    for interface in (enrol, floor, health):
        app.register_blueprint(interface.api)
    # a box proves itself with its token's HMAC and has no cookie that could be abused
    protection.exempt(enrol.api)
    return app
