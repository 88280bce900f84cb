"""Text: cleaning, corpora, tokenizers, batches, and the n-gram that a model has to beat."""

from .batches import IGNORE as IGNORE
from .batches import RandomWindows as RandomWindows
from .batches import RowBatches as RowBatches
from .batches import Streams as Streams
from .batches import evaluation_windows as evaluation_windows
from .batches import rows_by_length as rows_by_length
from .bpe import BPETokenizer as BPETokenizer
from .characters import CharTokenizer as CharTokenizer
from .cleaning import clean as clean
from .cleaning import one_form as one_form
from .cleaning import remove_exact_duplicates as remove_exact_duplicates
from .cleaning import remove_near_duplicates as remove_near_duplicates
from .corpus import Corpus as Corpus
from .corpus import chinese_corpus as chinese_corpus
from .corpus import default_corpus as default_corpus
from .corpus import how_to_convert as how_to_convert
from .corpus import load_corpus as load_corpus
from .corpus import split as split
from .ngram import WittenBell as WittenBell
from .ngram import bits_per_character as bits_per_character
from .stopwords import stop_words as stop_words
from .tokenizer import Tokenizer as Tokenizer
from .tokenizer import load_tokenizer as load_tokenizer
from .tokenizer import train_tokenizer as train_tokenizer
from .vocabulary import Vocabulary as Vocabulary
from .words import WordTokenizer as WordTokenizer
