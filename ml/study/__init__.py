"""The study: eight rows under one protocol, their table and their plots."""
