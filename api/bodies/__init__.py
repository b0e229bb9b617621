"""Request bodies: limits, strict JSON, JSON lines, files and multipart forms."""
