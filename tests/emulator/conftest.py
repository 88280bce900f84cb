import pytest

from scratchlm.kernels.emulator import KernelError
from scratchlm.kernels.emulator.compiling import compiler


def pytest_collection_modifyitems(items):
    """Without a compiler there is no emulator."""
    try:
        compiler()
    except KernelError as error:
        for item in items:
            if "emulator" in item.path.parts:
                item.add_marker(pytest.mark.skip(reason=str(error)))
