"""What models learn from: samples, augmentation, batches, rendered scenes."""
