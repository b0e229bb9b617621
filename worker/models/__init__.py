"""The models of a worker: local copies, loaded predictors, and rollouts of new versions.

What a network computes belongs in `ml`; which versions exist and serve, in `storage.models`.
"""
