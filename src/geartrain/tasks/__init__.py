"""Tasks: Python functions with types that run elsewhere, and the processes that run them."""
