"""Log set-up: one structured line per event, to standard error."""

import logging
import sys

import structlog

#: below DEBUG: bytes on a wire
TRACE = 5


def set_up(level: str = "info", *, as_json: bool = False) -> None:
    """Send the standard library's loggers through structlog, for people or as JSON lines."""
    logging.addLevelName(TRACE, "TRACE")
    renderer: structlog.types.Processor
    if as_json:
        renderer = structlog.processors.JSONRenderer()
    else:
        renderer = structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    formatter = structlog.stdlib.ProcessorFormatter(
        processor=renderer,
        foreign_pre_chain=[
            structlog.stdlib.add_log_level,
            structlog.stdlib.add_logger_name,
            structlog.stdlib.ExtraAdder(),
            structlog.processors.TimeStamper(fmt="iso", utc=True),
        ],
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(TRACE if level == "trace" else level.upper())
