"""Model versions: the registry, deployments, and the resolution of model names.

Loading a model belongs in `worker.models`.
"""
