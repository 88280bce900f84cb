"""What every model is held to: gradients, decoding by steps, reordered states, equal devices."""

import numpy as np

import scratchlm as sl
from scratchlm.debugger import gradcheck

from .tolerance import same, through


def used_parameters(model, unused):
    """All but those whose name starts with `unused`."""
    return [p for name, p in model.named_parameters() if not (unused and name.startswith(unused))]


def check_gradients(model, loss, unused=""):
    """Backward of `loss()` beside differences in float64, for every parameter that is used."""
    parameters = used_parameters(model, unused)
    for parameter in model.parameters():
        parameter.data = parameter.data.astype(np.float64)
    gradcheck(lambda *_: loss(), parameters)
    assert all(np.abs(p.grad.numpy()).max() > 0 for p in parameters), "a parameter without effect on the loss"


def leaves(state):
    """The tensors and arrays in a state, whatever it is made of."""
    if state is None:
        return []
    return [leaf for part in state for leaf in leaves(part)] if isinstance(state, tuple | list) else [state]


def check_decoding(model, ids, state):
    """Logits of ids (B, T) read at once, in two parts and one by one are equal, and so are the states."""
    bound = through(model, ids.shape[1])
    with sl.no_grad():
        whole, last = model(ids, state)
        for cuts in ([2], range(1, ids.shape[1])):
            now, parts = state, []
            for part in np.split(ids, cuts, axis=1):
                logits, now = model(part, now)
                parts.append(logits.numpy())
            same(np.concatenate(parts, axis=1), whole.numpy(), bound)
            for one, other in zip(leaves(now), leaves(last), strict=True):
                same(one, other, bound)


def check_select(model, ids, state):
    """Rows of a state go on as they would have gone on alone; a row may be taken twice or not at all."""
    rows = np.array([2, 0, 0, 1, 2])
    with sl.no_grad():
        _, state = model(ids, state)
        expected, _ = model(ids, state)
        found, _ = model(ids[rows], model.select(state, rows))
    same(found.numpy(), expected.numpy()[rows], through(model, 2 * ids.shape[1]))
    assert np.abs(np.diff(expected.numpy(), axis=0)).max() > 1e-3  # the rows differ


def check_devices(make, loss, unused="", length=10):
    """Loss and gradients of `make()` are the same with the reference and the cpu kernels, on short texts."""
    results = []
    for device in ("reference", "cpu"):
        sl.manual_seed(0)
        with sl.use_device(device):
            model = make()
            value = loss(model)
            value.backward()
            results.append([value.item(), *(p.grad.numpy() for p in used_parameters(model, unused))])
    bounds = [through(model, length)] + [through(model, length, back=True)] * (len(results[0]) - 1)
    for one, other, bound in zip(*results, bounds, strict=True):
        same(one, other, bound)
