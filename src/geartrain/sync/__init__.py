"""The blocking client, worker and admin: real sockets around the machines of ``geartrain.protocol``."""
