"""The API in a thread of the test, its fixtures, and requests to it."""
