"""The command line, one file a group of commands; heavy imports stand inside the commands."""

from .main import cli, main

__all__ = ["cli", "main"]
