"""Settings tried against the real servers: what is wrong, and what to do."""
