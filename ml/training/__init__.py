"""Training: from a Recipe and annotated images to an Artifact."""
