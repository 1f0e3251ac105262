"""Live floor: who waits, who serves, by queue and branch, pushed as it happens."""

from typing import Any

from flask import Blueprint, Response, render_template
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from control.models import fleet, plan
from control.web.context import context, database
from control.web.feed import LiveFeed

page = Blueprint("live", __name__, url_prefix="/live")


@page.get("/")
def live() -> str:
    """Show the page; its script opens the feed."""
    return render_template("live.html")


@page.get("/feed")
def feed() -> ResponseReturnValue:
    """Push the floor as server-sent events; 503 where too many pages are open."""
    web = context()
    if not web.feeds.acquire(blocking=False):
        return {"reason": "overload", "message": "too many live pages"}, 503, {"Retry-After": "10"}
    try:
        with database() as session:
            names = _names(session)
        source = LiveFeed(web.parts.settings.hub_live, web.parts.hub, web.stopping)
        response = Response(source.events(names), mimetype="text/event-stream")
    except BaseException:
        web.feeds.release()
        raise
    # runs also where the browser left before the first event
    response.call_on_close(web.feeds.release)
    response.headers["X-Accel-Buffering"] = "no"
    return response


def _names(session: Session) -> dict[str, Any]:
    """Return how queues, agents and branches are called, which the live rows do not carry."""
    classes = {row.name: row.rank for row in plan.all_classes(session)}
    return {
        "queues": [
            {"name": row.name, "title": row.title or row.name, "target_s": row.target_s}
            for row in plan.all_queues(session)
        ],
        "agents": [
            {"name": row.name, "title": row.title or row.name, "site": row.site}
            for row in plan.all_agents(session)
        ],
        "sites": {row.name: row.title or row.name for row in fleet.all_sites(session)},
        "classes": classes,
    }
