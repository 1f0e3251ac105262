"""What an access link carries, and in which codecs."""

import pytest

from appliance.plan.checks import Finding, check
from appliance.plan.links import call_kbit_s, most_calls, pair_codecs
from appliance.plan.model import LinkCodec, Plan, Site

OPUS: tuple[LinkCodec, ...] = ("OPUS",)


def test_what_a_call_takes_is_its_packets() -> None:
    """50 packets a second of sound, 40 octets of headers and a tag of 16, and RTCP beside."""
    assert call_kbit_s(("PCMU",)) == -(-((160 + 40 + 16) * 8 * 50 + 300) // 1000) == 87
    assert call_kbit_s(OPUS) == 59
    assert call_kbit_s(("L16",)) == 279


def test_the_dearest_codec_counts() -> None:
    assert call_kbit_s(("OPUS", "PCMA")) == call_kbit_s(("PCMA",))
    assert call_kbit_s(()) == call_kbit_s(("G722",))


@pytest.mark.parametrize(
    ("site", "calls"),
    [
        (Site(name="a"), 0),
        (Site(name="a", link_calls=3), 3),
        (Site(name="a", link_kbit_s=480), 5),
        (Site(name="a", link_kbit_s=480, codecs=OPUS), 8),
        (Site(name="a", link_kbit_s=480, codecs=OPUS, link_calls=9), 8),
        (Site(name="a", link_kbit_s=480, codecs=OPUS, link_calls=2), 2),
    ],
)
def test_the_smaller_limit_counts(site: Site, calls: int) -> None:
    assert most_calls(site) == calls


THIN = Site(name="thin", link_kbit_s=300, codecs=("OPUS", "PCMU"))
THICK = Site(name="thick", link_kbit_s=9000, codecs=("PCMU", "G722", "OPUS"))


@pytest.mark.parametrize(
    ("one", "other", "codecs"),
    [
        (THIN, THICK, ("OPUS", "PCMU")),
        (Site(name="open", codecs=THICK.codecs), THIN, ("OPUS", "PCMU")),
        (THICK, Site(name="open", codecs=THIN.codecs), ("PCMU", "OPUS")),
        (THICK, Site(name="says-nothing"), THICK.codecs),
        (Site(name="a"), Site(name="b"), ()),
        (
            Site(name="z", link_calls=2, codecs=OPUS),
            Site(name="a", codecs=("G722", "OPUS")),
            OPUS,
        ),
        (
            Site(name="z", codecs=("PCMU", "OPUS")),
            Site(name="a", codecs=("OPUS", "PCMU")),
            ("OPUS", "PCMU"),
        ),
    ],
)
def test_a_pair_uses_what_both_allow_in_the_order_of_the_thinner(
    one: Site, other: Site, codecs: tuple[LinkCodec, ...]
) -> None:
    assert pair_codecs(one, other) == pair_codecs(other, one) == codecs


def test_what_cannot_be_is_named() -> None:
    sites = (
        Site(name="a", codecs=OPUS),
        Site(name="b", codecs=("PCMA", "PCMA")),
        Site(name="c", link_kbit_s=58, codecs=OPUS),
        Site(name="d", link_kbit_s=59, codecs=OPUS),
    )
    found = [finding for finding in check(Plan(sites=sites)) if finding.place.startswith("sites")]
    assert found == [
        Finding("sites[b].codecs", "bad-link", "a codec is named twice"),
        Finding("sites[b].codecs", "bad-link", "there is none that 'a' has too"),
        Finding("sites[c].codecs", "bad-link", "there is none that 'b' has too"),
        Finding("sites[c].link_kbit_s", "bad-link", "58 kbit/s carry no call: one takes 59"),
        Finding("sites[d].codecs", "bad-link", "there is none that 'b' has too"),
    ]
    assert {finding.severity for finding in found} == {"error"}
