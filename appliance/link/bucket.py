"""How much may still pass in this while: so much a second, and so much at once. Pure."""


class Bucket:
    """An allowance that fills at *rate* a second, up to *burst*."""

    def __init__(self, rate: float, burst: float, now_s: float) -> None:
        self._rate = rate
        self._burst = burst
        self._left = burst
        self._at_s = now_s

    def take(self, amount: float, now_s: float) -> bool:
        """Tell whether *amount* may pass now; it is used up if so."""
        self._fill(now_s)
        if amount > self._left:
            return False
        self._left -= amount
        return True

    def owe(self, amount: float, now_s: float) -> float:
        """Use up *amount* in any case; return how long to wait for it [s]."""
        self._fill(now_s)
        self._left -= amount
        return max(0.0, -self._left / self._rate)

    def _fill(self, now_s: float) -> None:
        self._left = min(self._burst, self._left + max(0.0, now_s - self._at_s) * self._rate)
        self._at_s = now_s
