"""Paced streaming, measured: mockai beside a server in C and a plain aiohttp one."""
