"""Calls of the API by subject, and the bodies that they send and receive."""
