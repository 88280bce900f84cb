"""What today's Keras and PyTorch answer to the listings of the source documents, as they are printed.

Lessons 7, 8, 9, 11 and 15 say it. Seen with Keras 3.15.1 on PyTorch 2.13.0. The sizes are the listings' own;
the data is drawn, for the documents leave it open.
"""

import re

import numpy as np
import pytest

from scratchlm.models import listings

torch = pytest.importorskip("torch", reason="PyTorch is not installed (pip install torch==2.13.0)")
B, T = 4, 7


@pytest.fixture
def keras(monkeypatch):
    monkeypatch.setenv("KERAS_BACKEND", "torch")
    return pytest.importorskip("keras", reason="Keras is not installed (pip install keras)")


def weights(model):
    return sum(parameter.size for parameter in model.parameters())


def fitted(model, ids, targets):
    model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(ids, targets, epochs=1, batch_size=32, verbose=0)


def refused_for_every_step(model, ids, classes, rng):
    with pytest.raises(ValueError, match="must have the same shape up until the last dimension"):
        fitted(model, ids, rng.integers(0, classes, ids.shape))


def test_l0_asks_for_one_token_in_each_window(keras, rng):
    layers = keras.layers
    model = keras.Sequential(
        [
            layers.Embedding(input_dim=10000, output_dim=128),
            layers.LSTM(128, return_sequences=True),
            layers.LSTM(128),
            layers.Dense(128, activation="relu"),
            layers.Dense(10000, activation="softmax"),
        ]
    )
    ids = rng.integers(0, 10000, (B, T))
    fitted(model, ids, rng.integers(0, 10000, B))
    assert model.output_shape == (B, 10000)
    assert model.count_params() == weights(listings.L0(10000)) - 2 * 4 * 128, "Keras has one bias, we two"
    refused_for_every_step(model, ids, 10000, rng)


def test_l1_runs_as_printed(keras, rng):
    layers = keras.layers
    model = keras.Sequential(
        [
            layers.Embedding(input_dim=100, output_dim=50),
            layers.LSTM(units=50),
            layers.Dense(units=10, activation="softmax"),
        ]
    )
    fitted(model, rng.integers(0, 100, (B, T)), rng.integers(0, 10, B))
    assert model.count_params() == weights(listings.L1()) - 4 * 50


def test_l2_gives_one_token_for_a_text_and_nothing_back(keras, rng):
    V = 1000
    ids = keras.Input(shape=(None,))
    hidden = keras.layers.LSTM(units=64)(keras.layers.Embedding(input_dim=V, output_dim=64)(ids))
    model = keras.Model(inputs=ids, outputs=keras.layers.Dense(units=V, activation="softmax")(hidden))
    texts = rng.integers(0, V, (B, T))
    fitted(model, texts, rng.integers(0, V, B))
    assert model.output_shape == (None, V)
    refused_for_every_step(model, texts, V, rng)


def test_l3_scores_features_instead_of_tokens():
    x = torch.nn.Embedding(10000, 128)(torch.randint(0, 10000, (B, T)))
    x, _ = torch.nn.LSTM(128, 256, 3)(x)
    x, _ = torch.nn.LSTM(256, 128, 3)(x)
    loss = torch.nn.CrossEntropyLoss()
    targets = torch.full((B, T), 9999)
    assert x.shape == (B, T, 128), "128 features where 10000 scores are wanted"
    with pytest.raises(RuntimeError, match=re.escape(f"Expected target size [{B}, 128], got [{B}, {T}]")):
        loss(x, targets)
    with pytest.raises(IndexError, match="Target 9999 is out of bounds"):
        loss(x.reshape(-1, 128), targets.reshape(-1))
    assert np.isfinite(loss(x.reshape(-1, 128), targets.reshape(-1) % 128).item()), (
        "small ids: no error at all"
    )


def test_l4_gives_its_decoder_no_time_axis(keras):
    embedding = keras.layers.Embedding(input_dim=10000, output_dim=256)(keras.Input(shape=(None,)))
    code = keras.layers.LSTM(256)(embedding)
    with pytest.raises(ValueError, match="expected ndim=3, found ndim=2"):
        keras.layers.LSTM(10000, return_sequences=True)(code)
