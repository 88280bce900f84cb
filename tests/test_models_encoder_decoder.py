"""EncoderDecoder: gradients, decoding, PyTorch's LSTMs with the same weights, and that it learns to copy."""

import numpy as np
import pytest

import scratchlm as sl
from scratchlm import optim
from scratchlm.errors import OptionError
from scratchlm.models import EncoderDecoder

from .model_checks import check_decoding, check_devices, check_gradients, check_select
from .tolerance import same, through

ATTENTIONS = ["none", "additive", "multiplicative"]
V = 7


@pytest.fixture(params=ATTENTIONS)
def attention(request):
    return request.param


@pytest.fixture(params=[(False, False), (True, False), (False, True), (True, True)], ids=str)
def options(request):
    return {"reverse_source": request.param[0], "feed_context": request.param[1]}


def batch(rng, B=3, S=4, T=5):
    """Source, inputs and targets; one target does not count."""
    source, inputs, targets = (rng.integers(0, V, (B, n)) for n in (S, T, T))
    targets[0, -1] = -100
    return source, inputs, targets


def test_gradients(rng, attention, options):
    layers = 2 if all(options.values()) else 1  # two alone with everything else that can be added
    model = EncoderDecoder(V, 2, 3, layers, attention, **options)
    example = batch(rng, 2, 3, 2)
    check_gradients(model, lambda: model.loss(*example))


def test_gradients_of_free_running(rng, attention):
    model = EncoderDecoder(V, 2, 3, 1, attention, feed_context=True)
    example = batch(rng, 2, 3, 3)
    check_gradients(model, lambda: model.loss(*example, teacher_forcing=False))


def test_decoding_by_steps_and_selected_states(device, rng, attention, options):
    model = EncoderDecoder(V, 6, 8, 2, attention, **options, dropout=0.5).eval()
    source, inputs, _ = batch(rng)
    with sl.no_grad():
        state = model.start(source)
    check_decoding(model, inputs, state)
    check_select(model, inputs, state)


def test_devices_agree(rng, attention):
    example = batch(rng)
    for forced in (True, False):
        check_devices(
            lambda: EncoderDecoder(V, 6, 8, 2, attention, True, True, dropout=0.3),
            lambda model, forced=forced: model.loss(*example, teacher_forcing=forced),
        )


def test_loss_is_the_mean_over_counted_tokens_of_forwards_logits(device, rng, attention, options):
    model = EncoderDecoder(V, 6, 8, 1, attention, **options)
    source, inputs, targets = batch(rng)
    log_p = model(inputs, model.start(source))[0].log_softmax().numpy()
    counted = targets != -100
    rows, steps = np.nonzero(counted)
    expected = -log_p[rows, steps, targets[counted]].mean()
    assert model.loss(source, inputs, targets).item() == pytest.approx(expected, abs=through(model, 9))


def test_free_running_reads_its_own_greedy_choices(device, rng, attention, options):
    model = EncoderDecoder(V, 6, 8, 1, attention, **options)
    for parameter in model.parameters():
        parameter.data *= 5  # so that the choices do not stand still
    source, inputs, targets = batch(rng)
    own = inputs[:, :1]
    for _ in range(4):
        logits, _ = model(own, model.start(source))
        own = np.concatenate([own, logits.numpy()[:, -1:].argmax(axis=2)], axis=1)
    assert len(np.unique(own[:, 1:])) > 1
    found = model.loss(source, inputs, targets, teacher_forcing=False).item()
    assert found == pytest.approx(model.loss(source, own, targets).item(), abs=through(model, 9))
    other = np.concatenate([inputs[:, :1], (inputs[:, 1:] + 1) % V], axis=1)  # later inputs are not read
    assert model.loss(source, other, targets, teacher_forcing=False).item() == found
    assert abs(model.loss(source, other, targets).item() - found) > 1e-4


