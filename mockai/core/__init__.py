"""The pure core: it decides, and does nothing.

No event loop, no socket, no clock, no unseeded random: time and seed are arguments.
"""
