"""From what SDP agreed to what the engine is told."""

from appliance.legs.enginetypes import RtpRemote
from appliance.legs.sdp import Agreed


def rtp_remote(agreed: Agreed) -> RtpRemote:
    """Return the far end of a leg as the engine knows it."""
    return RtpRemote(
        agreed.address,
        agreed.port,
        agreed.payload_type,
        agreed.codec,
        agreed.event_type,
        rate_hz=agreed.rate_hz,
        rtcp_port=agreed.rtcp_port,
        bitrate=agreed.bitrate,
        fec=agreed.fec,
        dtx=agreed.dtx,
        event_rate_hz=0 if agreed.event_clock_hz == agreed.clock_hz else agreed.event_clock_hz,
        payload_type_in=_if_other(agreed.receive_type, agreed.payload_type),
        event_payload_type_in=_if_other(agreed.event_receive_type, agreed.event_type),
        noise_payload_type=agreed.noise_type,
    )


def _if_other(incoming: int, outgoing: int | None) -> int:
    return 0 if incoming == outgoing else incoming
