"""Recurrent layers and cells held to PyTorch's: without biases, for several lengths, for empty batches."""

import numpy as np
import pytest

import scratchlm as sl
from scratchlm import nn
from scratchlm.errors import OptionError, ShapeError

from .tolerance import same, through

D, H, T, B = 3, 4, 6, 5
X = np.random.default_rng(7).standard_normal((T, B, D)).astype(np.float32)
LENGTHS = np.array([3, 6, 1, 3, 5])

LAYERS = {
    "lstm": lambda m, **o: m.LSTM(D, H, **o),
    "lstm without bias": lambda m, **o: m.LSTM(D, H, 2, bias=False, **o),
    "lstm both ways": lambda m, **o: m.LSTM(D, H, 2, bidirectional=True, **o),
    "lstm projected": lambda m, **o: m.LSTM(D, H, 2, proj_size=2, bidirectional=True, **o),
    "gru": lambda m, **o: m.GRU(D, H, **o),
    "gru without bias": lambda m, **o: m.GRU(D, H, bias=False, **o),
    "gru both ways": lambda m, **o: m.GRU(D, H, 2, bidirectional=True, **o),
    "rnn": lambda m, **o: m.RNN(D, H, 2, **o),
    "rnn relu": lambda m, **o: m.RNN(D, H, 2, "relu", bidirectional=True, **o),
    "rnn without bias": lambda m, **o: m.RNN(D, H, bias=False, nonlinearity="tanh", **o),
}
CELLS = {
    "lstm": lambda m: m.LSTMCell(D, H),
    "lstm without bias": lambda m: m.LSTMCell(D, H, bias=False),
    "gru": lambda m: m.GRUCell(D, H),
    "gru without bias": lambda m: m.GRUCell(D, H, bias=False),
    "rnn": lambda m: m.RNNCell(D, H),
    "rnn relu": lambda m: m.RNNCell(D, H, nonlinearity="relu"),
    "rnn without bias": lambda m: m.RNNCell(D, H, False, "tanh"),
}


def flat(result):
    return [result] if not isinstance(result, tuple) else [leaf for part in result for leaf in flat(part)]


def both(make):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed (pip install torch)")
    torch.manual_seed(2)
    ours, theirs = make(nn), make(torch.nn)
    assert ours.state_dict().keys() == theirs.state_dict().keys()
    ours.load_state_dict(theirs.state_dict())
    return ours, theirs, torch


def start(ours, layers, batch=B):
    """A drawn state: h, or h and c."""
    drawn = np.random.default_rng(8).standard_normal((2, *layers, batch, H)).astype(np.float32)
    width = getattr(ours, "proj_size", 0) or H
    return (drawn[0, ..., :width], drawn[1]) if isinstance(ours, nn.LSTM | nn.LSTMCell) else drawn[0]


def given(state, make):
    return tuple(map(make, state)) if isinstance(state, tuple) else make(state)


def compare(ours, theirs, x, found, peer, expected):
    """Outputs, and the gradients of their weighted sum with regard to input and parameters."""
    found, expected = flat(found), flat(expected)
    assert len(found) == len(expected)
    total = total_expected = 0
    for k, (one, other) in enumerate(zip(found, expected, strict=True)):
        same(one.numpy(), other.detach().numpy(), through(ours, T), f"output {k}")
        slope = np.random.default_rng(k).standard_normal(one.shape).astype(np.float32)
        total = total + (one * slope).sum()
        total_expected = total_expected + (other * other.new_tensor(slope)).sum()
    total.backward()
    total_expected.backward()
    bound = T * B * through(ours, T, back=True)
    same(x.grad.numpy(), peer.grad.numpy(), bound, "input")
    for (name, p), q in zip(ours.named_parameters(), theirs.parameters(), strict=True):
        same(p.grad.numpy(), q.grad.numpy(), bound, name)


@pytest.mark.parametrize("with_state", [False, True], ids=["from zero", "from a state"])
@pytest.mark.parametrize("name", CELLS)
@pytest.mark.parametrize("alone", [False, True], ids=["of a batch", "of one row"])
def test_cells_are_pytorchs(name, alone, with_state, device):
    ours, theirs, torch = both(CELLS[name])
    rows = X[0, 0] if alone else X[0]
    x, peer = sl.tensor(rows, requires_grad=True), torch.tensor(rows, requires_grad=True)
    state = start(ours, ())
    if alone:
        state = given(state, lambda h: h[0])
    extra = ([given(state, sl.tensor)], [given(state, torch.tensor)]) if with_state else ([], [])
    compare(ours, theirs, x, ours(x, *extra[0]), peer, theirs(peer, *extra[1]))


@pytest.mark.parametrize("with_state", [False, True], ids=["from zero", "from a state"])
@pytest.mark.parametrize("name", LAYERS)
def test_layers_are_pytorchs(name, with_state, device):
    ours, theirs, torch = both(LAYERS[name])
    x, peer = sl.tensor(X, requires_grad=True), torch.tensor(X, requires_grad=True)
    state = start(ours, (ours.num_layers * len(ours.directions),))
    extra = ([given(state, sl.tensor)], [given(state, torch.tensor)]) if with_state else ([], [])
    compare(ours, theirs, x, ours(x, *extra[0]), peer, theirs(peer, *extra[1]))


@pytest.mark.parametrize("name", CELLS)
def test_a_cell_takes_one_step(name):
    with pytest.raises(ShapeError, match=r"Cell takes an input \(batch, .*\), got \(6, 5, 3\)"):
        CELLS[name](nn)(sl.tensor(X))


