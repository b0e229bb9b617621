"""Routes of what an owner does with its own."""
