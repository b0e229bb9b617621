"""The catalogue: images by id and their truths. The images' bytes are objects of the store."""
