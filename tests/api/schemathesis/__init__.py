"""Requests that Schemathesis makes from the OpenAPI document, of a whole service."""
