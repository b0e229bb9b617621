"""Engines: the ways to compute a network, behind one door."""
