"""The `roadmask` program: one file for each command, and what commands share."""
