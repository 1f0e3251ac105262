"""Accounts and their proof: who guesses is not heard for a while, others are."""

import pytest

from appliance.base.clock import HeldClock
from appliance.legs.digest import ha1_pair, response_to
from appliance.legs.errors import CommandError
from appliance.legs.phoneauth import FORGET_S, MAX_GUESSES, PhoneAuth
from appliance.wire.commands import Account, Accounts

REALM = "branchline"


class Phone:
    """Proves what it knows, as a phone does."""

    def __init__(self, auth: PhoneAuth, *, algorithm: str = "MD5") -> None:
        self._auth = auth
        self._algorithm = algorithm

    def proof(self, account: str, secret: str) -> str:
        nonce = (
            self._auth.challenge(stale=False, proxy=False)[0][1].split('nonce="')[1].split('"')[0]
        )
        pair = ha1_pair(account, REALM, secret)
        if self._algorithm == "MD5":
            answer = response_to("MD5", pair.md5, "REGISTER", "sip:a", nonce, "00000001", "c")
        else:
            answer = response_to(
                "SHA-256", pair.sha256, "REGISTER", "sip:a", nonce, "00000001", "c"
            )
        return (
            f'Digest username="{account}", realm="{REALM}", nonce="{nonce}", uri="sip:a", '
            f'response="{answer}", algorithm={self._algorithm}, qop=auth, cnonce="c", nc=00000001'
        )


@pytest.fixture
def clock() -> HeldClock:
    return HeldClock()


@pytest.fixture
def auth(clock: HeldClock) -> PhoneAuth:
    auth = PhoneAuth(REALM, clock)
    pair = ha1_pair("1001", REALM, "s3cret")
    auth.know_accounts(Accounts(REALM, [Account("1001", pair.md5.upper(), pair.sha256)]))
    return auth


@pytest.mark.parametrize("algorithm", ["MD5", "SHA-256"])
def test_both_algorithms_prove_an_account(auth: PhoneAuth, algorithm: str) -> None:
    proof = Phone(auth, algorithm=algorithm).proof("1001", "s3cret")
    assert auth.check(proof, "REGISTER", "10.0.0.1").account == "1001"


@pytest.mark.parametrize(("account", "secret"), [("1001", "wrong"), ("9999", "s3cret"), ("", "")])
def test_what_is_wrong_proves_nothing(auth: PhoneAuth, account: str, secret: str) -> None:
    checked = auth.check(Phone(auth).proof(account, secret), "REGISTER", "10.0.0.1")
    assert (checked.account, checked.stale) == ("", False)


def test_a_proof_counts_once_and_for_its_method(auth: PhoneAuth) -> None:
    proof = Phone(auth).proof("1001", "s3cret")
    assert not auth.check(proof, "INVITE", "10.0.0.1").account
    assert auth.check(proof, "REGISTER", "10.0.0.1").account
    assert auth.check(proof, "REGISTER", "10.0.0.1").stale


def test_who_guesses_is_not_heard_for_a_while(auth: PhoneAuth, clock: HeldClock) -> None:
    phone = Phone(auth)
    for _ in range(MAX_GUESSES):
        auth.check(phone.proof("1001", "guess"), "REGISTER", "10.0.0.66")
    assert not auth.check(phone.proof("1001", "s3cret"), "REGISTER", "10.0.0.66").account
    assert auth.check(phone.proof("1001", "s3cret"), "REGISTER", "10.0.0.1").account
    clock.advance(FORGET_S)
    assert auth.check(phone.proof("1001", "s3cret"), "REGISTER", "10.0.0.66").account


def test_a_few_wrong_secrets_are_forgotten(auth: PhoneAuth, clock: HeldClock) -> None:
    phone = Phone(auth)
    for _ in range(3):
        for _ in range(MAX_GUESSES - 1):
            auth.check(phone.proof("1001", "typo"), "REGISTER", "10.0.0.1")
        clock.advance(FORGET_S)
    assert auth.check(phone.proof("1001", "s3cret"), "REGISTER", "10.0.0.1").account


def test_accounts_replace_those_known_before(auth: PhoneAuth) -> None:
    auth.know_accounts(Accounts(REALM, []))
    assert not auth.knows("1001")
    assert not auth.check(Phone(auth).proof("1001", "s3cret"), "REGISTER", "10.0.0.1").account


def test_a_realm_that_cannot_be_is_refused_and_changes_nothing(auth: PhoneAuth) -> None:
    with pytest.raises(CommandError):
        auth.know_accounts(Accounts('a"b', []))
    assert auth.knows("1001")
