"""The stepper: through a recording at a prompt, forward and backward, formula by formula."""

import cmd
import inspect
import pdb
import re
from collections.abc import Callable
from typing import Any

import numpy as np

from ..errors import OptionError, ScratchLMError, did_you_mean, quote
from .conditions import condition, norm_of
from .kept import Record
from .peers import beside
from .questions import arrays_of, check, differences, is_finite, why
from .replay import again, class_of
from .tape import Tape
from .terms import explained

AROUND = 4  # lines before and after the current one that `list` shows


class Stepper(cmd.Cmd):
    """Steps through a tape. `help` lists the commands; any beginning of a command's name will do.

    `next` and `back` go in the order of the computation until `backward` is said, then in the order in which
    backward came through.
    """

    prompt = "(step) "
    doc_header = "Commands (help COMMAND says more):"

    def __init__(self, tape: Tape, say: Callable[[str], None] = print):
        super().__init__()
        self.tape, self.say = tape, say
        self.backward = False
        self.at = 0
        self.failed = False

    # ------------------------------------------------------------------ how a line is read
    def onecmd(self, line: str) -> bool:
        """Run one command; what goes wrong is one sentence."""
        try:
            return bool(super().onecmd(line))
        except ScratchLMError as error:
            self.say(f"{error}")
            self.failed = True
            return False

    def emptyline(self) -> bool:
        """As in pdb, return alone goes on."""
        self.do_next("")
        return False

    def default(self, line: str) -> None:
        """A beginning of a command's name."""
        word, _, rest = line.partition(" ")
        if word == "EOF":
            raise SystemExit
        names = [name[3:] for name in dir(self) if name.startswith("do_")]
        found = [name for name in names if name.startswith(word)]
        if len(found) > 1:
            raise OptionError(f"{quote(word)} begins several commands: {', '.join(found)}.")
        if not found:
            hint = did_you_mean(word, names) or f" (it has {', '.join(names)})"
            raise OptionError(f"The stepper has no command {quote(word)}{hint}.")
        getattr(self, f"do_{found[0]}")(rest.strip())

    @property
    def order(self) -> list[Record]:
        """The records in the order of the direction."""
        if not self.backward:
            return self.tape.records
        return sorted((r for r in self.tape if r.turn is not None), key=lambda r: r.turn or 0)

    @property
    def record(self) -> Record:
        """The current one."""
        if not self.tape.records:
            raise OptionError("The recording is empty: no formula ran.")
        return self.tape[self.at]

    def _go(self, record: Record) -> None:
        self.at = record.number
        self.say(f"→ {str(record).strip()}\n   {record.line}")

    def _move(self, steps: int) -> None:
        order = self.order
        here = next((k for k, r in enumerate(order) if r.number == self.record.number), 0)
        there = here + steps
        if not 0 <= there < len(order):
            raise OptionError(f"There is no formula further {'on' if steps > 0 else 'back'}.")
        self._go(order[there])

    # ------------------------------------------------------------------ going about
    def do_next(self, given: str) -> None:
        """next [N]: one formula further, or N."""
        self._move(_whole(given, 1))

    def do_back(self, given: str) -> None:
        """back [N]: one formula back, or N."""
        self._move(-_whole(given, 1))

    def do_goto(self, given: str) -> None:
        """goto N: the record of that number."""
        number = _whole(given, None)
        if not 0 <= number < len(self.tape):
            raise OptionError(f"There is no record {number}: the recording has 0 to {len(self.tape) - 1}.")
        self._go(self.tape[number])

    def do_forward(self, _: str) -> None:
        """forward: from now on, next goes in the order of the computation."""
        self.backward = False
        self._go(self.record)

    def do_backward(self, _: str) -> None:
        """backward: to the loss; from now on, next goes as backward went, against the computation."""
        if not any(r.turn is not None for r in self.tape):
            raise OptionError("Nothing went backward in this recording.")
        self.backward = True
        self._go(self.order[0])

    def do_list(self, given: str) -> None:
        """list [all]: the formulas around the current one, or all of them."""
        if given not in ("", "all"):
            raise OptionError(
                f"list shows the formulas around this one, list all all of them; not {quote(given)}."
            )
        order = self.order
        here = next((k for k, r in enumerate(order) if r.number == self.record.number), 0)
        shown = order if given == "all" else order[max(0, here - AROUND) : here + AROUND + 1]
        for record in shown:
            self.say(f"{'→' if record.number == self.at else ' '}{record}")

    def do_sizes(self, _: str) -> None:
        """sizes: of each formula, the norms of what it made and of the gradients that it gave back."""
        for record in self.order:
            made, given = (
                " ".join(f"{norm_of(seen):.3g}" for seen in seens if seen) or "–"
                for seens in (record.outputs, record.grad_inputs)
            )
            place = f"{record.module}." if record.module else ""
            self.say(f"{record.number:4d} {place}{record.name}[{record.call}]  ‖y‖ {made}  ‖∂‖ {given}")

    def do_find(self, given: str) -> None:
        """find TEXT: formulas with that in their id, name, layer, line or inputs."""
        found = self.tape.find(given)
        if not found:
            raise OptionError(f"No formula has {quote(given)} in its name, layer, line or inputs.")
        for record in found:
            self.say(str(record))

    def do_up(self, given: str) -> None:
        """up [INPUT]: the formula that made an input (the first that a formula made)."""
        names = arrays_of(self.record)
        chosen = [names[given]] if given in names else [] if given else list(names.values())
        source = next((s.source for s in chosen if isinstance(s.source, tuple)), None)
        if source is None or source[0] == self.record.number:
            raise OptionError("No formula of this recording made it: it is a parameter or was given.")
        self._go(self.tape[source[0]])

    def do_until(self, given: str) -> None:
        """until CONDITION: on to the next formula where it holds. Conditions:

        nan            a value or gradient that is not finite
        norm > 10      a value or gradient as large
        norm < 1e-6    a gradient as small
        broadcast      an input that is repeated along an axis
        saturated      σ or tanh, or the gates of an LSTM, nearly flat for half of the elements
        FORMULA        an id or name, such as softmax or LayerNorm
        PARAMETER      a name such as head.weight
        """
        test = condition(given)
        order = self.order
        here = next((k for k, r in enumerate(order) if r.number == self.record.number), -1)
        found = next((r for r in order[here + 1 :] if test(r)), None)
        if (
            found is None
            and re.match(r"(?!nan|norm|broadcast|saturated)", given)
            and not any(map(test, order))
        ):
            raise OptionError(f"There is no condition, formula or parameter {quote(given)}: see help until.")
        if found is None:
            raise OptionError(f"No formula after this one has {quote(given)}.")
        self._go(found)

    # ------------------------------------------------------------------ looking
    def do_print(self, given: str) -> None:
        """print [NAME[SLICE] or EXPRESSION]: an array of this formula (x, y, grad_y …), or what is computed
        from them, as y.sum(-1) or np.abs(grad_y).max(); without anything, all of them in a line each."""
        names = arrays_of(self.record)
        if not given:
            for name, seen in names.items():
                source = (
                    f"  made by #{seen.source[0]}" if isinstance(seen.source, tuple) else f"  {seen.source}"
                )
                of = source if name in _inputs(self.record) else ""
                self.say(f"  {name:16} {seen}{_range(seen)}{of}")
            return
        name, bracket, index = given.partition("[")
        if not re.fullmatch(r"\w+(\[[^\]]*\])?", given):
            self.say(_shown(_computed(given, names)))
            return
        if name not in names:
            raise OptionError(f"{self.record.name} has no {quote(name)}: it has {', '.join(names)}.")
        array = names[name].array
        if array is None:
            raise OptionError(f'{name} was not kept (level "full", within the budget): {names[name]}.')
        if bracket:
            array = array[_index(index.removesuffix("]"), array)]
        self.say(_shown(array))

    def do_formula(self, given: str) -> None:
        """formula [NAME[I, J]]: what this formula says; of one element, with the numbers put in."""
        if given:
            self.say(str(explained(self.record, *_element(given))))
            return
        function = class_of(self.record)
        self.say(inspect.cleandoc(function.__doc__ or function.__name__))
        if self.record.options:
            self.say("  " + ", ".join(f"{k} = {v}" for k, v in self.record.options.items()))
        self.say(f"  kernels: {', '.join(dict.fromkeys(self.record.kernels)) or 'none'}")

    def do_code(self, _: str) -> None:
        """code: forward and backward of this formula."""
        for method in (class_of(self.record).forward, class_of(self.record).backward):
            self.say(inspect.getsource(method))

    def do_into(self, _: str) -> None:
        """into: pdb in this formula's forward, or, after `backward`, in its backward, on recorded numbers.

        `s` at a line with a kernel steps into the NumPy one.
        """
        record = self.record
        method = class_of(record).backward if record.turn is not None and self.backward else None
        debugger = pdb.Pdb()
        code = (method or class_of(record).forward).__code__
        debugger.set_break(code.co_filename, _first_line(method or class_of(record).forward))
        debugger.rcLines = ["continue"]
        debugger.runcall(again, record, device="reference")

    # ------------------------------------------------------------------ asking
    def do_check(self, given: str) -> None:
        """check [all]: this formula's gradients beside finite differences, and all that it made beside its
        composed twin and PyTorch's; or those of all formulas, of which those that are wrong are shown."""
        if given not in ("", "all"):
            raise OptionError(f"check looks at this formula, check all at all of them; not {quote(given)}.")
        chosen = [self.record]
        if given == "all":  # what got NaN already made no fault of its own
            chosen = [r for r in self.tape if r.turn is not None and all(map(is_finite, _given(r)))]
        for record in chosen:
            found = [*map(str, check(record)), *beside(record)]
            wrong = any("WRONG" in one for one in found)
            self.failed |= wrong
            if given != "all" or wrong:
                self.say(str(record))
                for one in found:
                    self.say(f"  {one}")
        if given == "all":
            self.say(f"{len(chosen)} formulas looked at.")

    def do_why(self, given: str) -> None:
        """why NAME[I, J]: what made that number of a parameter's gradient."""
        for line in why(self.tape, *_element(given)):
            self.say(line)

    def do_diff(self, given: str) -> None:
        """diff FILE: where another recording parts from this one: the first formula with other numbers."""
        if not given:
            raise OptionError("diff takes the name of a file that save wrote.")
        for line in differences(self.tape, Tape.load(given.strip("\"'"))):
            self.say(line)

    def do_verify(self, _: str) -> None:
        """verify: compute every formula again from its stored inputs, and compare bit for bit."""
        found = self.tape.verify()
        self.failed |= not found
        self.say(str(found))

    def do_save(self, given: str) -> None:
        """save FILE: keep the recording, for another day or for diff."""
        if not given.endswith(".tape"):
            raise OptionError("save takes the name of a file that ends in .tape.")
        self.tape.save(given)
        self.say(f"{given}: {len(self.tape)} formulas")

    def do_quit(self, _: str) -> bool:
        """quit: leave."""
        return True


