"""Numbers: what is called, and what answers."""

import json

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from control.models import plan
from control.web.context import audit, database
from control.web.forms import Form

page = Blueprint("numbers", __name__, url_prefix="/numbers")
_FIELDS = ("number", "title", "flow", "queue", "klass", "rules")


@page.get("/")
def numbers() -> str:
    """Show all numbers and the form for a new one."""
    return _show(Form({}))


@page.post("/")
def add() -> ResponseReturnValue:
    """Add a number."""
    form = Form(request.form)
    number = form.phone_number("number")
    with database() as session:
        if form.fine and session.get(plan.Number, number) is not None:
            form.wrong("number", f"{number} is there already.")
    if not _save(form, number):
        return _show(form), 400
    flash(f"{number} is in the draft. It counts after you publish.", "good")
    return redirect(url_for("numbers.numbers"))


@page.route("/<number>", methods=["GET", "POST"])
def edit(number: str) -> ResponseReturnValue:
    """Change a number."""
    with database() as session:
        row = session.get(plan.Number, number)
    if row is None:
        flash(f"{number} is not there.", "bad")
        return redirect(url_for("numbers.numbers"))
    if request.method == "GET":
        target = f"flow:{row.flow}" if row.flow else f"queue:{row.queue}" if row.queue else ""
        return _show(Form({"title": row.title, "target": target, "klass": row.klass}), number)
    form = Form(request.form)
    if not _save(form, number):
        return _show(form, number), 400
    flash(f"{number} is changed in the draft.", "good")
    return redirect(url_for("numbers.numbers"))


@page.post("/<number>/delete")
def delete(number: str) -> ResponseReturnValue:
    """Take a number out; the message offers to put it back."""
    with database() as session:
        row = session.get(plan.Number, number)
        if row is not None:
            before = {name: getattr(row, name) for name in _FIELDS}
            session.delete(row)
            audit(session, f"deleted number {number}", before=before)
            target = f"flow:{row.flow}" if row.flow else f"queue:{row.queue}" if row.queue else ""
            undo = {"number": number, "title": row.title, "target": target, "klass": row.klass}
            flash(json.dumps(undo), "undo-number")
    return redirect(url_for("numbers.numbers"))


def _save(form: Form, number: str) -> bool:
    """Write the number if the form is right; tell whether it was."""
    with database() as session:
        flows = {f"flow:{flow.name}" for flow in plan.all_flows(session)}
        queues = {f"queue:{queue.name}" for queue in plan.all_queues(session)}
        title = form.text("title")
        target = form.choice("target", flows | queues)
        klass = form.choice("klass", {"", *(row.name for row in plan.all_classes(session))})
        if not form.fine:
            return False
        row = session.get(plan.Number, number)
        before = {name: getattr(row, name) for name in _FIELDS} if row else None
        row = row or plan.Number(number=number)
        kind, _, name = target.partition(":")
        row.title, row.klass = title, klass
        row.flow, row.queue = (name, None) if kind == "flow" else (None, name)
        session.add(row)
        after = {name: getattr(row, name) for name in _FIELDS}
        audit(session, f"{'changed' if before else 'added'} number {number}", before, after)
    return True


def _show(form: Form, editing: str = "") -> str:
    with database() as session:
        return render_template(
            "numbers.html",
            form=form,
            editing=editing,
            numbers=plan.all_numbers(session),
            flows=plan.all_flows(session),
            queues=plan.all_queues(session),
            classes=plan.all_classes(session),
        )
