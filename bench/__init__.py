"""Geartrain's benchmark: its server, clients and workers beside others, all on this machine. ``make bench`` runs it."""
