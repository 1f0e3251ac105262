"""The appliance: what runs in a branch. `docs/architecture.md` has the map of its rooms."""
