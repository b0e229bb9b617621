"""Protocols of other tools: the study's `/rest/` endpoint and Label Studio's ML backend.

The service's own routes are in `api.routes`.
"""
