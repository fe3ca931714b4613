"""Declares options, renders, exits; the only rooms that know typer and rich."""
