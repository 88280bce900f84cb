"""SequenceAutoencoder and TextVAE: gradients, decoding, the bound beside a direct computation."""

import numpy as np
import pytest

import scratchlm as sl
from scratchlm import optim
from scratchlm.errors import OptionError
from scratchlm.models import SequenceAutoencoder, TextVAE, active_units

from .model_checks import check_decoding, check_devices, check_gradients, check_select
from .tolerance import same, through

V = 7
MODELS = {
    "autoencoder": lambda: SequenceAutoencoder(V, 5, 8, 3, dropout=0.5),
    "vae": lambda: TextVAE(V, 5, 8, 3, word_dropout=0.5),
}


@pytest.fixture(params=MODELS)
def make(request):
    return MODELS[request.param]


def batch(rng, B=3, S=4, T=5):
    """Source, inputs and targets; one target does not count. No inputs are 0, the unknown token."""
    source, inputs, targets = (rng.integers(1, V, (B, n)) for n in (S, T, T))
    targets[0, -1] = -100
    return source, inputs, targets


# ---------------------------------------------------------------- both
def test_gradients_of_the_autoencoder(rng):
    model, example = SequenceAutoencoder(V, 2, 3, 2), batch(rng, 2, 3, 2)
    check_gradients(model, lambda: model.loss(*example))


def test_gradients_of_the_vae_with_noise_and_word_dropout(rng):
    model, example = TextVAE(V, 2, 3, 2, word_dropout=0.5), batch(rng, 2, 3, 3)

    def loss():
        sl.manual_seed(3)  # the same ε and the same words each time
        return model.loss(*example, beta=0.7, free_bits=0.01)

    check_gradients(model, loss)


def test_decoding_by_steps_and_selected_states(device, rng, make):
    model, (source, inputs, _) = make().eval(), batch(rng)
    with sl.no_grad():
        state = model.start(source)
    check_decoding(model, inputs, state)
    check_select(model, inputs, state)


def test_devices_agree(rng, make):
    example = batch(rng)
    check_devices(make, lambda model: model.loss(*example))


def test_the_code_is_all_that_the_decoder_knows(device, rng, make):
    model, (source, inputs, _) = make().eval(), batch(rng)
    code = model.encode_code(source)
    assert code.shape == (3, 3)
    expected = model(inputs, model.start(source))[0].numpy()
    for again in (code, code.numpy(), code.numpy().tolist()):
        same(model(inputs, model.start_from(again))[0].numpy(), expected, through(model, 9))
    assert np.abs(model(inputs, model.start_from(code + 1))[0].numpy() - expected).max() > 1e-2
    with pytest.raises(OptionError, match=r"model\.start\(source\), or model\.start_from\(code\)"):
        model(inputs)


def test_the_decoder_is_the_formula(device, rng):
    """h_0 linear in the code, c_0 = 0, the code beside each token: by the layers themselves."""
    model, (_, inputs, _) = SequenceAutoencoder(V, 5, 8, 3), batch(rng)
    code = rng.standard_normal((3, 3)).astype(np.float32)
    h = sl.tensor(code @ model.initial.weight.numpy().T + model.initial.bias.numpy())  # (B, H)
    x = np.concatenate([model.embedding.weight.numpy()[inputs], np.repeat(code[:, None], 5, axis=1)], axis=2)
    c = sl.tensor(np.zeros((1, 3, 8), np.float32))
    y, _ = model.decoder(sl.tensor(x.swapaxes(0, 1).copy()), (h.unsqueeze(0), c))
    expected = model.head(y).numpy().swapaxes(0, 1)
    same(model(inputs, model.start_from(code))[0].numpy(), expected, through(model, 5))


def test_the_autoencoders_loss_is_the_mean_over_counted_tokens(device, rng):
    model, (source, inputs, targets) = SequenceAutoencoder(V, 5, 8, 3), batch(rng)
    log_p = model(inputs, model.start(source))[0].log_softmax().numpy()
    rows, steps = np.nonzero(targets != -100)
    expected = -log_p[rows, steps, targets[rows, steps]].mean()
    assert model.loss(source, inputs, targets).item() == pytest.approx(expected, abs=through(model, 9))


