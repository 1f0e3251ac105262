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
        payload_type_in=0 if agreed.receive_type == agreed.payload_type else agreed.receive_type,
    )
