"""What every room may use: errors, clocks, ids, logs. Imports nothing of ours."""
