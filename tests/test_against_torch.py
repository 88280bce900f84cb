"""The whole language model beside its twin in PyTorch, on the text that comes with Python."""

from types import SimpleNamespace

import numpy as np
import pytest

import scratchlm as sl
from scratchlm import models, optim
from scratchlm.text import RandomWindows, default_corpus, split, train_tokenizer
from scratchlm.training import evaluate

from .tolerance import through

EMBEDDING, HIDDEN, LAYERS = 32, 64, 2
BATCH, LENGTH, STEPS = 12, 32, 100
LR, CLIP = 3e-3, 5.0


@pytest.fixture(scope="module")
def text():
    """Token ids of a part of the default text, and the number of tokens."""
    corpus = default_corpus().text[:200_000]
    tokenizer = train_tokenizer("characters", corpus)
    training, validation = split(tokenizer.encode(corpus), 0.05)
    return SimpleNamespace(training=training, validation=validation, vocabulary=tokenizer.vocab_size)


def batches(text):
    """The same batches for both."""
    windows = RandomWindows(text.training, BATCH, LENGTH, rng_seed=1)
    return [next(windows) for _ in range(STEPS)]


@pytest.fixture(scope="module")
def twin(text):
    """PyTorch's model: initial weights, its loss at each step, final weights and validation loss."""
    torch = pytest.importorskip("torch", reason="PyTorch is not installed (pip install torch)")

    class Twin(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.embedding = torch.nn.Embedding(text.vocabulary, EMBEDDING)
            self.lstm = torch.nn.LSTM(EMBEDDING, HIDDEN, LAYERS, batch_first=True)
            self.head = torch.nn.Linear(HIDDEN, text.vocabulary)

        def forward(self, ids):
            return self.head(self.lstm(self.embedding(ids))[0])

    torch.manual_seed(0)
    torch.set_num_threads(1)  # several for such small products cost more than they bring
    model = Twin()
    weights = lambda: {name: t.numpy().copy() for name, t in model.state_dict().items()}  # noqa: E731
    initial, losses = weights(), []
    optimizer = torch.optim.Adam(model.parameters(), lr=LR)
    cross_entropy = torch.nn.functional.cross_entropy
    for inputs, targets in batches(text):
        optimizer.zero_grad()
        logits = model(torch.from_numpy(inputs))
        loss = cross_entropy(logits.flatten(0, 1), torch.from_numpy(targets).flatten().long())
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), CLIP)
        optimizer.step()
        losses.append(loss.item())
    with torch.no_grad():  # one stream over the whole part, in double precision
        ids = torch.from_numpy(text.validation.astype(np.int64))
        logits = model.double()(ids[None, :-1])[0]
        validation = cross_entropy(logits, ids[1:]).item()
    model.float()
    return SimpleNamespace(initial=initial, losses=losses, final=weights(), validation=validation)


def ours(text, weights):
    model = models.LSTMLanguageModel(text.vocabulary, EMBEDDING, HIDDEN, LAYERS)
    model.load_state_dict(weights)
    return model


def test_pytorchs_weights_give_pytorchs_validation_loss(text, twin, device):
    ids = text.validation[np.newaxis]
    model = ours(text, twin.final).eval()
    with sl.no_grad():
        loss, _ = model.loss(ids[:, :-1], ids[:, 1:])
    assert loss.item() == pytest.approx(twin.validation, abs=through(model, ids.size))
    assert twin.validation < twin.losses[0] - 1  # it has learnt something


def test_evaluation_reads_it_in_streams_to_nearly_the_same_loss(text, twin, device):
    result = evaluate(ours(text, twin.final), text.validation, len(text.validation))
    assert result.tokens == len(text.validation) - 1
    assert result.loss == pytest.approx(twin.validation, abs=0.03)  # 32 cold starts instead of one
    assert result.bits_per_character == pytest.approx(result.loss / np.log(2), rel=1e-3)


def test_training_follows_pytorchs_losses(text, twin, device):
    model = ours(text, twin.initial)
    optimizer = optim.Adam(model.parameters(), lr=LR)
    for step, (inputs, targets) in enumerate(batches(text)):
        optimizer.zero_grad()
        loss, _ = model.loss(inputs, targets)
        loss.backward()
        optim.clip_grad_norm_(model.parameters(), CLIP)
        optimizer.step()
        assert loss.item() == pytest.approx(twin.losses[step], abs=1e-3), f"at step {step}"  # Adam's course
    for name, array in model.state_dict().items():
        np.testing.assert_allclose(array, twin.final[name], atol=5e-3, err_msg=name)
