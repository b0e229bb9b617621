"""A folder into a dataset of the service, and a dataset into a folder."""
