"""Training data: samples, augmentation and batches."""
