"""Complete models."""

from .autoencoder import SequenceAutoencoder as SequenceAutoencoder
from .bert import MaskedLanguageModel as MaskedLanguageModel
from .bert import mask_tokens as mask_tokens
from .classifier import SequenceClassifier as SequenceClassifier
from .encoder_decoder import EncoderDecoder as EncoderDecoder
from .gpt import GPTLanguageModel as GPTLanguageModel
from .language_model import LSTMLanguageModel as LSTMLanguageModel
from .listings import L0 as L0
from .listings import L1 as L1
from .listings import L2 as L2
from .listings import L3 as L3
from .listings import L4 as L4
from .listings import L3AsPrinted as L3AsPrinted
from .listings import L4AsPrinted as L4AsPrinted
from .listings import weights_of_lstm as weights_of_lstm
from .vae import Elbo as Elbo
from .vae import TextVAE as TextVAE
from .vae import active_units as active_units

LanguageModel = LSTMLanguageModel | GPTLanguageModel
