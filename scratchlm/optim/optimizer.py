"""SGD, Adam and AdamW: one call of a kernel for all parameters together."""

from collections.abc import Iterable
from typing import Any

import numpy as np

from ..device import Device, to_host, upload
from ..errors import CheckpointError, OptionError
from ..nn.module import Parameter

Parameters = Iterable[Parameter] | Iterable[dict[str, Any]]


class Optimizer:
    """Shared by all: the parameters, their gradients, and buffers of the same shapes.

    Parameters come alone, or as PyTorch's groups with a decay of their own, such as
    [{"params": matrices}, {"params": biases, "weight_decay": 0.0}]. Those without a gradient are left alone
    in a step, as in PyTorch.
    """

    buffer_names: tuple[str, ...] = ()

    def __init__(self, parameters: Parameters, lr: float, weight_decay: float):
        self.parameters: list[Parameter] = []
        self.decays: list[float] = []  # one for each parameter
        for member in parameters:
            group: dict[str, Any] = member if isinstance(member, dict) else {"params": [member]}
            if not {"params"} <= group.keys() <= {"params", "weight_decay"}:
                raise OptionError(f"A group has params, and may have weight_decay: got {sorted(group)}.")
            own = list(group["params"])
            self.parameters += own
            self.decays += [group.get("weight_decay", weight_decay)] * len(own)
        if not self.parameters:
            raise OptionError("The optimizer got no parameters: pass model.parameters().")
        if not lr >= 0:
            raise OptionError(f"lr is {lr}, expected a number ≥ 0.")
        self.lr = lr
        self.steps = [0] * len(self.parameters)
        self.buffers = {
            name: [p.device.xp.zeros_like(p.data) for p in self.parameters] for name in self.buffer_names
        }

    @property
    def device(self) -> Device:
        """Where the parameters live; they may have been moved since."""
        return self.parameters[0].device

    def update(
        self, parameters: list, gradients: list, buffers: dict[str, list], step: int, weight_decay: float
    ) -> None:
        """Call the kernel for parameters that have all made `step` steps."""
        raise NotImplementedError

    def step(self) -> None:
        """Change all parameters that have a gradient, in place."""
        if self.buffers and self._buffers_elsewhere():
            for buffer in self.buffers.values():
                buffer[:] = [upload(to_host(array), self.device) for array in buffer]
        groups: dict[tuple[int, float], list[int]] = {}  # by steps made (some may have had no gradient)
        for k, p in enumerate(self.parameters):
            if p.grad is not None:
                self.steps[k] += 1
                groups.setdefault((self.steps[k], self.decays[k]), []).append(k)
        for (step, weight_decay), members in groups.items():
            self.update(
                [self.parameters[k].data for k in members],
                [self.parameters[k].grad.data for k in members],  # type: ignore[union-attr]
                {name: [buffer[k] for k in members] for name, buffer in self.buffers.items()},
                step,
                weight_decay,
            )
            for k in members:
                self.parameters[k]._version.count += 1

    def _buffers_elsewhere(self) -> bool:
        """Whether the parameters have moved to a card, or away from it, since the buffers were made."""
        first = next(iter(self.buffers.values()))[0]
        return not isinstance(first, self.device.xp.ndarray)

    def zero_grad(self) -> None:
        """Forget all gradients."""
        for p in self.parameters:
            p.grad = None

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
        own, state = self._arrays(), {name: to_host(array) for name, array in state.items()}
        shapes = {"steps": (len(self.steps),)} | {name: array.shape for name, array in own.items()}
        if shapes != {name: array.shape for name, array in state.items()}:
            raise CheckpointError("The optimizer's state does not fit this model and optimizer.")
        self.steps = [int(n) for n in state["steps"]]
        for name, array in own.items():
            array[...] = upload(state[name], self.device)


class SGD(Optimizer):
    """v ← μ v + (g + λ θ),  θ ← θ − α v    [sgd]; α lr, μ momentum, λ weight_decay."""

    buffer_names = ("velocity",)

    def __init__(
        self,
        parameters: Parameters,
        lr: float = 1e-3,
        momentum: float = 0.0,
        weight_decay: float = 0.0,
    ):
        super().__init__(parameters, lr, weight_decay)
        if not 0 <= momentum < 1 or not weight_decay >= 0:
            raise OptionError(
                f"SGD needs 0 ≤ momentum < 1 and weight_decay ≥ 0, got {momentum} and {weight_decay}."
            )
        self.momentum = momentum

    def update(
        self, parameters: list, gradients: list, buffers: dict[str, list], step: int, weight_decay: float
    ) -> None:
        """One kernel call."""
        self.device.kernels.sgd_step(
            parameters, gradients, buffers["velocity"], self.lr, self.momentum, weight_decay
        )


class Adam(Optimizer):
    """m ← β₁ m + (1−β₁) g,  s ← β₂ s + (1−β₂) g²,  θ ← θ − α m̂ / (√ŝ + ε)    [adam].

    `weight_decay` λ is added to the gradient, g + λ θ; see AdamW for the decoupled form.
    """

    buffer_names = ("mean", "square")
    decoupled = False

    def __init__(
        self,
        parameters: Parameters,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
    ):
        super().__init__(parameters, lr, weight_decay)
        if not all(0 <= beta < 1 for beta in betas) or not eps >= 0 or not weight_decay >= 0:
            raise OptionError(
                f"Adam needs 0 ≤ betas < 1, eps ≥ 0 and weight_decay ≥ 0, got {betas}, {eps}, {weight_decay}."
            )
        self.betas = betas
        self.eps = eps

    def update(
        self, parameters: list, gradients: list, buffers: dict[str, list], step: int, weight_decay: float
    ) -> None:
        """One kernel call."""
        means, squares = buffers["mean"], buffers["square"]
        settings = self.lr, *self.betas, self.eps, weight_decay, self.decoupled, step
        self.device.kernels.adam_step(parameters, gradients, means, squares, *settings)


class AdamW(Adam):
    """Adam with decoupled weight decay: θ ← θ − α λ θ beside the step, not through m and s    [adam]."""

    decoupled = True

    def __init__(
        self,
        parameters: Parameters,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.01,
    ):
        super().__init__(parameters, lr, betas, eps, weight_decay)


def clip_grad_norm_(parameters: Iterable[Parameter], max_norm: float) -> float:
    """Scale all gradients by max_norm / ‖g‖ where ‖g‖ is larger; return ‖g‖ before    [gradient_norm].

    ‖g‖ is the length of all gradients taken as one vector. Source: Pascanu, Mikolov, Bengio 2013. Where ‖g‖
    is not finite nothing is scaled: the caller sees it in the returned number. On a card that number costs
    one wait for all of backward; to scale without looking would cost a pass over all gradients.
    """
    gradients = [p.grad for p in parameters if p.grad is not None]
    if not gradients:
        return 0.0
    norm = float(to_host(gradients[0].device.kernels.gradient_norm([g.data for g in gradients])))
    if max_norm < norm < float("inf"):
        for g in gradients:
            g.data *= max_norm / (norm + 1e-6)
    return norm
