"""`python -m scratchlm`: the command line, also in a clone that is not installed."""

import sys

try:
    from .cli import main
except ModuleNotFoundError as error:
    if (error.name or "").startswith("scratchlm"):
        raise
    print(
        f"scratchlm: The command line needs the package '{error.name}': run `pip install -e .`.",
        file=sys.stderr,
    )
    sys.exit(2)

if __name__ == "__main__":
    main()
