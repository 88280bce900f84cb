"""One page that has to pass before anything else is worth looking at."""

import numpy as np

import scratchlm as sl
from scratchlm import functions as F
from scratchlm import models, nn, optim


def test_a_product_and_its_gradient(device):
    x = sl.tensor([1.0, 2.0, 3.0], requires_grad=True)
    (x * x).sum().backward()
    assert x.grad.numpy().tolist() == [2.0, 4.0, 6.0]


def test_a_network_learns_exclusive_or(device):
    x = sl.tensor([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
    targets = np.array([0, 1, 1, 0])
    network = nn.Sequential(nn.Linear(2, 8), nn.Tanh(), nn.Linear(8, 2))
    optimizer = optim.Adam(network.parameters(), lr=0.05)
    for _ in range(200):
        optimizer.zero_grad()
        loss = F.cross_entropy(network(x), targets)
        loss.backward()
        optimizer.step()
    assert loss.item() < 0.01
    assert network(x).numpy().argmax(axis=1).tolist() == targets.tolist()


def test_a_language_model_learns_a_sentence_by_heart(device):
    ids = np.array([[0, 1, 2, 3, 1, 4, 2, 0, 3]])
    model = models.LSTMLanguageModel(5, embedding_dim=8, hidden_size=16)
    optimizer = optim.Adam(model.parameters(), lr=0.03)
    for _ in range(120):
        optimizer.zero_grad()
        loss, _ = model.loss(ids[:, :-1], ids[:, 1:])
        loss.backward()
        optimizer.step()
    assert loss.item() < 0.05
    logits, _ = model(ids[:, :-1])
    assert logits.numpy().argmax(axis=2).tolist() == ids[:, 1:].tolist()
