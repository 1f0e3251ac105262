"""After a kill: BYE to the far ends of the calls that a predecessor left."""

import logging

import msgspec

from appliance.legs.byes import Dialog, send_byes
from appliance.legs.tombs import DialogFile

_log = logging.getLogger(__name__)


async def end_inherited(dialogs: DialogFile, address: str) -> None:
    """Send a BYE for each inherited dialog, from *address*; then forget them.

    A far end that does not answer within the time of `send_byes` is not there any more.
    """
    inherited = _decoded(dialogs)
    if not inherited:
        return
    _log.warning("%d calls of a predecessor are ended", len(inherited))
    statuses = await send_byes(list(inherited.values()), address)
    unanswered = statuses.count(0)
    if unanswered:
        _log.warning("%d far ends did not answer our BYE", unanswered)
    for key in inherited:
        dialogs.drop(key)


def _decoded(dialogs: DialogFile) -> dict[int, Dialog]:
    """Return the inherited dialogs; what cannot be read is forgotten."""
    decoded: dict[int, Dialog] = {}
    for key, raw in list(dialogs.inherited.items()):
        try:
            decoded[key] = msgspec.msgpack.decode(raw, type=Dialog)
        except msgspec.MsgspecError as error:
            _log.error("a dialog cannot be read: %s", error)
            dialogs.drop(key)
    return decoded
