"""SIMCom SIM7600 (and SIM7500): LTE voice modem with PCM over a serial port.

Sources: SIMCom's «SIM7500_SIM7600 Series AT Command Manual», 3GPP TS 27.007, and what users of
the modem found out (each quirk says what).
"""

from drivers.line import LineSound
from drivers.profiles.profile import AudioHooks, Profile, Quirks, Role, Step, UsbId

SIM7600 = Profile(
    name="sim7600",
    title="SIMCom SIM7600",
    usb_ids=(UsbId("1e0e", "9001"),),
    roles={
        0: Role.DIAGNOSTICS,
        1: Role.GPS,
        2: Role.CONTROL,
        3: Role.CONTROL_2,
        4: Role.AUDIO,
    },
    init=(
        Step('AT+CSCS="UCS2"', optional=True),
        Step("AT+CLIP=1"),
        Step("AT+CREG=2"),
        Step("AT+CEREG=2", optional=True),
        Step("AT+CPCMFRM=0", optional=True),
        Step("AT+CPCMREG=0", optional=True),
        Step("AT+CLCC=1", optional=True),
        Step("AT+DDET=1", optional=True),
        Step("AT+AUTOCSQ=1,1", optional=True),
        # 0 sounds terrible; these are where users ended up
        Step("AT+COUTGAIN=8", optional=True),
        Step("AT+CMICGAIN=3", optional=True),
    ),
    urcs={
        "RING": "ring",
        "+CRING:": "ring",
        "+CLIP:": "clip",
        "+CLCC:": "clcc",
        "VOICE CALL: BEGIN": "begin",
        "VOICE CALL:BEGIN": "begin",
        "VOICE CALL: END": "end",
        "VOICE CALL:END": "end",
        "NO CARRIER": "no-carrier",
        "BUSY": "busy",
        "NO ANSWER": "no-answer",
        "MISSED_CALL:": "missed",
        "+RXDTMF:": "digit",
        "+CSQ:": "signal",
        "+CREG:": "registration",
        "+CEREG:": "registration-lte",
        "+CPIN:": "sim",
        "RDY": "restarted",
    },
    audio=AudioHooks(
        on="AT+CPCMREG=1", off="AT+CPCMREG=0", settle_s=0.1, tries=6, retry_gap_s=0.25
    ),
    pin_attempts="AT+SPIC",
    # as AT+CPCMFRM=0 sets it; the network has no echo of two wires
    sound=LineSound(sample_format="s16le", rate_hz=8000),
    quirks=Quirks(
        # after the first on-off cycle PCM may come back degraded; a CPCMREG that needs retries is
        # the one reliable sign, and only a reset of the whole modem cures it
        reset_when_audio_needs_retries=True,
        reset="AT+CRESET",
        deaf_firmware=("LE20B06",),
    ),
)
