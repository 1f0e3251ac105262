"""Agents: people, their skills as a matrix, and their phones' secrets."""

from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from control.fleet.draft import agent_entry
from control.fleet.secrets import renew_secret
from control.models import fleet, plan
from control.web.context import audit, database, parts
from control.web.forms import Form

page = Blueprint("agents", __name__, url_prefix="/agents")


@page.get("/")
def agents() -> str:
    """Show all agents by site with their skills."""
    with database() as session:
        people = plan.all_agents(session)
        return render_template(
            "agents.html",
            agents=people,
            skills=plan.all_skills(session),
            matrix={
                agent.name: {row.skill: row.level for row in agent.skills} for agent in people
            },
            sites=[site.name for site in fleet.all_sites(session)],
        )


@page.post("/skills")
def skills() -> ResponseReturnValue:
    """Write the whole matrix; fields are called `agent/skill`."""
    wrong = 0
    changed = []
    with database() as session:
        names = plan.all_skills(session)
        for agent in plan.all_agents(session):
            before = {row.skill: row.level for row in agent.skills}
            after: dict[str, int] = {}
            for skill in names:
                value = request.form.get(f"{agent.name}/{skill}")
                if value is None and skill in before:
                    after[skill] = before[skill]
                elif value and value.isascii() and value.isdigit() and 1 <= int(value[:3]) <= 10:
                    after[skill] = int(value)
                elif value:
                    wrong += 1
            if after != before and not wrong:
                plan.set_agent_skills(agent, after)
                audit(session, f"changed skills of agent {agent.name}", before, after)
                changed.append(agent.title or agent.name)
        if wrong:
            session.rollback()
    if wrong:
        flash("Nothing was saved: a level is 1 to 10, or empty.", "bad")
    elif changed:
        flash(f"Skills of {', '.join(changed)} are changed in the draft.", "good")
    else:
        flash("No level was changed.", "good")
    return redirect(url_for("agents.agents"))


@page.route("/new", methods=["GET", "POST"])
def new() -> ResponseReturnValue:
    """Add an agent."""
    if request.method == "GET":
        return _form(Form({}), "")
    form = Form(request.form)
    name = form.slug("name")
    with database() as session:
        if form.fine and session.get(plan.Agent, name) is not None:
            form.wrong("name", f"{name} is there already.")
    if not _save(form, name):
        return _form(form, ""), 400
    flash(f"{name} is in the draft. Make a secret for the phone next.", "good")
    return redirect(url_for("agents.edit", name=name))


@page.route("/edit/<name>", methods=["GET", "POST"])
def edit(name: str) -> ResponseReturnValue:
    """Change an agent."""
    with database() as session:
        row = session.get(plan.Agent, name)
        if row is None:
            flash(f"There is no agent {name}.", "bad")
            return redirect(url_for("agents.agents"))
        values = _values(agent_entry(row))
    if request.method == "GET":
        return _form(Form(values), name)
    form = Form(request.form)
    if not _save(form, name):
        return _form(form, name), 400
    flash(f"{name} is changed in the draft.", "good")
    return redirect(url_for("agents.agents"))


@page.post("/secret/<name>")
def secret(name: str) -> ResponseReturnValue:
    """Make a new secret for the agent's phone; it is shown on this answer only."""
    with database() as session:
        row = session.get(plan.Agent, name)
        if row is None:
            flash(f"There is no agent {name}.", "bad")
            return redirect(url_for("agents.agents"))
        text = renew_secret(row, parts().settings.realm)
        audit(session, f"new secret for agent {name}")
        values = _values(agent_entry(row))
    return _form(Form(values), name, text)


@page.route("/delete/<name>", methods=["GET", "POST"])
def delete(name: str) -> ResponseReturnValue:
    """Ask, then take an agent out."""
    with database() as session:
        row = session.get(plan.Agent, name)
        if row is None:
            flash(f"There is no agent {name}.", "bad")
            return redirect(url_for("agents.agents"))
        if request.method == "GET":
            return render_template("agent_delete.html", agent=row)
        audit(session, f"deleted agent {name}", before=agent_entry(row))
        session.delete(row)
    flash(f"{name} is out of the draft.", "good")
    return redirect(url_for("agents.agents"))


def _save(form: Form, name: str) -> bool:
    """Write the agent if the form is right; tell whether it was."""
    title, account, levels = form.text("title"), form.slug("account"), form.levels("skills")
    with database() as session:
        site = form.choice("site", {row.name for row in fleet.all_sites(session)})
        for other in plan.all_agents(session):
            if other.account == account and other.name != name:
                form.wrong("account", f"{other.title or other.name} has this account.")
        if not form.fine:
            return False
        row = session.get(plan.Agent, name)
        before = agent_entry(row) if row else None
        row = row or plan.Agent(name=name, ha1_md5="", ha1_sha256="")
        if before and row.account != account:
            # the verifiers contain the account's name
            row.ha1_md5 = row.ha1_sha256 = ""
            flash("The account changed, so the phone needs a new secret.", "bad")
        row.title, row.site, row.account = title, site, account
        plan.set_agent_skills(row, levels)
        session.add(row)
        what = f"{'changed' if before else 'added'} agent {name}"
        audit(session, what, before, agent_entry(row))
    return True


def _form(form: Form, editing: str, secret: str = "") -> str:
    with database() as session:
        row = session.get(plan.Agent, editing) if editing else None
        return render_template(
            "agent_form.html",
            form=form,
            editing=editing,
            secret=secret,
            realm=parts().settings.realm,
            has_secret=bool(row and row.ha1_sha256),
            sites=fleet.all_sites(session),
            skills=plan.all_skills(session),
        )


def _values(entry: dict[str, Any]) -> dict[str, str]:
    """Return an agent as the form shows it."""
    skills = ", ".join(f"{skill} {level}" for skill, level in entry["skills"].items())
    return {**{name: str(entry[name]) for name in ("title", "site", "account")}, "skills": skills}
