"""For `cli_kernel.py`, until it has moved."""

from .cli.common import check_folders

__all__ = ["check_folders"]
