"""Whole models train on the emulated card as on the cpu device."""

import numpy as np
import pytest

import scratchlm as sl
from scratchlm import models, optim

MODELS = {
    "lstm": lambda: models.LSTMLanguageModel(13, embedding_dim=8, hidden_size=12, num_layers=2),
    "gpt": lambda: models.GPTLanguageModel(13, 10, embedding_dim=8, num_layers=2, num_heads=2),
}


def losses(name, device, steps=20):
    sl.manual_seed(0)
    ids = np.random.default_rng(0).integers(0, 13, (4, 11))
    with sl.use_device(device):
        model = MODELS[name]()
        optimizer = optim.AdamW(model.parameters(), 1e-2)
        found = []
        for _ in range(steps):
            optimizer.zero_grad()
            loss, _ = model.loss(ids[:, :-1], ids[:, 1:])
            loss.backward()
            optim.clip_grad_norm_(optimizer.parameters, 1.0)
            optimizer.step()
            found.append(loss.item())
    return found


@pytest.mark.parametrize("name", MODELS)
def test_losses_are_those_of_the_cpu_device(name):
    expected, found = losses(name, "cpu"), losses(name, "emulator")
    assert expected[-1] < 0.9 * expected[0]
    # No bound of a sum: Adam moves a weight by up to lr even where its gradient is nothing but rounding. The
    # loss falls by more than 0.25.
    np.testing.assert_allclose(found, expected, atol=1e-3)
