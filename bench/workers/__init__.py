"""The contestants: one process each, spoken to in JSON lines (see `protocol`)."""
