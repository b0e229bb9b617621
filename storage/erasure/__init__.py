"""Deletion: what a caller erases, everything that was derived from it, and orphans of the store."""
