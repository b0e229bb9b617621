"""The HTTP API: light, stateless, run in as many processes as needed. It never imports `ml`."""
