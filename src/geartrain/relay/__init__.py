"""A pool's wire without I/O: peers at one server, the leaders of their jobs at others."""
