"""The brain's composition root: the only place that names concrete parts."""

from appliance.daemon.process import run

__all__ = ["run"]
