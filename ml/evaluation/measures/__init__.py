"""What is measured beside the scores: soft agreement, calibration, and how sure a score is."""
