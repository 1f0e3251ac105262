"""`python -m tests.bench NAME [--json]`: measure, and say whether the bars are met."""

import argparse
import importlib
import sys

#: name -> what it measures; each is a module beside this one (`-` is `_`) with a function `run`
BENCHES = {
    "spine": "calls through one branch: CPU, latency, memory, late ticks",
    "dtmf": "what it costs to find digits in sound, spandsp beside it",
    "dtmf-grid": "how well digits are found, line by line, spandsp beside it",
    "legs": "bridged calls on one core: how many in time, two cores against one",
    "relay": "CPU for each packet passed on, rtpengine beside it",
    "loss": "speech over a bad network: PESQ and delay, beside baresip",
    "drift": "an hour with two clocks apart: delay, gaps, clicks",
    "recover": "seconds from a kill -9 to the next offer",
    "record": "recordings, taps and plays: CPU and memory",
    "tones": "call-progress and answer tones: cost and accuracy, spandsp beside",
    "conference": "a conference of 100, G.711 and Opus, Janus AudioBridge beside it",
    "calls": "CPU and memory of calls in the legs process alone, without a brain",
    "decide": "one matchmaker over 24,000 and 100,000 agents, in virtual time",
    "same-plan": "a million random floors, by snapshot and by delta: the same answers",
    "replay": "a recorded day of 100,000 calls under its own plan",
    "partition": "a thousand splits and heals over four branches, in virtual time",
    "hub": "a hub with 80 appliances on its link, over ZeroMQ and NATS: offers in time",
    "hub-kill": "kill -9 of the hub at full house: offers again, nobody loses the place",
    "wan": "bytes on a branch's access link, a contact and an idle hour",
    "mix": "N-1 mixing at 16 kHz against a bare SIMD loop",
}


def main(arguments: list[str]) -> int:
    """Run the named benches; a bar that is missed is shown, and is no error of the bench."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help="which benches to run")
    parser.add_argument("--json", action="store_true", help="one JSON object a bench")
    parser.add_argument("--list", action="store_true", help="name them all")
    parser.add_argument("--all", action="store_true", help="run them all")
    options = parser.parse_args(arguments)
    if options.list:
        for name, title in BENCHES.items():
            print(f"{name:<12}{title}")
        return 0
    names = list(BENCHES) if options.all else options.names
    if not names or set(names) - set(BENCHES):
        parser.error(f"name one of {', '.join(BENCHES)}")
    for name in names:
        module = importlib.import_module(f"tests.bench.{name.replace('-', '_')}")
        report = module.run()
        print(report.as_json() if options.json else report.as_text(), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
