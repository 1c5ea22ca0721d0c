"""The asyncio client, worker and admin: transports around the machines of ``geartrain.protocol``."""
