"""Sequence classifier: any language model's features, pooled over time, and one linear layer on top.

B batch, T time, D features, C classes.
"""

import copy
from typing import Any

import numpy as np

from .. import functions as F
from .. import nn
from ..tensor import Tensor


class SequenceClassifier(nn.Module):
    """P(class | a whole sequence): pretrain the body, then train it (or only `head`) with a new last layer.

    The features are pooled as [last ; max ; mean] over time: what decides may stand anywhere in the text
    (Howard and Ruder 2018, "concat pooling").

    Args:
        body: a model with `encode(ids (B, T)) -> (B, T, D)`. Its layers become a part of this one, without
            its own `head`, the scores of tokens.
        features: D of the body's encode.
        classes: C.
        dropout: probability before the last layer, while training.
        only_last: the last step's features alone, as in listing L1.
        backwards: a second body, which reads the text from its end (Schuster and Paliwal 1997): then 2D
            features a step, and the last step of each.
    """

    def __init__(
        self,
        body: Any,
        features: int,
        classes: int,
        dropout: float = 0.0,
        only_last: bool = False,
        backwards: Any = None,
    ):
        self.body = _without_head(body)
        self.backwards = None if backwards is None else _without_head(backwards)
        self.only_last = only_last
        self.dropout = nn.Dropout(dropout)
        device = next(body.parameters()).device
        D = features if backwards is None else 2 * features
        self.head = nn.Linear(D if only_last else 3 * D, classes, device=device)

    def forward(self, ids: Any) -> Tensor:
        """Token ids (B, T) → logits (B, C). All T tokens count: put sequences of one length in a batch."""
        h = self.body.encode(ids)  # (B, T, D)
        pooled = h[:, -1]
        if self.backwards is not None:  # max and mean do not mind the order of time
            back = self.backwards.encode(np.asarray(ids)[:, ::-1])  # (B, T, D)
            pooled, h = F.cat([pooled, back[:, -1]], axis=1), F.cat([h, back], axis=2)
        if not self.only_last:
            pooled = F.cat([pooled, h.max(axis=1), h.mean(axis=1)], axis=1)  # (B, 3D)
        return self.head(self.dropout(pooled))

    def loss(self, ids: Any, classes: Any) -> Tensor:
        """Mean cross-entropy in nats a sequence, for classes (B)."""
        return F.cross_entropy(self(ids), classes)


def _without_head(model: Any) -> Any:
    """The same layers without the scores of tokens; the caller's model keeps its own."""
    reader = copy.copy(model)
    vars(reader).pop("head", None)
    return reader
