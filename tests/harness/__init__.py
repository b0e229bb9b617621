"""What tests are written with: real parts of Roadmask that a test drives, and stubs of the rest.

Servers that run as processes of their own are in `tests/servers`.
"""
