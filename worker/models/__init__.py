"""The models of a worker: local copies, loaded predictors, and rollouts of new versions.

`ml` computes masks. `storage.models` knows which versions exist and which one serves.
"""
