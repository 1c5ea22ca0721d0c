"""The command line: a module for each command, which has its name."""
