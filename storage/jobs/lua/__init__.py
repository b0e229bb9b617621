"""The Lua scripts of the job records, and how their text is put together."""
