"""Gateway hardware: profiles, line drivers and simulators. Knows nothing of the appliance."""
