"""scratchlm: a language-model engine to read, run and step through."""

__version__ = "0.1.0"
