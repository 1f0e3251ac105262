"""Reading a socket: many messages, each of which takes its time, hold nobody up."""

import asyncio
import time

import zmq

from appliance.link.pump import SocketPump

MESSAGES = 40


async def test_others_have_their_turn_between_long_messages() -> None:
    context = zmq.Context()
    sender, receiver = context.socket(zmq.PAIR), context.socket(zmq.PAIR)
    receiver.bind("inproc://pump")
    sender.connect("inproc://pump")
    for number in range(MESSAGES):
        sender.send(b"%d" % number)
    taken: list[bytes] = []

    def take(frames: list[zmq.Frame]) -> None:
        time.sleep(0.005)
        taken.append(frames[0].bytes)

    pump = SocketPump(receiver, take)
    pump.start(asyncio.get_running_loop())
    seen = set()
    while len(taken) < MESSAGES:
        await asyncio.sleep(0)
        seen.add(len(taken))
    pump.close()
    sender.close(linger=0)
    context.term()
    assert taken == [b"%d" % number for number in range(MESSAGES)]
    # all in one turn would be {0, 40}
    assert len(seen) > 3
