"""What the routes do, without HTTP: accept jobs, store images, render masks."""
