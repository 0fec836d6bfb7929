"""Client of the Messages API: the SDK makes requests, aiohttp sends them, events are read here."""
