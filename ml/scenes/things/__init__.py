"""What stands in a street, one file for each thing."""
