"""An emulator of Exotel's SMS API, written from its public description alone.

It imports nothing of the rest of exosms, so that it can prove the client wrong.
"""