def _whole(given: str, default: int | None) -> int:
    if not given and default is not None:
        return default
    if not re.fullmatch(r"-?\d+", given):
        raise OptionError(f"A whole number is wanted here, not {quote(given)}.")
    return int(given)


def _element(given: str) -> tuple[str, tuple[int, ...]]:
    """`head.weight[3, 2]` as a name and a place."""
    found = re.fullmatch(r"([\w.]+)(?:\[((?:\s*-?\d+\s*,?)*)\])?", given)
    if not found:
        raise OptionError("A name and a place are wanted here, such as weight[3, 2].")
    return found[1], tuple(int(k) for k in (found[2] or "").split(",") if k.strip())


def _index(text: str, array: np.ndarray) -> Any:
    """`1, :3` as an index."""
    if not re.fullmatch(r"[\d\s,:.-]*", text):
        raise OptionError(f"{quote(text)} is no place: write whole numbers and slices, such as 0, 1:3.")
    parts: list[Any] = []
    try:
        for part in text.split(","):
            if part.strip() == "...":
                parts.append(...)
                continue
            ends = [int(end) if end.strip() else None for end in part.split(":")]
            parts.append(slice(*ends) if len(ends) > 1 else ends[0])
        array[tuple(parts)]
    except (IndexError, ValueError, TypeError) as error:
        raise OptionError(f"{quote(text)} is no place in shape {array.shape}: {error}.") from None
    return tuple(parts)


