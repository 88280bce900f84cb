"""`scratchlm kernel debug --vscode`: a launch configuration that stops in one thread of a kernel."""

import json
from pathlib import Path
from typing import Any

from ...errors import OptionError
from ...files import write_text


def configuration(name: str, program: str, arguments: list[str], commands: list[str]) -> dict[str, Any]:
    """An entry of launch.json for Microsoft's C/C++ extension: gdb runs the program after the commands."""
    setup = [{"text": command, "ignoreFailures": False} for command in commands]
    return {
        "name": f"scratchlm: {name}",
        "type": "cppdbg",
        "request": "launch",
        "MIMode": "gdb",
        "program": program,
        "args": arguments,
        "cwd": "${workspaceFolder}",
        "stopAtEntry": False,
        "externalConsole": False,
        "setupCommands": setup,
    }


def add_configuration(folder: Path, entry: dict[str, Any]) -> Path:
    """Put the entry into the folder's .vscode/launch.json, in place of one of its name; return the file.

    Raises:
        OptionError: the file is there, but cannot be read as JSON (VS Code allows comments in it).
        CheckpointError: the file cannot be written.
    """
    path = folder / ".vscode" / "launch.json"
    whole: dict[str, Any] = {"version": "0.2.0", "configurations": []}
    if path.exists():
        try:
            whole = json.loads(path.read_text(encoding="utf-8"))
            others = [other for other in whole["configurations"] if other.get("name") != entry["name"]]
        except (ValueError, LookupError, TypeError, AttributeError):
            raise OptionError(
                f"{path} cannot be read as JSON (it may have comments): add this to its configurations "
                f"yourself: {json.dumps(entry)}"
            ) from None
        whole["configurations"] = others
    whole["configurations"].append(entry)
    path.parent.mkdir(exist_ok=True)
    write_text(path, json.dumps(whole, indent=2, ensure_ascii=False) + "\n")
    return path
