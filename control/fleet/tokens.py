"""Join tokens: made for one name at one site, used once, expire."""

import secrets
from datetime import datetime, timedelta

from sqlalchemy import CursorResult, update
from sqlalchemy.orm import Session

from appliance.base.errors import ConfigError
from appliance.base.ids import is_slug
from appliance.link import jointoken
from appliance.routing.reach import is_hub
from control.models import fleet
from control.models.fleet import JoinToken
from control.models.people import note

#: how long a token may be used unless said otherwise [h]: a working day and a night
DEFAULT_HOURS = 24
MAX_HOURS = 24 * 30


def make_token(
    session: Session,
    ca_digest: bytes,
    *,
    site: str,
    name: str,
    who: str,
    at: datetime,
    hours: float = DEFAULT_HOURS,
    auto_approve: bool = False,
) -> str:
    """Return a new token's text; the site is added if it is new. Raises ConfigError."""
    if is_hub(name):
        raise ConfigError("bad-request", f"name {name!r}: hubs are called so")
    for what, word in (("site", site), ("name", name)):
        if not is_slug(word):
            raise ConfigError(
                "bad-config",
                f"{what} {word!r} must be lower-case letters, digits and inner hyphens",
            )
    if not 0 < hours <= MAX_HOURS:
        raise ConfigError("bad-config", f"a token lives up to {MAX_HOURS} hours, not {hours:g}")
    fleet.ensure_site(session, site)
    token_id, secret = secrets.token_bytes(16), secrets.token_bytes(32)
    session.add(
        JoinToken(
            id=token_id.hex(),
            secret=secret,
            name=name,
            site=site,
            made_by=who,
            made_at=at,
            expires_at=at + timedelta(hours=hours),
            auto_approve=auto_approve,
        )
    )
    after = {"site": site, "name": name, "hours": hours, "auto_approve": auto_approve}
    note(session, at, who, f"made a join token for {name}", after=after)
    return jointoken.JoinToken(token_id=token_id, secret=secret, ca_digest=ca_digest).text()


def use_token(session: Session, token: JoinToken, keys: str, at: datetime) -> bool:
    """Use *token* for the box with these *keys*; True for its first use, False for the same box.

    Raises ConfigError `used-token` or `expired-token`.
    """
    if token.used_at is None:
        if token.expires_at <= at:
            raise ConfigError("expired-token", f"the token was good until {token.expires_at}")
        # one statement, so that of two boxes with one token only one can win
        won = session.execute(
            update(JoinToken)
            .where(JoinToken.id == token.id, JoinToken.used_at.is_(None))
            .values(used_at=at, used_by=keys)
            .execution_options(synchronize_session=False)
        )
        session.refresh(token)
        if isinstance(won, CursorResult) and won.rowcount == 1:
            return True
    if token.used_by != keys:
        raise ConfigError("used-token", "the token was used by a box with other keys")
    return False
