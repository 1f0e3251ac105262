"""The models in `docs/models` are searched whole, and can fail."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

MODEL = Path(__file__).parents[2] / "docs" / "models" / "reservation.pml"
CLAIMS = ("no_seat_is_held_for_ever", "no_contact_is_held_for_ever")
pytestmark = pytest.mark.timeout(900)

#: two contacts and one seat that is reserved twice; two seats
ONE_SEAT = ("CONTACTS=2", "SEATS=1", "FENCES=2")
ONE_CONTACT = ("CONTACTS=1", "SEATS=2", "FENCES=1")
TWO_OF_BOTH = ("CONTACTS=2", "SEATS=2", "FENCES=1")
#: of the search [MB]
MEMORY = 3000

#: search all of the model under these definitions and this claim; return what spin says of it
Search = Callable[[tuple[str, ...], str], str]


@pytest.fixture(scope="module")
def search(tmp_path_factory: pytest.TempPathFactory) -> Search:
    built: dict[tuple[str, ...], Path] = {}

    def run(given: tuple[str, ...], claim: str) -> str:
        if given not in built:
            folder = built[given] = tmp_path_factory.mktemp("model")
            # -m: what is sent to a full channel is lost
            _run(folder, "spin", "-a", "-m", *(f"-D{one}" for one in given), str(MODEL))
            options = (f"-DMEMLIM={MEMORY}", "-DNFAIR=4")
            _run(folder, "gcc", "-O1", "-w", *options, "-o", "pan", "pan.c")
        # -f: whoever can go on for ever does so at last; assertions are checked all the way
        said = _run(built[given], "./pan", "-m500000", "-w22", "-a", "-f", "-N", claim)
        assert "max search depth too small" not in said
        assert "out of memory" not in said
        return said

    return run


def _run(folder: Path, *command: str) -> str:
    done = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, check=False, timeout=3000
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize("claim", CLAIMS)
@pytest.mark.parametrize("given", [ONE_SEAT, ONE_CONTACT])
def test_one_talk_each_and_nothing_is_reserved_for_ever(
    search: Search, given: tuple[str, ...], claim: str
) -> None:
    assert "errors: 0" in search(given, claim)


@pytest.mark.long
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("claim", CLAIMS)
def test_two_contacts_and_two_seats(search: Search, claim: str) -> None:
    assert "errors: 0" in search(TWO_OF_BOTH, claim)


@pytest.mark.long
@pytest.mark.timeout(3600)
def test_more_goes_wrong(search: Search) -> None:
    assert "errors: 0" in search((*ONE_SEAT, "RESTARTS=2", "DOUBLES=2"), CLAIMS[0])


def test_without_the_fence_it_would_fail(search: Search) -> None:
    said = search((*ONE_SEAT, "NO_FENCE"), CLAIMS[0])
    assert "assertion violated" in said
    assert "errors: 1" in said


def test_without_the_deadline_it_would_fail(search: Search) -> None:
    said = search((*ONE_SEAT, "NO_DEADLINE"), CLAIMS[0])
    assert "acceptance cycle" in said
    assert "errors: 1" in said
