"""Home: what there is, and what to do next."""

import msgspec
from flask import Blueprint, render_template, url_for
from sqlalchemy.orm import Session

from control.models import documents, people, plan
from control.models import fleet as records
from control.web.context import database, parts

page = Blueprint("home", __name__)


class Todo(msgspec.Struct, frozen=True):
    """One thing to do next."""

    title: str
    why: str
    link: str
    action: str


@page.get("/")
def home() -> str:
    """Show what to do next, counts and the last changes."""
    with database() as session:
        boxes = records.all_appliances(session)
        draft = parts().publication.draft(session)
        return render_template(
            "home.html",
            todo=_todo(session),
            boxes=[box for box in boxes if box.state == "approved"],
            numbers=len(plan.all_numbers(session)),
            queues=len(plan.all_queues(session)),
            agents=len(plan.all_agents(session)),
            published=documents.latest(session, "plan"),
            draft=draft,
            changes=people.last_changes(session, 8),
        )


def _todo(session: Session) -> list[Todo]:
    """Return what a person should do next, the most urgent first."""
    found = []
    boxes = records.all_appliances(session)
    for box in boxes:
        if box.state == "pending":
            why = f"It asked to join at {box.site}. Compare its key's fingerprint, then let it in."
            found.append(Todo(f"{box.name} waits for approval", why, _fleet(), "Look at it"))
    if not boxes:
        why = "Make a join token and give it to the person who sets the box up."
        found.append(Todo("No box has joined yet", why, _fleet(), "Make a token"))
    if not plan.all_numbers(session):
        why = "Say which numbers are called, and what answers them."
        link = url_for("numbers.numbers")
        found.append(Todo("No number yet", why, link, "Add a number"))
    silent = [agent.title or agent.name for agent in plan.all_agents(session) if not agent.ha1_md5]
    if silent:
        why = f"{', '.join(silent[:4])}{' …' if len(silent) > 4 else ''} cannot register a phone."
        title = f"{len(silent)} agent{'s have' if len(silent) > 1 else ' has'} no phone secret"
        found.append(Todo(title, why, url_for("agents.agents"), "Make secrets"))
    draft = parts().publication.draft(session)
    if draft.errors:
        why = "; ".join(f"{remark.place}: {remark.message}" for remark in draft.errors[:2])
        link = url_for("publish.publish")
        found.append(Todo("The draft has errors", why, link, "See them"))
    elif not draft.empty:
        count = len(draft.changes) + len(draft.rosters)
        why = f"{count} change{'s' if count > 1 else ''} reach the boxes when you publish."
        link = url_for("publish.publish")
        found.append(Todo("The draft is not published", why, link, "Review and publish"))
    return found


def _fleet() -> str:
    return url_for("fleet.fleet")