@pytest.mark.parametrize("kind", [SequenceAutoencoder, TextVAE])
def test_it_learns_to_write_its_source_again(rng, kind):
    sl.manual_seed(0)
    model = kind(V, 8, 32, 8, device="cpu")
    optimizer = optim.Adam(model.parameters(), lr=0.02)
    every = np.stack(np.meshgrid(*[np.arange(1, V)] * 2), axis=-1).reshape(-1, 2)  # 36 sources of 2 tokens
    inputs = np.concatenate([np.zeros_like(every[:, :1]), every[:, :-1]], axis=1)  # 0 starts
    options = {"beta": 0.01} if kind is TextVAE else {}
    for _ in range(150):
        optimizer.zero_grad()
        model.loss(every, inputs, every, **options).backward()
        optimizer.step()
    model.eval()
    first, state = model(inputs[:, :1], model.start(every))
    second, _ = model(first.numpy().argmax(axis=2), state)
    written = np.concatenate([first.numpy(), second.numpy()], axis=1).argmax(axis=2)
    assert (written == every).all(axis=1).mean() > 0.9
    if kind is TextVAE:
        assert active_units(model.encode_code(every).numpy()) >= 2


# ---------------------------------------------------------------- the bound
def test_kl_is_torch_distributions(device, rng):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed (pip install torch)")
    model, example = TextVAE(V, 5, 8, 3), batch(rng)
    for layer in (model.code, model.log_variance):
        layer.weight.data *= 5
    mean, log_variance = (torch.from_numpy(part.numpy()) for part in model.posterior(example[0]))
    normal = torch.distributions.Normal
    each = torch.distributions.kl_divergence(normal(mean, (log_variance / 2).exp()), normal(0.0, 1.0))
    kl = model.parts(*example).kl
    same(kl.numpy(), each.mean(0).numpy(), through(model, 9))
    assert kl.shape == (3,)
    assert (kl.numpy() > 0).all()


def test_the_bound_is_a_direct_computation(device, rng):
    """With the ε that the engine draws: −log p(x|z), token by token, and KL out of its definition."""
    model, (source, inputs, targets) = TextVAE(V, 5, 8, 3), batch(rng)
    sl.manual_seed(9)
    reconstruction, kl, tokens = model.parts(source, inputs, targets)
    noise = np.random.default_rng(9).standard_normal((3, 3))
    mean, log_variance = (part.numpy() for part in model.posterior(source))
    z = mean + np.exp(log_variance / 2) * noise
    log_p = model(inputs, model.start_from(z.astype(np.float32)))[0].log_softmax().numpy()
    rows, steps = np.nonzero(targets != -100)
    assert tokens == len(rows) == 14
    nats = -log_p[rows, steps, targets[rows, steps]].sum()
    assert reconstruction.item() == pytest.approx(nats / 3, abs=5 * through(model, 9))  # sums over 5 tokens
    drawn = mean + np.exp(log_variance / 2) * rng.standard_normal((200_000, 3, 3))
    log_q = -((drawn - mean) ** 2) / (2 * np.exp(log_variance)) - log_variance / 2
    monte_carlo = (log_q + drawn**2 / 2).mean(axis=(0, 1))  # E_q[ln q − ln p] for each dimension
    np.testing.assert_allclose(kl.numpy(), monte_carlo, atol=5e-3)  # of 600,000 draws: statistics
    for beta, free in ((1.0, 0.0), (0.5, 0.0), (2.0, 0.02), (1.0, 100.0)):
        sl.manual_seed(9)
        expected = reconstruction.item() + beta * np.maximum(kl.numpy(), free).sum()
        assert model.loss(source, inputs, targets, beta, free).item() == pytest.approx(
            expected, abs=5 * through(model, 9)
        )


