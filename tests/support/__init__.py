"""Real parts for tests: servers and programs as processes, and what a test needs to know of its machine."""
