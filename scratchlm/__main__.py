"""`python -m scratchlm`: the command line in a checkout that is not installed."""

from .cli import main

if __name__ == "__main__":
    main()
