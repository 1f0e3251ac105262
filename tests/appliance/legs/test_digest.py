import random
import re
from collections.abc import Sequence

import pytest

from appliance.legs.digest import (
    Algorithm,
    Authority,
    Ha1,
    Verified,
    ha1,
    ha1_pair,
    parse_authorization,
    response_to,
)
from appliance.legs.sipevents import RegisterIn
from tests.appliance.legs.siprig import Rig
from tests.sippkit import Sipp, expect, request, scenario, send

REALM = "branch.example"
SECRETS = {"alice": ha1_pair("alice", REALM, "s3cret")}


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def authority(clock: Clock | None = None, nonces_limit: int = 100) -> Authority:
    return Authority(REALM, clock=clock or Clock(), nonces_limit=nonces_limit)


def nonce_of(challenge: Sequence[tuple[str, str]]) -> str:
    match = re.search(r'nonce="([^"]+)"', challenge[0][1])
    assert match
    return match[1]


def answer(
    nonce: str,
    *,
    nc: int = 1,
    secret: str = "s3cret",  # noqa: S107
    user: str = "alice",
    algorithm: Algorithm = "MD5",
    method: str = "REGISTER",
    realm: str = REALM,
) -> str:
    owed = response_to(
        algorithm, ha1(algorithm, user, realm, secret), method, "sip:b", nonce, f"{nc:08x}", "cn"
    )
    return (
        f'Digest username="{user}",realm="{realm}", nonce="{nonce}",uri="sip:b", '
        f'response="{owed}", algorithm={algorithm}, cnonce="cn",qop=auth,nc={nc:08x}'
    )


def check(there: Authority, value: str, method: str = "REGISTER") -> Verified:
    return there.check(method, value, SECRETS.get)


def test_rfc7616_example() -> None:
    """Section 3.9.1, both algorithms."""
    nonce = "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v"
    cnonce = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ"
    user, realm, secret = "Mufasa", "http-auth@example.org", "Circle of Life"
    expected: dict[Algorithm, str] = {
        "MD5": "8ca523f5e9506fed4657c9700eebdbec",
        "SHA-256": "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1",
    }
    for algorithm, response in expected.items():
        key = ha1(algorithm, user, realm, secret)
        uri = "/dir/index.html"
        assert response_to(algorithm, key, "GET", uri, nonce, "00000001", cnonce) == response


def test_challenge_offers_the_best_first() -> None:
    (first, second) = authority().challenge()
    assert first[0] == second[0] == "WWW-Authenticate"
    assert "algorithm=SHA-256" in first[1]
    assert "algorithm=MD5" in second[1]
    assert 'qop="auth"' in first[1]
    assert "stale" not in first[1]
    ((name, value),) = authority().challenge(proxy=True, stale=True, algorithms=("MD5",))
    assert name == "Proxy-Authenticate"
    assert "stale=true" in value


@pytest.mark.parametrize("algorithm", ["MD5", "SHA-256"])
def test_right_answer(algorithm: Algorithm) -> None:
    there = authority()
    result = check(there, answer(nonce_of(there.challenge()), algorithm=algorithm))
    assert result == Verified(True, "alice")


def test_a_nonce_serves_again_with_a_higher_count_only() -> None:
    there = authority()
    nonce = nonce_of(there.challenge())
    assert check(there, answer(nonce, nc=1)).ok
    assert check(there, answer(nonce, nc=2)).ok
    for count in (1, 2):
        again = check(there, answer(nonce, nc=count))
        assert (again.ok, again.stale, again.why) == (False, True, "replayed")
    assert check(there, answer(nonce, nc=9)).ok


@pytest.mark.parametrize(
    ("value", "why"),
    [
        ("", "missing"),
        ("Basic YTpi", "malformed"),
        ("Digest", "malformed"),
        ("Digest username", "malformed"),
        ('Digest username="a, realm="x', "malformed"),
        ('Digest username="a",,realm="x"', "malformed"),
        ("Digest " + 'a="b",' * 40, "malformed"),
        ('Digest username="a",username="b"', "malformed"),
        ("Digest " + "x" * 5000, "malformed"),
    ],
)
def test_hostile_values(value: str, why: str) -> None:
    assert check(authority(), value).why == why


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        ("nc=00000001", "nc=1", "malformed"),
        ("nc=00000001", "nc=0000000g", "malformed"),
        ("nc=00000001", "nc=00000000", "wrong"),
        ("qop=auth", "qop=auth-int", "malformed"),
        (",qop=auth", "", "malformed"),
        ("algorithm=MD5", "algorithm=SHA-512-256", "malformed"),
        ("algorithm=MD5", "algorithm=MD5-sess", "malformed"),
        (f'realm="{REALM}"', 'realm="other"', "malformed"),
        ('uri="sip:b"', 'uri=""', "malformed"),
        ('uri="sip:b"', 'uri="sip:c"', "wrong"),
        ('username="alice"', 'username="bob"', "wrong"),
        ('cnonce="cn"', 'cnonce="é"', "wrong"),
        ('response="', 'response="é', "wrong"),
    ],
)
def test_each_field_counts(old: str, new: str, why: str) -> None:
    there = authority()
    good = answer(nonce_of(there.challenge()))
    assert old in good
    assert check(there, good.replace(old, new)).why == why
    assert check(there, good).ok


