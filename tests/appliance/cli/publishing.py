"""A pretend brain: publishes state on a port of its own until it is closed."""

import threading

from appliance.base.clock import HeldClock
from appliance.config.model import TelemetrySettings
from appliance.telemetry.publisher import TelemetryPublisher
from appliance.telemetry.records import AnyRecord, BoxState
from tests.ports import free_port


def box_state(*, legs_up: bool = True) -> BoxState:
    return BoxState(
        version="1.0",
        uptime_s=12.0,
        plan_serial=3,
        legs_up=legs_up,
        hub_up=False,
        peers=["box-b"],
        contacts_open=1,
        seats=2,
        ledger_number=10,
        ledger_synced=10,
        disk_free_mib=500,
    )


class Publishing:
    """Publishes *records* once and repeats them to every newcomer."""

    def __init__(self, records: list[AnyRecord]) -> None:
        self.port = free_port()
        self.address = f"tcp://127.0.0.1:{self.port}"
        self._records = records
        self._quit = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> "Publishing":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._quit.set()
        self._thread.join()

    def _run(self) -> None:
        publisher = TelemetryPublisher(
            TelemetrySettings(port=self.port),
            tenant="main",
            site="berlin",
            appliance="box-a",
            incarnation=1,
            clock=HeldClock(),
        )
        for record in self._records:
            publisher.publish(record)
        while not self._quit.wait(0.05):
            publisher.greet()
        publisher.close()
