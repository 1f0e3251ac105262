"""The phones' accounts, and the digest that proves one (RFC 7616)."""

from collections import OrderedDict
from dataclasses import dataclass

from appliance.base.clock import Clock
from appliance.legs.digest import Algorithm, Authority, Ha1, Verified
from appliance.legs.errors import CommandError
from appliance.wire.commands import Accounts

#: what is asked for. SHA-256 (RFC 8760) is taken where a phone uses it by itself, but not asked
#: for: sipp looks at the first challenge only, and sofia-sip gives up when any is not MD5.
_ALGORITHMS: tuple[Algorithm, ...] = ("MD5",)

#: wrong secrets from one address before it is not heard: a phone tries its own two or three times
MAX_GUESSES = 20
#: how long nothing wrong must come until they are forgotten [s]
FORGET_S = 60.0
#: addresses that are counted at once
MAX_ADDRESSES = 10_000


@dataclass(frozen=True, slots=True)
class Checked:
    """Who a request comes from: an account, or nobody, or somebody who has to try again."""

    account: str
    stale: bool = False


class GuessLimit:
    """Counts wrong secrets by address; who guessed too often is not heard for a while."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        #: address -> wrong secrets, and when they are forgotten; oldest first
        self._wrong: OrderedDict[str, tuple[int, float]] = OrderedDict()

    def reached(self, address: str) -> bool:
        """Tell whether *address* has guessed too often."""
        count, t_forget = self._wrong.get(address, (0, 0.0))
        return count >= MAX_GUESSES and self._clock.monotonic_s() < t_forget

    def wrong(self, address: str) -> None:
        """Count a wrong secret."""
        now = self._clock.monotonic_s()
        count, t_forget = self._wrong.pop(address, (0, 0.0))
        if now >= t_forget:
            count = 0
        self._wrong[address] = (count + 1, now + FORGET_S)
        if len(self._wrong) > MAX_ADDRESSES:
            self._wrong.popitem(last=False)


class PhoneAuth:
    """Knows the accounts the brain told; an account that is not there costs no less time."""

    def __init__(self, realm: str, clock: Clock) -> None:
        self._authority = Authority(realm)
        self._guesses = GuessLimit(clock)
        self._accounts: dict[str, Ha1] = {}
        #: a brain has told the accounts; before that nobody can be judged
        self.told = False

    def know_accounts(self, accounts: Accounts) -> None:
        """Take the phones that may register, in place of those known before."""
        if accounts.realm != self._authority.realm:
            try:
                self._authority = Authority(accounts.realm)
            except ValueError as error:
                raise CommandError("bad-request", str(error)) from error
        self.told = True
        self._accounts = {
            account.account: Ha1(account.ha1_md5.lower(), account.ha1_sha256.lower())
            for account in accounts.accounts
        }

    def knows(self, account: str) -> bool:
        """Tell whether there is such an account."""
        return account in self._accounts

    def challenge(self, *, stale: bool, proxy: bool) -> list[tuple[str, str]]:
        """Return the headers that ask for a proof."""
        return self._authority.challenge(stale=stale, proxy=proxy, algorithms=_ALGORITHMS)

    def check(self, authorization: str, method: str, source: str) -> Checked:
        """Return whose *authorization* this is; *source* is the address it came from."""
        if self._guesses.reached(source):
            return Checked("")
        verified: Verified = self._authority.check(method, authorization, self._accounts.get)
        if verified.ok:
            return Checked(verified.username)
        if verified.why == "wrong":
            self._guesses.wrong(source)
        return Checked("", verified.stale)
