"""Image files of every format, good and bad."""
