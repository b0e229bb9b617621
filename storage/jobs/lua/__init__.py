"""The Lua scripts of the job records, how their text is put together, and the reply of one."""
