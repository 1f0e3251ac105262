"""The hub: links to appliances, matchmaker, telemetry proxy, live state."""
