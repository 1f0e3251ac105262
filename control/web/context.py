"""What views reach through the application: the parts of control, and the person."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from flask import current_app
from flask_login import current_user
from sqlalchemy.orm import Session

from control.models.base import moment
from control.models.people import note
from control.parts import ControlParts


class WebContext:
    """The parts, and what the server adds: how many feeds may be open, whether it stops."""

    def __init__(self, parts: ControlParts) -> None:
        self.parts = parts
        #: half of the threads at most hold live pages, so that the other pages always answer
        self.feeds = threading.BoundedSemaphore(max(1, parts.settings.web_threads // 2))
        self.stopping: Callable[[], bool] = lambda: False


def context() -> WebContext:
    """Return what this application stands on."""
    found: WebContext = current_app.extensions["branchline"]
    return found


def parts() -> ControlParts:
    """Return the parts of control."""
    return context().parts


@contextmanager
def database() -> Iterator[Session]:
    """Open a database session that commits at its end."""
    with parts().database.session() as session:
        yield session


def who() -> str:
    """Return the log-in name of the person at the page."""
    return str(current_user.name)


def audit(session: Session, what: str, before: object = None, after: object = None) -> None:
    """Write a change made by the person at the page into the audit."""
    note(session, moment(parts().clock), who(), what, before=before, after=after)
