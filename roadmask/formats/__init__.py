"""The canonical mask in the forms that other tools read."""