def test_an_encoder_that_reads_both_ways(rng, attention):
    model = EncoderDecoder(V, 3, 4, 2, attention, bidirectional=True)
    source, inputs, targets = batch(rng)
    check_gradients(model, lambda: model.loss(source, inputs, targets))
    with sl.no_grad():
        state = model.start(source)
        outputs = model.encoder(model.embedding(source.T))[0].numpy()  # (S, B, H)
    ends = np.concatenate([outputs[-1, :, :2], outputs[0, :, 2:]], axis=1)  # the last step of each direction
    same(state.h[-1].numpy(), ends, through(model, 2))
    check_decoding(model, inputs, state)
    check_select(model, inputs, state)
    changed = source.copy()
    changed[:, -1] = (changed[:, -1] + 1) % V
    first = model.encoder(model.embedding(changed.T))[0].numpy()[0]
    assert np.abs(first - outputs[0]).max() > 1e-4  # the first step knows the last token
    with pytest.raises(OptionError, match="hidden_size is 3, but two directions share it"):
        EncoderDecoder(V, 3, 3, bidirectional=True)


def test_a_reversed_source_is_the_source_read_backwards(device, rng, attention):
    sl.manual_seed(1)
    plain = EncoderDecoder(V, 6, 8, 1, attention)
    sl.manual_seed(1)
    reverse = EncoderDecoder(V, 6, 8, 1, attention, reverse_source=True)
    source, inputs, targets = batch(rng)
    backwards = source[:, ::-1].copy()
    found = reverse.loss(source, inputs, targets).item()
    assert found == pytest.approx(plain.loss(backwards, inputs, targets).item(), abs=through(plain, 9))
    assert abs(found - plain.loss(source, inputs, targets).item()) > 1e-4
    if attention != "none":
        expected = plain.weights(backwards, inputs)[:, :, ::-1]  # in the order of the source as it was given
        same(reverse.weights(source, inputs), expected, through(plain, 9))


def plain_weights(model, source, inputs):
    """The scores as on the page, from the parameters, one pair of steps after the other."""
    memory = model.encoder(model.embedding(source.T))[0].numpy()  # (S, B, H)
    h = model.step(inputs, model.start(source))[0].numpy()  # (T, B, H)
    key = model.key.weight.numpy()
    scores = np.zeros((source.shape[0], inputs.shape[1], source.shape[1]))
    for b, t, s in np.ndindex(*scores.shape):
        if model.attention == "multiplicative":
            scores[b, t, s] = h[t, b] @ key @ memory[s, b]
        else:
            hidden = np.tanh(model.query.weight.numpy() @ h[t, b] + key @ memory[s, b])
            scores[b, t, s] = model.score.numpy() @ hidden
    e = np.exp(scores)
    return e / e.sum(axis=2, keepdims=True), memory, h


@pytest.mark.parametrize("kind", ["additive", "multiplicative"])
def test_attention_is_the_papers(device, rng, kind):
    model = EncoderDecoder(V, 6, 8, 1, kind)
    for parameter in model.parameters():
        parameter.data *= 2  # more to differ
    source, inputs, _ = batch(rng)
    p, memory, h = plain_weights(model, source, inputs)
    assert np.abs(p - 1 / 4).max() > 0.02  # not all the same
    same(model.weights(source, inputs), p, through(model, 9))
    seen = np.concatenate([np.einsum("bts,sbh->tbh", p, memory), h], axis=2)
    y = np.tanh(seen @ model.combine.weight.numpy().T + model.combine.bias.numpy())
    logits = y @ model.head.weight.numpy().T + model.head.bias.numpy()
    found = model(inputs, model.start(source))[0].numpy()
    same(found, logits.swapaxes(0, 1), through(model, 9))


def test_weights_leave_the_mode_alone_and_have_no_dropout(rng):
    model = EncoderDecoder(V, 6, 8, dropout=0.9)
    source, inputs, _ = batch(rng)
    assert np.array_equal(model.weights(source, inputs), model.weights(source, inputs))
    assert model.training


