"""Evaluation: how well an artifact's masks agree with the annotated ones."""
