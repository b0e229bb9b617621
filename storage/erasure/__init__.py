"""Deletion of images, truths, datasets and jobs with all derived objects, and of garbage."""
