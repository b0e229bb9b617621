"""Reports from the results of a folder run: matches, contact sheet, video, failure report."""