def test_count_zero_is_never_right() -> None:
    there = authority()
    assert check(there, answer(nonce_of(there.challenge()), nc=0)).ok is False


def test_wrong_secret_user_method() -> None:
    there = authority()
    nonce = nonce_of(there.challenge())
    assert check(there, answer(nonce, secret="guess")).why == "wrong"
    assert check(there, answer(nonce, user="mallory")).why == "wrong"
    assert check(there, answer(nonce), method="INVITE").why == "wrong"
    assert not check(there, answer(nonce, secret="guess")).stale


def test_account_without_that_algorithm() -> None:
    there = authority()
    value = answer(nonce_of(there.challenge()), algorithm="SHA-256")
    only_md5 = Ha1(md5=SECRETS["alice"].md5)
    assert there.check("REGISTER", value, {"alice": only_md5}.get).why == "wrong"


def test_old_nonce_is_stale() -> None:
    clock = Clock()
    there = authority(clock)
    value = answer(nonce_of(there.challenge()))
    clock.now += 299
    assert check(there, value).ok
    value = answer(nonce_of(there.challenge()))
    clock.now += 301
    result = check(there, value)
    assert (result.ok, result.stale, result.why) == (False, True, "stale")


def test_nonces_of_others_are_stale() -> None:
    there, other = authority(), authority()
    foreign = nonce_of(other.challenge())
    own = nonce_of(there.challenge())
    flipped = ("B" if own[0] == "A" else "A") + own[1:]
    for nonce in (foreign, flipped, "x", "é", "A" * 44, own + "AAAA"):
        assert check(there, answer(nonce)).why == "stale"


def test_forgotten_nonces_cannot_be_replayed() -> None:
    clock = Clock()
    there = authority(clock, nonces_limit=3)
    values = []
    for _ in range(6):
        clock.now += 1
        values.append(answer(nonce_of(there.challenge())))
        assert check(there, values[-1]).ok
    assert not any(check(there, value).ok for value in values)
    assert len(there._counts) <= 3


@pytest.mark.parametrize("realm", ["", 'a"b', "a\\b", "a\r\nb", "x" * 200])
def test_realm_is_checked(realm: str) -> None:
    with pytest.raises(ValueError, match="realm"):
        Authority(realm)


def test_parsing_keeps_quotes_and_escapes() -> None:
    fields = parse_authorization(r'Digest Username = "a\"b,c" , nc=1,opaque=""')
    assert fields == {"username": 'a"b,c', "nc": "1", "opaque": ""}


def test_mutations_never_pass() -> None:
    rng = random.Random(7)
    there = authority()
    good = answer(nonce_of(there.challenge()))
    harmless = {good}
    for _ in range(3000):
        text = list(good)
        for _ in range(rng.randint(1, 4)):
            text[rng.randrange(len(text))] = chr(rng.randrange(256))
        value = "".join(text)
        result = check(there, value)
        if result.ok:
            # only spaces between fields and the case of names, hex digits may differ
            assert parse_authorization(value) is not None
            harmless.add(value)
            there._counts.clear()
    assert len(harmless) < 300


@pytest.mark.parametrize("algorithms", [("MD5",), ("MD5", "SHA-256")])
def test_sipp_registers(algorithms: tuple[Algorithm, ...]) -> None:
    there = Authority(REALM)
    answered: list[Verified] = []

    def registrar(event: RegisterIn) -> None:
        result = check(there, event.authorization)
        answered.append(result)
        if result.ok:
            rig.stack.respond(event.call, 200)
        else:
            headers = there.challenge(stale=result.stale, algorithms=algorithms)
            rig.stack.respond(event.call, 401, headers=headers)

    credentials = "[authentication username=alice password=s3cret]"
    xml = scenario(
        send(request("REGISTER")),
        expect(401, extra='auth="true"'),
        send(request("REGISTER", credentials, cseq=2)),
        expect(200),
    )
    with Rig() as rig:
        rig.on(RegisterIn, registrar)
        with Sipp(xml, remote=rig.at) as sipp:
            rig.until(lambda: not sipp.running())
            result = sipp.wait()
    assert result.ok, str(result)
    assert [one.why for one in answered] == ["missing", ""]
