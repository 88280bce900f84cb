"""Complete models."""

from .autoencoder import SequenceAutoencoder
from .bert import MaskedLanguageModel, mask_tokens
from .classifier import SequenceClassifier
from .encoder_decoder import EncoderDecoder
from .gpt import GPTLanguageModel
from .language_model import LSTMLanguageModel
from .vae import Elbo, TextVAE, active_units

LanguageModel = LSTMLanguageModel | GPTLanguageModel

__all__ = [
    "Elbo",
    "EncoderDecoder",
    "GPTLanguageModel",
    "LSTMLanguageModel",
    "LanguageModel",
    "MaskedLanguageModel",
    "SequenceAutoencoder",
    "SequenceClassifier",
    "TextVAE",
    "active_units",
    "mask_tokens",
]
