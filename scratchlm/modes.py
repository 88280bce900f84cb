"""The switches: what is recorded for `backward`, whether each result is looked at, whether dropout is on.

Each is one for every thread (a context variable): text that is written in one thread never disturbs training
in another.
"""

import inspect
from collections.abc import Callable
from contextlib import ContextDecorator
from contextvars import ContextVar
from functools import wraps
from typing import Any

_recording = ContextVar("recording", default=True)
_looking = ContextVar("looking for anomalies", default=False)
_evaluating: ContextVar[frozenset] = ContextVar("evaluating", default=frozenset())  # modules
_taping: ContextVar[Any] = ContextVar("taping", default=None)

is_grad_enabled = _recording.get  # whether operations are recorded for `backward`
looks_for_anomalies = _looking.get  # whether the code runs inside `detect_anomaly`
evaluated = _evaluating.get  # the modules that are evaluated just now
taping = _taping.get  # the tape of `debugger.record`, on which every formula is written; or None


class Switch(ContextDecorator):
    """Sets a context variable inside a `with` block, or in a function or generator decorated with it.

    A generator has the switch only while it runs, not between its values.
    """

    def __init__(self, variable: ContextVar, value: Any):
        self.variable, self.value = variable, value
        self.before: list[Any] = []

    def __enter__(self) -> None:
        self.before.append(self.variable.get())
        self.variable.set(self.value)

    def __exit__(self, *_: object) -> None:
        self.variable.set(self.before.pop())

    def __call__(self, function: Callable) -> Any:
        """The function, or generator, with this switch."""
        run = _stepwise(function, self._again) if inspect.isgeneratorfunction(function) else function

        @wraps(function)
        def switched(*args: Any, **options: Any) -> Any:
            with self._again():
                return run(*args, **options)

        return run if run is not function else switched

    def _again(self) -> "Switch":
        """One of its own for each call: calls may overlap, in threads too."""
        return Switch(self.variable, self.value)


def _stepwise(function: Callable, switch: Callable[[], Switch]) -> Callable:
    """A generator that runs each of its steps inside the switch."""

    @wraps(function)
    def generator(*args: Any, **options: Any) -> Any:
        steps = function(*args, **options)
        resume, given = steps.send, None
        try:
            while True:
                with switch():
                    value = resume(given)
                try:
                    resume, given = steps.send, (yield value)
                except GeneratorExit:
                    raise
                except BaseException as error:  # thrown in from outside: the function may catch it
                    resume, given = steps.throw, error
        except StopIteration as end:
            return end.value
        finally:
            with switch():
                steps.close()

    return generator


def no_grad(function: Callable | None = None) -> Any:
    """Inside this block, or a function or generator decorated with it, nothing is recorded for `backward`."""
    switch = Switch(_recording, False)
    return switch(function) if function else switch


def enable_grad(function: Callable | None = None) -> Any:
    """Inside this block, operations are recorded again, though it stands inside `no_grad`."""
    switch = Switch(_recording, True)
    return switch(function) if function else switch


def set_grad_enabled(mode: bool) -> Switch:
    """`enable_grad` or `no_grad`, by a flag."""
    return Switch(_recording, bool(mode))


def detect_anomaly() -> Switch:
    """Inside this block, the first Function that makes a NaN or infinity raises, by name.

    Saved arrays are also compared with a copy when `backward` uses them, which finds a change that was made
    behind the tensor's back (`x.data[0] = 1`). Slow and memory-hungry: for hunting, not for training.
    """
    return Switch(_looking, True)


def evaluating(module: Any) -> Switch:
    """Dropout of `module` and its parts off inside this block, in this thread alone."""
    parts = module.modules() if hasattr(module, "modules") else ()  # what generates need not be a Module
    return Switch(_evaluating, evaluated() | frozenset(parts))