# ---------------------------------------------------------------- sequences of several lengths
@pytest.mark.parametrize("batch_first", [False, True])
@pytest.mark.parametrize("name", LAYERS)
def test_lengths_are_pytorchs_packed_sequences(name, batch_first, device):
    ours, theirs, torch = both(lambda m: LAYERS[name](m, batch_first=batch_first))
    array = X.swapaxes(0, 1) if batch_first else X
    x, peer = sl.tensor(array, requires_grad=True), torch.tensor(array, requires_grad=True)
    state = start(ours, (ours.num_layers * len(ours.directions),))
    rnn = torch.nn.utils.rnn
    packed = rnn.pack_padded_sequence(peer, torch.tensor(LENGTHS), batch_first, enforce_sorted=False)
    y, last = theirs(packed, given(state, torch.tensor))
    expected = rnn.pad_packed_sequence(y, batch_first)[0], last
    compare(ours, theirs, x, ours(x, given(state, sl.tensor), LENGTHS), peer, expected)


@pytest.mark.parametrize("name", LAYERS)
def test_padding_does_not_count(name, device):
    layer = LAYERS[name](nn).eval()
    other = X.copy()
    for b, length in enumerate(LENGTHS):
        other[length:, b] = np.nan  # nobody reads it
    y, last = layer(sl.tensor(other), lengths=LENGTHS)
    for b, length in enumerate(LENGTHS):
        alone, state = layer(sl.tensor(X[:length, b : b + 1]))
        same(y.numpy()[:length, b], alone.numpy()[:, 0], through(layer, T))
        assert not y.numpy()[length:, b].any()
        for part, expected in zip(flat(last), flat(state), strict=True):
            same(part.numpy()[:, b], expected.numpy()[:, 0], through(layer, T))


@pytest.mark.parametrize("all_short", [False, True])
def test_lengths_that_are_all_the_same(all_short, device):
    layer, n = nn.LSTM(D, H, bidirectional=True), 4 if all_short else T
    y, (h, c) = layer(sl.tensor(X), lengths=[n] * B)
    expected, (h_expected, c_expected) = layer(sl.tensor(X[:n]))
    assert np.array_equal(y.numpy()[:n], expected.numpy())
    assert not y.numpy()[n:].any()
    assert np.array_equal(h.numpy(), h_expected.numpy())
    assert np.array_equal(c.numpy(), c_expected.numpy())


@pytest.mark.parametrize(
    "lengths", [[1, 2], [0, 1, 2, 3, 4], [1, 2, 3, 4, 7], [1.0] * 5, [[1] * 5], 3], ids=str
)
def test_lengths_that_do_not_fit_are_refused(lengths, device):
    with pytest.raises(ShapeError, match="takes lengths from 1 to 6, one for each of 5 sequences, got"):
        nn.GRU(D, H)(sl.tensor(X), lengths=lengths)


# ---------------------------------------------------------------- empty batches, no steps, sizes
@pytest.mark.parametrize("lengths", [None, []])
@pytest.mark.parametrize("name", LAYERS)
def test_an_empty_batch_has_outputs_and_gradients(name, lengths, device):
    layer = LAYERS[name](nn)
    lengths = None if lengths is None else np.array(lengths, int)
    y, state = layer(sl.tensor(X[:, :0]), lengths=lengths)
    width = getattr(layer, "proj_size", 0) or H
    assert y.shape == (T, 0, width * len(layer.directions))
    assert {part.shape[:2] for part in flat(state)} == {(layer.num_layers * len(layer.directions), 0)}
    assert [part.shape[2] for part in flat(state)] == [width, H][: len(flat(state))]
    y.sum().backward()
    assert not any(p.grad.numpy().any() for p in layer.parameters())


@pytest.mark.parametrize("name", LAYERS)
def test_no_steps_are_refused(name, device):
    with pytest.raises(ShapeError, match="reads at least one time step, got none"):
        LAYERS[name](nn)(sl.tensor(X[:0]))


@pytest.mark.parametrize("size", [0, -1, 2.0], ids=repr)
@pytest.mark.parametrize("kind", ["LSTM", "GRU", "RNN", "LSTMCell", "GRUCell", "RNNCell"])
def test_sizes_that_are_none_are_refused(kind, size):
    make = getattr(nn, kind)
    with pytest.raises(OptionError, match=r"input_size is .*expected a whole number from 1 on"):
        make(size, 2)
    with pytest.raises(OptionError, match=r"hidden_size is .*expected a whole number from 1 on"):
        make(2, size)
    if "Cell" not in kind:
        with pytest.raises(OptionError, match=r"num_layers is .*expected a whole number from 1 on"):
            make(2, 2, size)


@pytest.mark.parametrize("size", [H, -1, 2.0], ids=repr)
def test_a_projection_that_does_not_fit_is_refused(size):
    with pytest.raises(OptionError, match=r"proj_size is .*expected"):
        nn.LSTM(D, H, proj_size=size)
    with pytest.raises(OptionError, match="GRU has no projection: proj_size is for LSTM"):
        nn.GRU(D, H, proj_size=2)


def test_a_state_of_other_parts_is_refused(device):
    h = sl.zeros(1, B, H)
    with pytest.raises(ShapeError, match="LSTM takes its state as 2 tensors, got 3"):
        nn.LSTM(D, H)(sl.tensor(X), (h, h, h))
    with pytest.raises(ShapeError, match=r"expects the state as .* = \(1, 5, 2\), got \(1, 5, 4\)"):
        nn.LSTM(D, H, proj_size=2)(sl.tensor(X), (h, h))


def test_an_unknown_nonlinearity_is_refused(device):
    with pytest.raises(OptionError, match="nonlinearity is 'gelu', expected one of tanh, relu"):
        nn.RNN(D, H, nonlinearity="gelu")(sl.tensor(X))
