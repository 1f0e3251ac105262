"""Our side of `conference`: one engine with one bridge, in a process of its own.

`python -m tests.bench.confroom` reads one JSON object from stdin, prints the legs' ports, and
ends with stdin.
"""

import json
import select
import sys
from typing import Any

from appliance.legs.engine import MediaEngine
from appliance.legs.enginetypes import Member, RtpRemote

HERE = "127.0.0.1"
OPUS_PAYLOAD = 111


def main() -> None:
    """Hold the conference until nobody wants it any more."""
    wish = json.loads(sys.stdin.readline())
    with MediaEngine(workers=1) as engine:
        engine.start()
        ports = [_leg(engine, leg, port, wish) for leg, port in enumerate(wish["ports"], 1)]
        engine.bridge(1, [_member(leg, wish["talkers"]) for leg in range(1, len(ports) + 1)])
        print(json.dumps(ports), flush=True)
        while True:
            ready, _, _ = select.select([engine, sys.stdin], [], [])
            if sys.stdin in ready:
                break
            engine.poll()


def _leg(engine: MediaEngine, leg: int, port: int, wish: dict[str, Any]) -> int:
    """Make a leg that hears *port* of the load; return its own."""
    ours = engine.add_rtp_leg(leg, HERE, 0, 0)
    remote = (
        RtpRemote(HERE, port, OPUS_PAYLOAD, "OPUS", bitrate=wish["bitrate"], rtcp_port=-1)
        if wish["codec"] == "opus"
        else RtpRemote(HERE, port, 0, "PCMU", rtcp_port=-1)
    )
    engine.set_remote(leg, remote)
    engine.detect_digits(leg, on=True)
    return ours


def _member(leg: int, talkers: int) -> Member:
    return Member(leg, "talk" if leg <= talkers else "listen")


if __name__ == "__main__":
    main()
