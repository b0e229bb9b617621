"""Object stores: their contract, its two implementations, and the keys of all objects.

What an object means belongs in the package of its noun.
"""
