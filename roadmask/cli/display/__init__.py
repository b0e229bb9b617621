"""What the commands show: progress, tables, and text without control characters."""
