"""A gate before a data source: shut while it is down, so that callers do not wait for it in turn.

Pure: the time is handed in.
"""

#: failures in a row after which a source counts as down
FAILURES = 5
#: it is left alone this long before one caller tries again [s]
REST_S = 10.0


class Gate:
    """Shut after some failures in a row; after a rest one question at a time may pass."""

    def __init__(self) -> None:
        self._failures = 0
        self._rests_until_s = 0.0
        self._trying = False

    @property
    def down(self) -> bool:
        """Tell whether the source counts as down."""
        return self._failures >= FAILURES

    def passes(self, now_s: float) -> bool:
        """Tell whether a question may be asked now; who may must tell what came of it."""
        if not self.down:
            return True
        if self._trying or now_s < self._rests_until_s:
            return False
        self._trying = True
        return True

    def worked(self) -> None:
        """The source answered, whatever it said."""
        self._failures = 0
        self._trying = False

    def failed(self, now_s: float) -> None:
        """The source did not answer, or said that it cannot."""
        self._failures += 1
        self._trying = False
        self._rests_until_s = now_s + REST_S
