"""Models: their networks, training, measurement and serving form."""
