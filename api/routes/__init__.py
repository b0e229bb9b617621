"""The routes under /v1 and the page, one file for each noun.

Protocols of other tools are in `api.compat`.
"""
