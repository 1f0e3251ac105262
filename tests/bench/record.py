"""What recordings, taps and plays cost: the writer's CPU and memory, against libopusenc."""

from tests.bench import native
from tests.bench.machine import load_apart
from tests.bench.report import Report

#: recordings of one appliance that `media.md` asks for
RECORDINGS = 800
#: what recording may add to 100 bridged calls [% of a core]
RECORDED_100_PERCENT = 3
_TICKS_PER_S = 50


def run() -> Report:
    """Measure on one core, ours and the peer by turns."""
    report = Report("record")
    with load_apart() as core:
        found = native.run("bench_record", core=core)
    for name, value in found.items():
        report.figure(name, value)
    tick_percent = found["put_8000_ns"] * _TICKS_PER_S / 1e7
    wav_percent = found["wav_8000_writer_percent"] + tick_percent
    report.figure("wav_per_core", 100 / wav_percent)
    report.figure("opus_per_core", 100 / (found["opus_8000_writer_percent"] + tick_percent))
    report.bar(
        "100_wav_recordings", 100 * wav_percent, f"<= {RECORDED_100_PERCENT}", "% of a core"
    )
    report.bar("wav_per_core", 100 / wav_percent, f">= {RECORDINGS}", "recordings")
    ratio = found["opus_8000_writer_percent"] / found["libopusenc_8000_percent"]
    report.bar("opus_8000_cpu_of_libopusenc", ratio, "<= 0.75", "of it")
    for rate in (8000, 16000):
        memory = found[f"opus_{rate}_kb"] / found[f"libopusenc_{rate}_kb"]
        report.bar(f"opus_{rate}_memory_of_libopusenc", memory, "<= 0.5", "of it")
    report.notes.append(
        f"{RECORDINGS} Ogg Opus recordings at once take"
        f" {RECORDINGS * found['opus_8000_writer_percent'] / 100:.1f} cores of writers:"
        " give it several, or record WAV and code it afterwards"
    )
    return report
