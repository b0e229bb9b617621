"""How image files are read: speed, memory, other readers, damaged files."""
