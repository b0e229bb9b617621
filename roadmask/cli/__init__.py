"""The `roadmask` program."""
