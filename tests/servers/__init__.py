"""Real servers for tests: each on a free port, in a folder of its own, stopped at the end."""
