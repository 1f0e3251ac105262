"""Slows down guessing of passwords: after some wrong ones, an address or a name must wait."""

import threading

from appliance.base.clock import Clock

#: wrong passwords in a row before an address has to wait (OWASP ASVS 4 §2.2.1: < 100 an hour)
ADDRESS_TRIES = 5
#: the same for a name from all addresses together; more, since it also keeps its owner out
NAME_TRIES = 20
#: the wait after that, doubled with each further wrong one [s]
WAIT_S = 30.0
MAX_WAIT_S = 900.0
#: entries kept at most, so that guessing with ever new names does not eat the memory
MAX_ENTRIES = 10_000


class Lockout:
    """Counts wrong tries per address and per name on the monotonic clock."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._wrong: dict[str, tuple[int, float]] = {}

    def wait_s(self, name: str, address: str) -> float:
        """Return how long one still has to wait [s]; 0: one may try."""
        now = self._clock.monotonic_s()
        with self._lock:
            ends_s = [self._wrong.get(key, (0, 0.0))[1] for key, _ in _keys(name, address)]
        return max(0.0, *(end_s - now for end_s in ends_s))

    def wrong(self, name: str, address: str) -> None:
        """Count a wrong try."""
        now = self._clock.monotonic_s()
        with self._lock:
            for key, tries in _keys(name, address):
                count = self._wrong.pop(key, (0, 0.0))[0] + 1
                wait_s = min(MAX_WAIT_S, WAIT_S * 2.0 ** min(count - tries, 16))
                self._wrong[key] = (count, now + wait_s if count >= tries else now)
            while len(self._wrong) > MAX_ENTRIES:
                del self._wrong[next(iter(self._wrong))]

    def right(self, name: str, address: str) -> None:
        """Forget the wrong tries."""
        with self._lock:
            for key, _ in _keys(name, address):
                self._wrong.pop(key, None)


def _keys(name: str, address: str) -> tuple[tuple[str, int], tuple[str, int]]:
    """Return what is counted, and the wrong tries each allows."""
    return (f"address {address}", ADDRESS_TRIES), (f"name {name.lower()}", NAME_TRIES)
