"""Queues and skills: rules over who may answer."""

import json
from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from control.fleet.draft import queue_entry
from control.models import plan
from control.web.context import audit, database
from control.web.forms import Form

page = Blueprint("queues", __name__, url_prefix="/queues")


@page.get("/")
def queues() -> str:
    """Show all queues, who could serve each, and all skills."""
    with database() as session:
        return render_template(
            "queues.html",
            queues=plan.all_queues(session),
            agents=plan.all_agents(session),
            skills=plan.all_skills(session),
            served=_served(session),
        )


@page.route("/new", methods=["GET", "POST"])
def new() -> ResponseReturnValue:
    """Add a queue."""
    if request.method == "GET":
        fresh = {"target_s": "20", "ring_s": "15", "wrap_up_s": "10", "announce_s": "30"}
        return _form(Form({**fresh, "music": "moh"}), "")
    form = Form(request.form)
    name = form.slug("name")
    with database() as session:
        if form.fine and session.get(plan.Queue, name) is not None:
            form.wrong("name", f"{name} is there already.")
    if not _save(form, name):
        return _form(form, ""), 400
    flash(f"Queue {name} is in the draft.", "good")
    return redirect(url_for("queues.queues"))


@page.route("/edit/<name>", methods=["GET", "POST"])
def edit(name: str) -> ResponseReturnValue:
    """Change a queue."""
    with database() as session:
        row = session.get(plan.Queue, name)
        if row is None:
            flash(f"There is no queue {name}.", "bad")
            return redirect(url_for("queues.queues"))
        entry = queue_entry(row)
    if request.method == "GET":
        return _form(Form(_values(entry)), name)
    form = Form(request.form)
    if not _save(form, name):
        return _form(form, name), 400
    flash(f"Queue {name} is changed in the draft.", "good")
    return redirect(url_for("queues.queues"))


@page.route("/delete/<name>", methods=["GET", "POST"])
def delete(name: str) -> ResponseReturnValue:
    """Ask, then take a queue out; refused while something leads to it."""
    with database() as session:
        row = session.get(plan.Queue, name)
        used = _users(session, name)
        if row is None:
            flash(f"There is no queue {name}.", "bad")
            return redirect(url_for("queues.queues"))
        if request.method == "GET" or used:
            return render_template("queue_delete.html", queue=row, used=used)
        audit(session, f"deleted queue {name}", before=queue_entry(row))
        session.delete(row)
    flash(f"Queue {name} is out of the draft.", "good")
    return redirect(url_for("queues.queues"))


def _save(form: Form, name: str) -> bool:
    """Write the queue if the form is right; tell whether it was."""
    title, skills = form.text("title"), form.levels("skills")
    target_s, ring_s = form.seconds("target_s", 1, 86400), form.seconds("ring_s", 1, 3600)
    wrap_up_s, announce_s = form.seconds("wrap_up_s", 0, 3600), form.seconds("announce_s", 0, 3600)
    music = form.text("music").split()
    if not form.fine:
        return False
    with database() as session:
        row = session.get(plan.Queue, name)
        before = queue_entry(row) if row else None
        row = row or plan.Queue(name=name)
        row.title, row.music = title, music
        row.target_s, row.ring_s = target_s, ring_s
        row.wrap_up_s, row.announce_s = wrap_up_s, announce_s
        plan.set_queue_skills(row, skills)
        session.add(row)
        what = f"{'changed' if before else 'added'} queue {name}"
        audit(session, what, before, queue_entry(row))
    return True


def _form(form: Form, editing: str) -> str:
    with database() as session:
        skills = plan.all_skills(session)
    return render_template("queue_form.html", form=form, editing=editing, skills=skills)


def _values(entry: dict[str, Any]) -> dict[str, str]:
    """Return a queue as its form shows it."""
    skills = ", ".join(f"{skill} {level}" for skill, level in entry["skills"].items())
    values = {name: f"{entry[name]:g}" for name in entry if name.endswith("_s")}
    return {**values, "title": entry["title"], "skills": skills, "music": " ".join(entry["music"])}


def _served(session: Session) -> dict[str, list[str]]:
    """Return, for each queue, the agents who have what it asks for."""
    agents = plan.all_agents(session)
    found: dict[str, list[str]] = {}
    for queue in plan.all_queues(session):
        asked = {row.skill: row.level for row in queue.skills}
        able = []
        for agent in agents:
            has = {row.skill: row.level for row in agent.skills}
            if all(has.get(skill, 0) >= level for skill, level in asked.items()):
                able.append(agent.title or agent.name)
        found[queue.name] = able
    return found


def _users(session: Session, name: str) -> list[str]:
    """Return what leads to a queue."""
    numbers = [f"number {row.number}" for row in plan.all_numbers(session) if row.queue == name]
    needle = json.dumps(name)
    flows = [
        f"flow {flow.name}"
        for flow in plan.all_flows(session)
        if any(json.dumps(step.get("queue")) == needle for step in flow.steps.values())
    ]
    return numbers + flows
