"""Limits of connections: how many there are, how long a request may be and how slow, and how many
threads work for them."""
