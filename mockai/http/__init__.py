"""HTTP: the OpenAI surface and the control API over aiohttp. The only layer that knows aiohttp."""
