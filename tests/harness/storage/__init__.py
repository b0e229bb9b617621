"""Job records, object stores and published artifacts in the hands of a test."""
