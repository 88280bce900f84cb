"""SGD, Adam and AdamW: one call of a kernel for all parameters together."""

from typing import Any

import numpy as np

from ..autograd import forget
from ..device import Device, to_host, upload
from ..errors import CheckpointError, DtypeError, OptionError, ShapeError, check_number, quote
from ..tensor import Tensor
from .given import Parameters, groups_of


class Optimizer:
    """Shared by all: the parameters, their gradients, and buffers of the same shapes.

    Parameters come alone, or as PyTorch's groups with options of their own, such as
    [{"params": matrices}, {"params": biases, "weight_decay": 0.0, "lr": 1e-4}]. Those without a gradient are
    left alone in a step, as in PyTorch.

    Attributes:
        param_groups: each group's `params` and options (lr, weight_decay, …), to be read and changed.
        lr: the learning rate of the first group; set, that of all groups.
    """

    buffer_names: tuple[str, ...] = ()

    def __init__(self, parameters: Parameters, **options: Any):
        self.param_groups = groups_of(parameters, options, type(self).__name__)
        self.parameters: list[Tensor] = [p for group in self.param_groups for p in group["params"]]
        self.steps = [0] * len(self.parameters)
        self.buffers = {
            name: [p.device.xp.zeros_like(p.data) for p in self.parameters] for name in self.buffer_names
        }
        for group in self.param_groups:
            self.check(group)

    @property
    def lr(self) -> float:
        """Learning rate α."""
        return self.param_groups[0]["lr"]

    @lr.setter
    def lr(self, value: float) -> None:
        check_number("lr", value, 0)
        for group in self.param_groups:
            group["lr"] = value

    def check(self, group: dict[str, Any]) -> None:
        """Refuse options of a group that are out of range."""
        check_number("lr", group["lr"], 0)
        check_number("weight_decay", group["weight_decay"], 0)

    @property
    def device(self) -> Device:
        """Where the parameters live; they may have been moved since."""
        return self.parameters[0].device

    def update(
        self,
        parameters: list,
        gradients: list,
        buffers: dict[str, list],
        step: int,
        group: dict[str, Any],
    ) -> None:
        """Call the kernel for parameters of one group that have all made `step` steps."""
        raise NotImplementedError

    def step(self) -> None:
        """Change all parameters that have a gradient, in place.

        Raises:
            ShapeError, DtypeError: a gradient, or a buffer from earlier steps, is of another shape or type
                than its parameter. Nothing is changed then.
        """
        if self.buffers and self._buffers_elsewhere():
            for buffer in self.buffers.values():
                buffer[:] = [upload(to_host(array), self.device) for array in buffer]
        alike: dict[tuple[int, int], list[int]] = {}  # by group and steps made: some may have had no gradient
        k = 0
        for number, group in enumerate(self.param_groups):
            for p in group["params"]:
                if p.grad is not None:
                    self._check_gradient(k, p)
                    alike.setdefault((number, self.steps[k]), []).append(k)
                k += 1
        for (number, steps), members in alike.items():
            self.update(
                [self.parameters[k].data for k in members],
                [self.parameters[k].grad.data for k in members],  # type: ignore[union-attr]
                {name: [buffer[k] for k in members] for name, buffer in self.buffers.items()},
                steps + 1,
                self.param_groups[number],
            )
            for k in members:
                self.steps[k] += 1
                self.parameters[k]._version.count += 1

    def _check_gradient(self, k: int, p: Tensor) -> None:
        """A kernel would read and write beyond the shortest of a parameter's arrays."""
        g, data = p.grad, p._data
        if not isinstance(g, Tensor):
            raise DtypeError(
                f"Parameter {k} of the optimizer has a {type(g).__name__} as gradient: a Tensor is expected."
            )
        if g._data.shape != data.shape:
            raise ShapeError(
                f"Parameter {k} of the optimizer has shape {data.shape} and its gradient {g.shape}: equal "
                "shapes are expected."
            )
        if g._data.dtype != data.dtype or g.device is not p.device:
            raise DtypeError(
                f"Parameter {k} of the optimizer is {data.dtype} on '{p.device.name}' and its gradient "
                f"{g.dtype} on '{g.device.name}': make them alike."
            )
        for buffer in self.buffers.values():
            if buffer[k].shape != data.shape or buffer[k].dtype != data.dtype:
                raise ShapeError(
                    f"Parameter {k} had shape {buffer[k].shape} and type {buffer[k].dtype} when the "
                    f"optimizer was made, and has {data.shape} and {data.dtype} now: make a new optimizer."
                )

    def _buffers_elsewhere(self) -> bool:
        """Whether the parameters have moved to a card, or away from it, since the buffers were made."""
        first = next(iter(self.buffers.values()))[0]
        return not isinstance(first, self.device.xp.ndarray)

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget all gradients; or let them be 0, with set_to_none=False."""
        for p in self.parameters:
            forget(p, set_to_none)

    def state_dict(self) -> dict[str, Any]:
        """Steps made and buffers, as arrays by name (`mean.0`, `mean.1`, …): ready for a file."""
        arrays = {name: to_host(array) for name, array in self._arrays().items()}
        return {"steps": np.array(self.steps, np.int64), **arrays}

    def _arrays(self) -> dict[str, Any]:
        buffers = self.buffers.items()
        return {f"{name}.{k}": array for name, buffer in buffers for k, array in enumerate(buffer)}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on where `state_dict` was taken.

        Raises:
            CheckpointError: the state is of other parameters or another optimizer.
        """
        if not isinstance(state, dict):
            raise CheckpointError(f"load_state_dict takes what state_dict() gave, got {quote(state)}.")
        own, state = self._arrays(), {name: to_host(array) for name, array in state.items()}
        shapes = {"steps": (len(self.steps),)} | {name: array.shape for name, array in own.items()}
        if shapes != {name: array.shape for name, array in state.items()}:
            raise CheckpointError("The optimizer's state does not fit this model and optimizer.")
        self.steps = [int(n) for n in state["steps"]]
        for name, array in own.items():
            array[...] = upload(state[name], self.device)


