"""Where things are kept: objects, job records, the catalogue, models, webhooks and the queue.

Storage knows no HTTP routes, no networks and no worker. `StorageBackends` builds its parts.
"""
