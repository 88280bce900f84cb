"""Text: cleaning, corpora, tokenizers, batches, and the n-gram that a model has to beat."""

from scratchlm.text.batches import (
    IGNORE,
    RandomWindows,
    RowBatches,
    Streams,
    evaluation_windows,
    rows_by_length,
)
from scratchlm.text.bpe import BPETokenizer
from scratchlm.text.characters import CharTokenizer
from scratchlm.text.cleaning import clean, remove_exact_duplicates, remove_near_duplicates
from scratchlm.text.corpus import Corpus, chinese_corpus, default_corpus, load_corpus, split
from scratchlm.text.ngram import WittenBell, bits_per_character
from scratchlm.text.stopwords import remove_stop_words, stop_words
from scratchlm.text.tokenizer import Tokenizer, load_tokenizer, train_tokenizer
from scratchlm.text.vocabulary import Vocabulary
from scratchlm.text.words import WordTokenizer

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
    "remove_stop_words",
    "rows_by_length",
    "split",
    "stop_words",
    "train_tokenizer",
]
