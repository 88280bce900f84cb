"""The model, the optimizer and the schedule that a recipe describes."""

from collections.abc import Iterable
from typing import Any

from .. import models, nn, optim
from ..device import Device
from ..text import Tokenizer
from .recipe import Model, Recipe, Training


def build_model(
    recipe: Recipe, tokenizer: Tokenizer, classes: int = 0, device: "str | Device | None" = None
) -> Any:
    """The model of a recipe for a tokenizer's vocabulary, on `device` or the recipe's for None.

    classes: how many there are, for a classifier. A GPT's and a BERT's context is training.length.
    """
    m, t, V = recipe.model, recipe.training, tokenizer.vocab_size
    d = device or t.device
    if m.kind == "classifier":
        body = _body(m.body, m, V, t.length, d)
        features = m.hidden_size if m.body == "lstm" else m.embedding_dim
        backwards = _body(m.body, m, V, t.length, d) if m.bidirectional else None
        return models.SequenceClassifier(body, features, classes, m.dropout, backwards=backwards)
    if m.kind == "encoder-decoder":
        return models.EncoderDecoder(
            V, m.embedding_dim, m.hidden_size, m.num_layers, m.attention, m.reverse_source, m.feed_context,
            m.copy, m.dropout, d,
        )  # fmt: skip
    if m.kind == "autoencoder":
        return models.SequenceAutoencoder(V, m.embedding_dim, m.hidden_size, m.code_size, m.dropout, d)
    if m.kind == "vae":
        return models.TextVAE(
            V, m.embedding_dim, m.hidden_size, m.code_size, m.word_dropout, tokenizer.unknown_id or 0, d
        )
    if m.kind == "l0":
        return models.L0(V, m.embedding_dim, d)
    if m.kind == "l1":
        return models.L1(V, m.hidden_size, classes, d)
    if m.kind == "l2":
        return models.L2(V, m.embedding_dim, m.hidden_size, d)
    if m.kind == "l3":
        listing = models.L3AsPrinted if m.as_printed else models.L3
        return listing(V, m.embedding_dim, m.hidden_size, m.num_layers, d)
    if m.kind == "l4":
        return (models.L4AsPrinted if m.as_printed else models.L4)(V, m.embedding_dim, m.hidden_size, d)
    return _body(m.kind, m, V, t.length, d)


def _body(kind: str, m: Model, vocabulary: int, context: int, device: "str | Device") -> nn.Module:
    if kind == "gpt":
        return models.GPTLanguageModel(
            vocabulary, context, m.embedding_dim, m.num_layers, m.num_heads, m.dropout, device
        )
    if kind == "bert":
        return models.MaskedLanguageModel(
            vocabulary, context, m.embedding_dim, m.num_layers, m.num_heads, m.dropout, device
        )
    return models.LSTMLanguageModel(
        vocabulary, m.embedding_dim, m.hidden_size, m.num_layers, m.dropout, device
    )


def build_optimizer(training: Training, parameters: Iterable[nn.Parameter]) -> optim.Optimizer:
    """The optimizer that a recipe describes; only matrices decay, no biases and norms (GPT-2's rule)."""
    every = list(parameters)
    groups: list[dict[str, Any]] = [
        {"params": [p for p in every if p.ndim >= 2]},
        {"params": [p for p in every if p.ndim < 2], "weight_decay": 0.0},
    ]
    if training.optimizer == "sgd":
        return optim.SGD(groups, training.lr, training.momentum, training.weight_decay)
    kind = optim.AdamW if training.optimizer == "adamw" else optim.Adam
    betas = 0.9, training.beta2
    return kind(groups, training.lr, betas, weight_decay=training.weight_decay)


def build_schedule(training: Training) -> optim.Schedule:
    """The learning-rate schedule that a recipe describes."""
    if training.schedule == "cosine":
        return optim.cosine(training.steps, min(training.warmup, training.steps - 1), training.floor)
    if training.schedule == "step":
        return optim.step_decay(
            training.decay_every, training.decay_factor, training.warmup, training.decay_from
        )
    return optim.constant(training.warmup)
