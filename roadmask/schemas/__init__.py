"""Schemas: what goes over the wire, and the types that its texts are parsed into."""
