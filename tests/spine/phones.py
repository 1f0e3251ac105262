"""Real phones that say a tone each, and what is heard of it."""

from pathlib import Path

from tests.audio import Sound, level_dbm0, loudest_other_db
from tests.baresipkit import Baresip, wait_for
from tests.spine.branch import SECRET, Branch

CALLER_HZ, AGENT_HZ = 440.0, 620.0


def phone(
    branch: Branch,
    folder: Path,
    account: str,
    says: Path,
    *,
    secret: str = SECRET,
    address: str = "",
    keys: bool = False,
) -> Baresip:
    """Return a baresip that registers as *account* and answers by itself."""
    line = (
        f"<sip:{account}@{branch.address}>;auth_user={account};auth_pass={secret}"
        ";answermode=auto;regint=30"
    )
    if keys:
        line += ";dtmfmode=rtpevent"
    address = address or branch.trunk
    found = Baresip(folder, address=address, port=5090, account=line, says=says, keys=keys)
    wait_for("the phone", lambda: account in branch.seats())
    return found


def assert_tone(sound: Sound, hz: float, other_hz: float, *, least_dbm0: float = -14.0) -> None:
    """Assert that *sound* is that tone and, to -40 dB, nothing else."""
    assert level_dbm0(sound, hz) > least_dbm0
    assert level_dbm0(sound, other_hz) < least_dbm0 - 40
    assert loudest_other_db(sound, hz) < -40
