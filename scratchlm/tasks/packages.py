"""Packages that only the tasks need: imported when a task is loaded, named when one is missing."""

import importlib
import importlib.util
from pathlib import Path
from typing import Any

from ..errors import DataError


def require(module: str, needed_by: str) -> Any:
    """An installed module, such as require("babel.dates", "task dates").

    Raises:
        DataError: it is missing; the sentence says what to install.
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        raise missing(module, needed_by) from error


def folder(package: str, needed_by: str) -> Path:
    """The folder of an installed package whose files are read; it is not imported. Errors as above."""
    try:
        found = importlib.util.find_spec(package)
    except ValueError:  # an entry of sys.modules without a spec
        found = None
    if found is None or found.origin is None:
        raise missing(package, needed_by)
    return Path(found.origin).parent


def missing(module: str, needed_by: str) -> DataError:
    """The error that says which package is missing and how to install it."""
    package = _PACKAGES.get(module.partition(".")[0], module.partition(".")[0])
    return DataError(
        f"The {needed_by} needs the package {package}: run `pip install {package}`, or in scratchlm's folder "
        '`pip install -e ".[tasks]"` for all that the tasks need.'
    )


_PACKAGES = {"sklearn": "scikit-learn", "rouge_score": "rouge-score"}
