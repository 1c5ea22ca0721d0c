"""The asyncio shell around the broker."""