def test_the_loss_with_beta_1_bounds_the_likelihood_from_above(rng):
    """−ln p(x) by importance sampling with many draws is below the bound."""
    model = TextVAE(V, 5, 8, 2)
    for layer in (model.code, model.log_variance, model.initial):
        layer.weight.data *= 5
    source, inputs, targets = (a[1:2] for a in batch(rng))
    mean, log_variance = (part.numpy() for part in model.posterior(source))
    noise = rng.standard_normal((3000, 2))
    z = mean + np.exp(log_variance / 2) * noise
    state = model.start_from(z.astype(np.float32))
    log_p = model(inputs.repeat(3000, axis=0), state)[0].log_softmax().numpy()
    log_x = log_p[:, np.arange(5), targets[0]].sum(axis=1)
    log_w = log_x - (z**2).sum(axis=1) / 2 + (noise**2).sum(axis=1) / 2 + log_variance.sum() / 2
    likelihood = np.log(np.exp(log_w).mean())
    bound = -log_x.mean() + model.parts(source, inputs, targets).kl.numpy().sum()
    assert -likelihood < bound - 0.05


def test_free_bits_leave_small_dimensions_without_a_gradient(device, rng):
    model, (source, inputs, targets) = TextVAE(V, 5, 8, 3), batch(rng)
    model.initial.weight.data *= 0  # cut the decoder's own way to the code off
    model.decoder.weight_ih_l0.data[:, 5:] = 0
    model.code.weight.data[0] *= 20
    kl = model.parts(source, inputs, targets).kl.numpy()
    free = (kl[0] + kl[1:].max()) / 2
    assert kl[0] > 2 * kl[1:].max()
    model.loss(source, inputs, targets, free_bits=free).backward()
    gradient = np.abs(model.code.weight.grad.numpy()).max(axis=1)
    assert gradient[0] > 0
    assert gradient[1:].tolist() == [0, 0]


def test_evaluation_is_deterministic_and_training_is_not(device, rng):
    model, example = TextVAE(V, 5, 8, 3, word_dropout=0.5), batch(rng)
    assert model.loss(*example).item() != model.loss(*example).item()
    model.eval()
    before = sl.random.random_state.state_dict()
    assert model.loss(*example).item() == model.loss(*example).item()
    assert sl.random.random_state.state_dict() == before
    source, inputs, targets = example
    log_p = model(inputs, model.start(source))[0].log_softmax().numpy()  # z = μ, all words
    rows, steps = np.nonzero(targets != -100)
    expected = -log_p[rows, steps, targets[rows, steps]].sum() / 3
    assert model.parts(*example).reconstruction.item() == pytest.approx(expected, abs=5 * through(model, 9))


# ---------------------------------------------------------------- word dropout
def seen_words(model, inputs):
    """What the decoder reads while the parts are computed."""
    seen = []
    features = model.features
    model.features = lambda ids, state: seen.append(ids) or features(ids, state)
    model.parts(inputs, inputs, inputs)
    return seen[0]


def test_word_dropout_replaces_its_share_of_the_words_in_training_only(device, rng):
    inputs = rng.integers(1, V, (40, 51))
    model = TextVAE(V, 2, 2, 2, word_dropout=0.3, unknown_id=0)
    seen = seen_words(model, inputs)
    assert np.array_equal(seen[:, 0], inputs[:, 0])  # the start token stays
    assert (seen[:, 1:] == 0).mean() == pytest.approx(0.3, abs=0.03)
    assert np.array_equal(seen[seen != 0], inputs[seen != 0])
    assert np.array_equal(seen_words(model.eval(), inputs), inputs)
    everything = seen_words(TextVAE(V, 2, 2, 2, word_dropout=1.0, unknown_id=5), inputs)
    assert (everything[:, 1:] == 5).all()


def test_refusals_and_active_units():
    for p in (-0.1, 1.1, float("nan")):
        with pytest.raises(OptionError, match=r"word_dropout is .*, expected 0 ≤ p ≤ 1"):
            TextVAE(V, word_dropout=p)
    means = np.array([[0.0, 1.0, 0.05], [0.0, -1.0, -0.05], [0.0, 1.0, 0.05], [0.0, -1.0, -0.05]])
    assert active_units(means) == 1  # variances 0, 1, 0.0025
    assert active_units(means, threshold=0.002) == 2
