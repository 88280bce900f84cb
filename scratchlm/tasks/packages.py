"""Packages that only the tasks need: imported when a task is loaded, named when one is missing."""

import importlib
from typing import Any

from scratchlm.errors import DataError


def require(module: str, needed_by: str) -> Any:
    """Return an installed module, such as require("babel.dates", "task dates").

    Raises DataError, which says what to install, where it is missing.
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        package = _PACKAGES.get(module.partition(".")[0], module.partition(".")[0])
        raise DataError(
            f"The {needed_by} needs the package {package}: run pip install 'scratchlm[tasks]'."
        ) from error


_PACKAGES = {"sklearn": "scikit-learn", "rouge_score": "rouge-score"}
