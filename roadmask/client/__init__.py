"""The clients of the service, `Client` and `AsyncClient`: their calls, transports and retries.

A run over a folder is in `roadmask.folder`.
"""
