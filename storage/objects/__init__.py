"""Object stores: their contract, its two implementations, and the keys of all objects.

The content of an object is defined in the package of its noun.
"""
