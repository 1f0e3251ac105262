"""Ports for servers that a test starts."""

import contextlib
import itertools
import os
import socket

#: below Linux's ephemeral range (32768 …); parallel runs begin at different places
_first = os.getpid() * 97 % 20_000
# sipp takes the two ports above its media port too
_ports = itertools.cycle([10_000 + (_first + 4 * i) % 20_000 for i in range(5_000)])


def free_port(address: str = "127.0.0.1") -> int:
    """Return a port that is free for UDP and TCP, from a range of this process's own.

    Ports that `bind(0)` gives could be taken by any client's socket before they are used.
    """
    for port in _ports:
        with contextlib.ExitStack() as stack:
            try:
                for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM):
                    sock = stack.enter_context(socket.socket(socket.AF_INET, kind))
                    sock.bind((address, port))
            except OSError:
                continue
            return port
    raise RuntimeError("no free port")
