"""The legs process: engine, SIP and hardware lines. It keeps a table and decides nothing."""
