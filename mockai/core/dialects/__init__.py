"""The OpenAI surfaces: what each accepts, and the bytes that each answers with.

One module per half of a surface; bytes in, values out and back. No socket, no clock.
"""
