"""The service on one machine: its processes, a Redis of its own, and checks of all of it."""
