"""Several servers as one, on Valkey or Redis."""