def _given(record: Record) -> list[Any]:
    return [*record.inputs, *record.grad_outputs]


def _shown(array: Any) -> str:
    array = np.asarray(array)
    small = array.dtype.kind == "f" and 0 < np.abs(array).max(initial=0.0) < 1e-3  # 0. would hide it
    return np.array2string(array, precision=5, threshold=200, suppress_small=not small)


def _range(seen: Any) -> str:
    """The number, or the least and the largest."""
    if seen.array is None or not seen.array.size or seen.array.dtype.kind not in "fiu":
        return ""
    if seen.array.size == 1:
        return f"  = {seen.array.item():.6g}"
    return f"  {seen.array.min():.4g} … {seen.array.max():.4g}"


def _computed(text: str, names: dict[str, Any]) -> Any:
    """An expression of the formula's arrays, as Python reads it."""
    try:
        arrays = {name: seen.array.view() for name, seen in names.items() if seen.array is not None}
        for array in arrays.values():
            array.flags.writeable = False  # the recording stays as it is
        return eval(text, {"np": np, **arrays})
    except (Exception, SystemExit) as error:
        raise OptionError(f"{text} cannot be computed: {type(error).__name__}: {error}.") from None


def _inputs(record: Record) -> list[str]:
    return list(arrays_of(record))[: len(record.inputs)]


def _first_line(method: Any) -> int:
    """The first line of a method's body that does something."""
    code = method.__code__
    return min(line for _, _, line in code.co_lines() if line is not None and line > code.co_firstlineno)