def test_it_is_pytorchs_two_lstms(device, rng, options):
    """Built from torch.nn's parts with the same weights: loss and gradients."""
    torch = pytest.importorskip("torch", reason="PyTorch is not installed (pip install torch)")
    model, (source, inputs, targets) = EncoderDecoder(V, 6, 8, 2, "none", **options), batch(rng)
    extra = 8 if options["feed_context"] else 0
    peer = torch.nn.ModuleDict(
        {
            "embedding": torch.nn.Embedding(V, 6),
            "encoder": torch.nn.LSTM(6, 8, 2, batch_first=True),
            "decoder": torch.nn.LSTM(6 + extra, 8, 2, batch_first=True),
            "head": torch.nn.Linear(8 + extra, V),
        }
    )
    peer.load_state_dict({name: torch.from_numpy(a.copy()) for name, a in model.state_dict().items()})
    read = torch.from_numpy(source)
    _, state = peer["encoder"](peer["embedding"](read.flip(1) if options["reverse_source"] else read))
    x, context = peer["embedding"](torch.from_numpy(inputs)), state[0][-1][:, None].expand(-1, 5, -1)
    h, _ = peer["decoder"](torch.cat([x, context], 2) if extra else x, state)
    logits = peer["head"](torch.cat([h, context], 2) if extra else h)
    expected = torch.nn.functional.cross_entropy(logits.flatten(0, 1), torch.from_numpy(targets).flatten())
    expected.backward()
    loss = model.loss(source, inputs, targets)
    loss.backward()
    assert loss.item() == pytest.approx(expected.item(), abs=through(model, 9))
    gradients = {name: p.grad.numpy() for name, p in peer.named_parameters()}
    for name, parameter in model.named_parameters():
        same(parameter.grad.numpy(), gradients[name], through(model, 9, back=True), name)


def greedy(model, source, start, steps):
    with sl.no_grad():
        ids, state, written = np.full((len(source), 1), start), model.start(source), []
        for _ in range(steps):
            logits, state = model(ids, state)
            ids = logits.numpy().argmax(axis=2)
            written.append(ids)
    return np.concatenate(written, axis=1)


@pytest.mark.parametrize("backwards", [False, True], ids=["copy", "reverse"])
def test_it_learns_to_copy_and_to_reverse(rng, attention, options, backwards):
    sl.manual_seed(0)
    model = EncoderDecoder(V, 8, 32, 1, attention, **options, device="cpu")
    optimizer = optim.Adam(model.parameters(), lr=0.02)
    every = np.stack(np.meshgrid(*[np.arange(1, V)] * 3), axis=-1).reshape(-1, 3)  # 216 sources of 3 tokens
    wanted = every[:, ::-1] if backwards else every
    inputs = np.concatenate([np.zeros_like(wanted[:, :1]), wanted[:, :-1]], axis=1)  # 0 starts
    for _ in range(150):
        rows = rng.integers(0, len(every), 32)
        optimizer.zero_grad()
        model.loss(every[rows], inputs[rows], wanted[rows]).backward()
        optim.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
    assert (greedy(model, every, 0, 3) == wanted).all(axis=1).mean() > 0.9


# ---------------------------------------------------------------- refusals
def test_refusals(rng):
    source, inputs, _ = batch(rng)
    with pytest.raises(OptionError, match=r"'dot', expected one of none, additive, multiplicative\."):
        EncoderDecoder(V, attention="dot")
    model = EncoderDecoder(V, 4, 4, attention="none")
    with pytest.raises(OptionError, match=r"begin with state = model\.start\(source\)"):
        model(inputs)
    with pytest.raises(OptionError, match="has no attention"):
        model.weights(source, inputs)
    with pytest.raises(sl.ScratchLMError, match=r"\(1, 3, 4\), got \(1, 2, 4\)"):
        model.loss(source[:2], inputs, inputs)
