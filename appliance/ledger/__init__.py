"""The append-only, hash-chained journal and the state that survives a kill."""
