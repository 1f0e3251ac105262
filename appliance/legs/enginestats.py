"""What the media engine counts: plain values, without the C module."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class LegStats:
    """What a leg has counted so far; `cext/include/branchline_leg.h` explains each."""

    packets_in: int
    packets_out: int
    bytes_in: int
    bytes_out: int
    lost: int
    late: int
    duplicate: int
    reordered: int
    unknown: int
    malformed: int
    foreign: int
    concealed: int
    send_errors: int
    jitter_us: int
    buffer_ms: int
    record_lost: int
    replayed: int
    forged: int
    recovered: int
    rtcp_in: int
    rtcp_malformed: int
    round_trip_us: int
    far_lost: int
    far_jitter_us: int
    r_factor: int
    mos_lq_hundredths: int
    mos_cq_hundredths: int
    level_dbm0_below: int


@dataclass(frozen=True, slots=True)
class EngineStats:
    """What the engine has counted so far."""

    ticks: int
    late_ticks: int
    skipped_ticks: int
    busy_ns: int
    longest_tick_ns: int
    events_dropped: int
    legs: int
    #: payloads made; one that many legs hear counts once
    encodes: int
    #: threads of the tick that send and receive by io_uring; 0: a system call for each packet
    batched: int
