"""The boxes' ledgers at control: intake, what is derived, and who asks."""
