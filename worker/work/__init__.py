"""Work on jobs: messages, claimed chunks, and attempts at items.

What happens to the bytes of an image belongs in `worker.pipeline`.
"""