class SGD(Optimizer):
    """v ← μ v + (g + λ θ),  θ ← θ − α v    [sgd]; α lr, μ momentum, λ weight_decay.

    `nesterov`: θ ← θ − α (g + λ θ + μ v) instead, a look one step ahead. Source: Sutskever and others 2013.
    """

    buffer_names = ("velocity",)

    def __init__(
        self,
        params: Parameters,
        lr: float = 1e-3,
        momentum: float = 0.0,
        weight_decay: float = 0.0,
        nesterov: bool = False,
    ):
        super().__init__(params, lr=lr, momentum=momentum, weight_decay=weight_decay, nesterov=nesterov)

    def check(self, group: dict[str, Any]) -> None:
        """0 ≤ momentum < 1, and above 0 for Nesterov's."""
        super().check(group)
        check_number("momentum", group["momentum"], 0, below=1)
        if group["nesterov"] and not group["momentum"]:
            raise OptionError("Nesterov's step needs a momentum above 0.")

    def update(
        self, parameters: list, gradients: list, buffers: dict[str, list], step: int, group: dict[str, Any]
    ) -> None:
        """One kernel call; after it, for Nesterov's step, one line."""
        lr, momentum, weight_decay = group["lr"], group["momentum"], group["weight_decay"]
        now = 0.0 if group["nesterov"] else lr
        self.device.kernels.sgd_step(parameters, gradients, buffers["velocity"], now, momentum, weight_decay)
        if group["nesterov"]:
            for theta, g, v in zip(parameters, gradients, buffers["velocity"], strict=True):
                theta -= lr * (g + weight_decay * theta + momentum * v)


class Adam(Optimizer):
    """m ← β₁ m + (1−β₁) g,  s ← β₂ s + (1−β₂) g²,  θ ← θ − α m̂ / (√ŝ + ε)    [adam].

    `weight_decay` λ is added to the gradient, g + λ θ; see AdamW for the decoupled form. `amsgrad`: the
    largest s so far stands for s. Source: Reddi, Kale and Kumar 2018.
    """

    buffer_names: tuple[str, ...] = ("mean", "square")
    decoupled = False

    def __init__(
        self,
        params: Parameters,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        amsgrad: bool = False,
    ):
        if amsgrad:
            self.buffer_names = (*self.buffer_names, "largest")
        self.amsgrad = amsgrad
        super().__init__(params, lr=lr, betas=betas, eps=eps, weight_decay=weight_decay)

    def check(self, group: dict[str, Any]) -> None:
        """0 ≤ betas < 1 and eps ≥ 0."""
        super().check(group)
        if not isinstance(group["betas"], (tuple, list)) or len(group["betas"]) != 2:
            raise OptionError(
                f"betas is {quote(group['betas'])}, expected two numbers, such as (0.9, 0.999)."
            )
        for beta in group["betas"]:
            check_number("betas", beta, 0, below=1)
        check_number("eps", group["eps"], 0)

    def update(
        self, parameters: list, gradients: list, buffers: dict[str, list], step: int, group: dict[str, Any]
    ) -> None:
        """One kernel call; after it, for amsgrad, the step itself."""
        means, squares, (beta1, beta2), lr = buffers["mean"], buffers["square"], group["betas"], group["lr"]
        now = 0.0 if self.amsgrad else lr
        settings = now, beta1, beta2, group["eps"], group["weight_decay"], self.decoupled, step
        self.device.kernels.adam_step(parameters, gradients, means, squares, *settings)
        if not self.amsgrad:
            return
        xp, shrink = self.device.xp, 1 - lr * group["weight_decay"] * self.decoupled
        for theta, m, s, largest in zip(parameters, means, squares, buffers["largest"], strict=True):
            xp.maximum(largest, s, out=largest)
            root = xp.sqrt(largest / (1 - beta2**step)) + group["eps"]
            theta[...] = theta * shrink - lr / (1 - beta1**step) * m / root


class AdamW(Adam):
    """Adam with decoupled weight decay: θ ← θ − α λ θ beside the step, not through m and s    [adam]."""

    decoupled = True

    def __init__(
        self,
        params: Parameters,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.01,
        amsgrad: bool = False,
    ):
        super().__init__(params, lr, betas, eps, weight_decay, amsgrad)
