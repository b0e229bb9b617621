"""What benchmarks are written with: their table, new images, load, the bare engine."""
