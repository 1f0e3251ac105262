"""The part of the media engine's Python face that sends and receives faxes."""

from typing import Any, cast

from _branchline_media import ffi, lib

from appliance.legs.enginebase import EngineBase, check
from appliance.legs.faxtypes import (
    PLAIN_FAX,
    FaxEnded,
    FaxEvent,
    FaxHow,
    FaxPage,
    FaxProgress,
    FaxReason,
)
from appliance.legs.t38sdp import Repair, T38Stream

_REPAIRS: dict[Repair, int] = {
    "none": lib.BL_UDPTL_NONE,
    "redundancy": lib.BL_UDPTL_REDUNDANCY,
    "fec": lib.BL_UDPTL_FEC,
}


def _progress(raw: Any) -> FaxProgress:
    return FaxProgress(
        pages=raw.pages,
        station=str(ffi.string(raw.station).decode("ascii")),
        width=raw.width,
        rows=raw.rows,
        bad_rows=raw.bad_rows,
        bit_rate=raw.bit_rate,
        ecm=raw.ecm,
        t38=raw.t38,
        size_bytes=raw.bytes,
    )


def _reason(end: int) -> FaxReason:
    if end == lib.BL_FAX_OK:
        return "normal"
    return cast(FaxReason, ffi.string(lib.bl_fax_reason(end)).decode())


class FaxCalls(EngineBase):
    """Faxes, each on a leg of G.711 or on a device."""

    def send_fax(self, fax: int, leg: int, path: str, how: FaxHow = PLAIN_FAX) -> None:
        """Send the pages of a TIFF file; the leg hears nothing else until `FaxEnded`."""
        self._fax(fax, leg, path, how, send=True)

    def receive_fax(self, fax: int, leg: int, path: str, how: FaxHow = PLAIN_FAX) -> None:
        """Receive pages into a new TIFF file (G4)."""
        self._fax(fax, leg, path, how, send=False)

    def _fax(self, fax: int, leg: int, path: str, how: FaxHow, *, send: bool) -> None:
        texts = [ffi.new("char[]", text.encode()) for text in (path, how.station, how.header)]
        raw = ffi.new(
            "struct bl_fax_config *",
            {
                "send": send,
                "path": texts[0],
                "station": texts[1],
                "header": texts[2],
                "ecm": how.ecm,
                "v17": how.v17,
                "max_pages": how.max_pages,
                "max_seconds": how.max_seconds,
                "max_bytes": how.max_bytes,
            },
        )
        check(lib.bl_fax(self._alive(), fax, leg, raw), f"leg {leg}: fax {fax} of {path}")

    def switch_fax(self, fax: int, stream: T38Stream) -> None:
        """Go on with T.38 on the leg's port, as the far end's SDP has it."""
        t38 = stream.t38
        raw = ffi.new(
            "struct bl_fax_t38 *",
            {
                "version": t38.version,
                "max_datagram": t38.max_datagram,
                "repair": _REPAIRS[t38.repair],
                "local_tcf": t38.rate_management == "local",
                "fill_bit_removal": t38.fill_bit_removal,
            },
        )
        check(
            lib.bl_fax_t38(self._alive(), fax, stream.address.encode(), stream.port, raw),
            f"fax {fax}: T.38 with {stream.address} port {stream.port}",
        )

    def stop_fax(self, fax: int) -> None:
        """End a fax; `FaxEnded` follows."""
        check(lib.bl_fax_stop(self._alive(), fax), f"fax {fax}: stop")

    def _fax_events(self, fax: int, leg: int) -> list[FaxEvent]:
        """Return what a fax has to tell; nothing, where an earlier call took it."""
        events: list[FaxEvent] = []
        raw = ffi.new("struct bl_fax_event *")
        while lib.bl_fax_poll(self._alive(), fax, raw) == 1:
            progress = _progress(raw)
            if raw.kind == lib.BL_FAX_DONE:
                events.append(FaxEnded(fax, leg, _reason(raw.end), raw.t30_code, progress))
            else:
                events.append(FaxPage(fax, leg, progress))
        return events
