"""Complete models."""

from .autoencoder import SequenceAutoencoder
from .bert import MaskedLanguageModel, mask_tokens
from .classifier import SequenceClassifier
from .encoder_decoder import EncoderDecoder
from .gpt import GPTLanguageModel
from .language_model import LSTMLanguageModel
from .listings import L0, L1, L2, L3, L4, L3AsPrinted, L4AsPrinted, weights_of_lstm
from .vae import Elbo, TextVAE, active_units

LanguageModel = LSTMLanguageModel | GPTLanguageModel

__all__ = [
    "L0",
    "L1",
    "L2",
    "L3",
    "L4",
    "Elbo",
    "EncoderDecoder",
    "GPTLanguageModel",
    "L3AsPrinted",
    "L4AsPrinted",
    "LSTMLanguageModel",
    "LanguageModel",
    "MaskedLanguageModel",
    "SequenceAutoencoder",
    "SequenceClassifier",
    "TextVAE",
    "active_units",
    "mask_tokens",
    "weights_of_lstm",
]
