"""Connections: limits of their number, size and speed, of threads and streams, and middleware."""
