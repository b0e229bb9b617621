"""Label maps: annotated masks of any label set, read as categories."""
