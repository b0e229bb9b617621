"""The rooms where things are kept: objects, job records, the catalogue, the queue."""
