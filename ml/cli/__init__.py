"""Commands about models, offered to the `roadmask` program as entry points."""
