"""The contract and the whole service on every object store and every Redis: `make stores`."""
