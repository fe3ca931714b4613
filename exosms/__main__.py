"""``python -m exosms``."""

from exosms.cli.app import entry_point

if __name__ == "__main__":
    entry_point()
