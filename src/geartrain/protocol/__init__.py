"""The wire: Gearman's binary and text protocol without I/O."""
