"""Authentication: API keys, and protection against pages of other sites."""
