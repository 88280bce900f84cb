"""What is timed: something that can be called again and again, and returns a number to look at."""

from collections.abc import Callable

Step = Callable[[], float]
