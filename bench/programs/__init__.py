"""Programs that are measured, each in a process of its own: PROGRAM OPERATION PORT JOBS prints its Sample as JSON."""
