"""A Function is one formula: `forward` computes it, `backward` applies its derivative.

    class Square(Function):
        def forward(self, x):
            self.save(x)
            return x * x

        def backward(self, grad_y):
            (x,) = self.saved
            return 2 * x * grad_y

    y = Square()(x)

`forward` and `backward` see arrays, never tensors, so a debugger inside them shows plain numbers. Options
(an axis, a probability) are arguments of `__init__`; inputs that have no gradient (token ids) get None.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from .autograd import Version, check_finite
from .device import Device, default_device
from .errors import DeviceError, DtypeError, GraphError, ShapeError
from .modes import is_grad_enabled, looks_for_anomalies, taping
from .tensor import Tensor

Array = Any  # a NumPy array, or another device's array with the same interface


def tensor_of(given: Any, name: str, device: Device | None = None) -> Tensor:
    """The tensor itself, or one of a number, an array or a list of numbers, for what is called so.

    Raises:
        ShapeError: None, or a tuple or list of tensors, which as one tensor would lose their graph.
    """
    if isinstance(given, Tensor):
        return given
    if given is None:
        raise ShapeError(f"{name} got None where a tensor is expected: is a return missing?")
    if isinstance(given, tuple | list) and any(isinstance(part, Tensor) for part in given):
        raise ShapeError(
            f"{name} got a {type(given).__name__} of {len(given)} where one tensor is expected: unpack it "
            "(out, state = layer(x)), or join tensors with stack() or cat()."
        )
    if isinstance(given, np.ndarray) and is_grad_enabled():
        given = given.copy()  # backward needs it as it is now, and sees no change of the caller's
    return Tensor(given, device=device)


class Function:
    """One differentiable formula. Subclasses define `forward(*arrays)` and `backward(*grad_outputs)`."""

    view = False  # True where the output shares memory with the first input
    float_inputs: int | None = 0  # how many inputs from the first must be float32 or float64; None: all
    target: Device | None = None  # where the outputs live; where the inputs do for None

    if TYPE_CHECKING:  # an editor goes from self.kernels.lstm_backward to kernels/lstm/reference.py
        from kernels import reference as kernels  # every kernel of the device, as an attribute
    xp: Any  # the device's array module: NumPy or CuPy
    device: Device
    inputs: tuple[Tensor, ...] = ()  # the tensors that went in; empty while nothing is recorded
    needs_grad: tuple[bool, ...] = ()  # for each input: does anybody want its gradient?
    output_specs: tuple[tuple[tuple[int, ...], Any], ...] = ()  # (shape, dtype) of each output
    watched: Mapping[int, Tensor] = {}  # outputs that keep their gradient though they are no leaves
    freed = False

    _given: tuple[Any, ...] = ()  # what the call was given, during forward
    _saved: tuple[Array, ...] = ()
    _versions: tuple[tuple[Version, int], ...] = ()
    _copies: tuple[Array, ...] = ()

    def forward(self, *inputs: Any) -> Any:
        """Compute the formula on arrays; return an array, or a tuple of them."""
        raise NotImplementedError

    def backward(self, *grad_outputs: Any) -> Any:
        """Return the gradient of each input (None where it has none), given those of the outputs."""
        raise NotImplementedError

    @property
    def name(self) -> str:
        """The formula's name in messages and pictures."""
        return type(self).__name__

    def save(self, *arrays: Array) -> None:
        """Keep arrays for `backward`, which finds them in `self.saved`."""
        self._saved = arrays

    def seen(self, index: int, array: Array) -> Array:
        """Input `index` on the host, for checks, where the caller gave NumPy's or a list; else `array`.

        Ids are checked before they are used. Reading them from a GPU would wait for all work before, so ids
        stay on the host until a Function takes them.
        """
        given = self._given[index]
        return np.asarray(given) if isinstance(given, (np.ndarray, list, tuple)) else array

    @property
    def saved(self) -> tuple[Array, ...]:
        """What `save` kept.

        Raises:
            GraphError: nothing was saved, or an array was changed in place in between, so the derivative
                would be wrong.
        """
        if not self._saved:
            raise GraphError(f"{self.name} saved nothing for backward: call self.save(…) in forward.")
        for version, count in self._versions:
            if version.count != count:
                raise GraphError(
                    f"An array that {self.name} saved for backward was changed in place afterwards "
                    f"({version.count - count} time(s)): change it after backward(), or work on a copy."
                )
        for array, copy in zip(self._saved, self._copies, strict=False):
            if copy is not None and not self.xp.array_equal(array, copy, equal_nan=True):
                raise GraphError(
                    f"An array that {self.name} saved for backward was changed through its .data: "
                    "change it after backward(), or work on a copy."
                )
        return self._saved

    def __call__(self, *inputs: Any) -> Any:
        """Run `forward`; record this Function as the maker of its outputs where a gradient is wanted."""
        if self.output_specs or self.freed:
            raise GraphError(
                f"One {self.name} object was called twice, but it keeps what one call needs for backward: "
                f"make a new one for each call, {self.name}(…)(x)."
            )
        tensors = inputs
        if not all([isinstance(t, Tensor) for t in inputs]):  # a list: a generator costs a microsecond more
            device = next((t.device for t in inputs if isinstance(t, Tensor)), None)
            tensors = tuple([t if isinstance(t, Tensor) else tensor_of(t, self.name, device) for t in inputs])
        device = tensors[0].device
        for t in tensors:
            if t.device is not device:
                tensors, device = self._together(tensors)
                break
        self.device, self.xp, self.kernels = device, device.xp, device.formulas
        self._check_types(tensors[: self.float_inputs])
        recording = is_grad_enabled() and any([t.requires_grad for t in tensors])
        self.needs_grad = tuple([recording and t.requires_grad for t in tensors])
        self._given, tape = inputs, taping()
        try:
            given = [t._data for t in tensors]
            result = self.forward(*given) if tape is None else tape.forward(self, tensors, given)
        finally:
            self._given = ()
        arrays = result if isinstance(result, tuple) else (result,)
        if result is None:
            raise GraphError(f"{self.name}.forward gave None: it has to return an array.")
        if looks_for_anomalies():
            check_finite(self, arrays, "forward")
        outputs = tuple([Tensor._of(array, self.target or device) for array in arrays])
        if self.view and self.xp.may_share_memory(arrays[0], tensors[0].data):
            outputs[0]._version = tensors[0]._version
        if recording:
            self._record(tensors, outputs)
        else:
            self._saved = ()
        if tape is not None:
            tape.made(self, outputs)
        return outputs if isinstance(result, tuple) else outputs[0]

    def _together(self, tensors: tuple[Tensor, ...]) -> tuple[tuple[Tensor, ...], Device]:
        """Take constants along to the device of the others, where both have their numbers in NumPy's arrays.

        Programs for PyTorch move the model to "cpu" and make other tensors without a word about devices.
        """
        devices = {t.device.name: t.device for t in tensors}
        anchors = {t.device.name for t in tensors if t.requires_grad}
        anchors = anchors or devices.keys() - {default_device().name}
        device = devices[min(anchors)]
        stuck = any((t.requires_grad and t.device is not device) or t.device.on_card for t in tensors)
        if len(anchors) > 1 or stuck:
            names = sorted(devices)
            raise DeviceError(
                f"{self.name} got tensors on {' and on '.join(map(repr, names))}: move one with "
                f".to({names[0]!r}); new tensors are made on {default_device().name!r} (set_default_device)."
            )
        moved = []
        for t in tensors:
            if t.device is not device:
                version = t._version
                t = Tensor._of(t._data, device)
                t._version = version  # one memory, one version
            moved.append(t)
        return tuple(moved), device

    def _check_types(self, tensors: tuple[Tensor, ...]) -> None:
        """Kernels are compiled for float32 and for float64, all arguments alike."""
        if not tensors:
            return
        first = tensors[0]._data.dtype
        if first.char not in "fd" or any([t._data.dtype != first for t in tensors]):
            types = sorted({str(t.dtype) for t in tensors})
            raise DtypeError(
                f"{self.name} takes float32 or float64, all inputs alike, got {' and '.join(types)}: "
                "convert with .astype(np.float32)."
            )

    def _record(self, tensors: tuple[Tensor, ...], outputs: tuple[Tensor, ...]) -> None:
        self.inputs = tensors
        for t in tensors:
            t._version.read = True
        self.output_specs = tuple([(t._data.shape, t._data.dtype) for t in outputs])
        for index, output in enumerate(outputs):
            if output._data.dtype.kind == "f":
                output.requires_grad, output._function, output._index = True, self, index
        if self._saved:
            self._versions = tuple(
                [(t._version, t._version.count) for t in (*tensors, *outputs) if self._has_saved(t._data)]
            )
        if looks_for_anomalies():
            self._copies = tuple(None if array is None else array.copy() for array in self._saved)

    def _has_saved(self, array: Array) -> bool:
        """Whether `backward` will look at this memory."""
        for saved in self._saved:
            if saved is array:
                return True
            # NumPy's arrays that both have memory of their own share none, and are known quicker.
            if saved is None or (
                self.xp is np and getattr(saved, "base", None) is None and array.base is None
            ):
                continue
            if self.xp.may_share_memory(saved, array):
                return True
        return False

    def free(self) -> None:
        """Let go of inputs and saved arrays; a second backward through here is an error from now on."""
        self.inputs, self._saved, self._versions, self._copies, self.watched = (), (), (), (), {}
        self.freed = True
