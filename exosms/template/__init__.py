"""Registered DLT templates: ``syntax`` parses, ``match`` decides, ``explain`` says why not, ``search`` picks one.

Nothing here reads a file, prints or raises for a mismatch; offsets are 0-based code points of the texts as given.
"""
