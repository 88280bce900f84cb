"""Text: cleaning, corpora, tokenizers, batches, and the n-gram that a model has to beat."""

from .batches import (
    IGNORE,
    RandomWindows,
    RowBatches,
    Streams,
    evaluation_windows,
    rows_by_length,
)
from .bpe import BPETokenizer
from .characters import CharTokenizer
from .cleaning import clean, remove_exact_duplicates, remove_near_duplicates
from .corpus import Corpus, chinese_corpus, default_corpus, load_corpus, split
from .ngram import WittenBell, bits_per_character
from .stopwords import stop_words
from .tokenizer import Tokenizer, load_tokenizer, train_tokenizer
from .vocabulary import Vocabulary
from .words import WordTokenizer

__all__ = [
    "IGNORE",
    "BPETokenizer",
    "CharTokenizer",
    "Corpus",
    "RandomWindows",
    "RowBatches",
    "Streams",
    "Tokenizer",
    "Vocabulary",
    "WittenBell",
    "WordTokenizer",
    "bits_per_character",
    "chinese_corpus",
    "clean",
    "default_corpus",
    "evaluation_windows",
    "load_corpus",
    "load_tokenizer",
    "remove_exact_duplicates",
    "remove_near_duplicates",
    "rows_by_length",
    "split",
    "stop_words",
    "train_tokenizer",
]
