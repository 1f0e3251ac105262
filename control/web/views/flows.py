"""Flows: what a caller goes through, drawn."""

import msgspec
from flask import Blueprint, abort, render_template

from appliance.plan import model
from control.models import plan
from control.web.context import database
from control.web.drawing import Drawing, draw

page = Blueprint("flows", __name__, url_prefix="/flows")


@page.get("/")
def flows() -> str:
    """Show all flows and which numbers lead to each."""
    with database() as session:
        numbers = plan.all_numbers(session)
        found = plan.all_flows(session)
        used = {
            flow.name: [row.number for row in numbers if row.flow == flow.name] for flow in found
        }
        return render_template("flows.html", flows=found, used=used)


@page.get("/<name>")
def flow(name: str) -> str:
    """Show one flow as a drawing and as a list of steps."""
    with database() as session:
        row = session.get(plan.Flow, name)
        if row is None:
            abort(404, f"There is no flow {name}.")
        numbers = [number for number in plan.all_numbers(session) if number.flow == name]
    drawing: Drawing | None = None
    steps: dict[str, model.Step] = {}
    broken = ""
    try:
        document = {"name": row.name, "start": row.start, "steps": row.steps}
        parsed = msgspec.convert(document, model.Flow)
        drawing, steps = draw(parsed), parsed.steps
    except msgspec.ValidationError as error:
        broken = str(error)
    return render_template(
        "flow.html", flow=row, drawing=drawing, steps=steps, broken=broken, numbers=numbers
    )
