r"""Where a text may be cut: the regular expressions of the word and the byte-pair tokenizer.

They also stand in tokenizer.json, where another engine (Oniguruma) runs them. `\w`, `\d` and `\s` mean
something else there, and change with every Unicode version, so every class here is a list of ranges: both
engines agree on all code points, today's and tomorrow's. Of the words, what no range names is a letter;
combining marks are then letters too, which keeps the words of Hindi or Thai whole.
"""

from .unicode import LETTER, NUMBER

SPACE = "\t-\r \x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"  # Unicode's White_Space

SYMBOL = (
    "\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f"  # control characters
    "!-/:-@\\[-\\^`{-~\xa1-\xbf\xd7\xf7"  # ASCII without the underscore of names; Latin-1
    "\u2010-\u2027\u202a-\u202e\u2030-\u205e\u2060-\u206f\u20a0-\u20cf"  # punctuation, currencies
    "\u2190-\u2bff\u2e00-\u2e7f"  # arrows, mathematics, boxes, more punctuation
    "\u3001-\u3004\u3008-\u3020\u3030\u303d-\u303f"  # Chinese and Japanese punctuation
    "\ue000-\uf8ff\ufe00-\ufe1f\ufe30-\ufe6f"  # private use, variants, vertical and small forms
    "\uff01-\uff0f\uff1a-\uff20\uff3b-\uff40\uff5b-\uff65\uffe0-\uffff"  # full width
    "\U0001f000-\U0001faff"  # emoji
)

CJK = (
    "\u2e80-\u2fdf\u3005-\u3007\u3021-\u302f\u3031-\u303c\u3040-\u312f\u31a0-\u31ff"  # radicals, kana
    "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"  # Chinese characters
)

CHARACTER = r"[\s\S]"

# A number; a word, with ' or - inside; a quote that opens, with its space; any other visible character.
_WORD = f"[^{SPACE}{SYMBOL}{CJK}]"
WORD = (
    rf"\n|[0-9]+(?:[.,][0-9]+)*(?!{_WORD})|{_WORD}+(?:['’-]{_WORD}+)*"
    rf"| ['\"](?=[^{SPACE}])|[^{SPACE}]"
)

# The same where a text comes with its words cut already, as the Penn Treebank does: u.s. n't <unk>.
SPACED_WORD = rf"\n|[^{SPACE}]+"

# What GPT-2 does: endings such as 's; runs of letters, of numbers or of neither, with the space before them;
# other space. Runs end after 64 characters, where GPT-2's go on, so that merging inside a run costs no more
# than the text's length. Runs of ASCII alone come first, which is the same and three times as fast.
_SIGN = r"\x00-\x08\x0e-\x1f!-/:-@\[-`{-\x7f"  # of ASCII
_BEYOND = "\x80-\U0010ffff"
PIECE = (
    rf"'(?:[dmst]|ll|re|ve)| ?[A-Za-z]{{1,64}}(?![A-Za-z{_BEYOND}])| ?[{_SIGN}]{{1,64}}(?![{_SIGN}{_BEYOND}])"
    rf"| ?[{LETTER}]{{1,64}}| ?[{NUMBER}]{{1,64}}| ?[^{SPACE}{LETTER}{NUMBER}]{{1,64}}"
    rf"|[{SPACE}]{{1,64}}(?![^{SPACE}])|[{SPACE}]{{1,64}}"
)

# Which spaces of " ".join(words) to take out again, so that it reads like a text.
_FULL_WIDTH = "\u3001-\u3004\u3008-\u301f\uff01-\uff0f\uff1a-\uff20\uff3b-\uff40\uff5b-\uff65"
NO_SPACE = "|".join(
    [
        rf" (?=[\n.,;:!?)\]}}%”’…»{_FULL_WIDTH}])",  # before a closing sign
        rf"(?<=[\n(\[{{“‘«{_FULL_WIDTH}]) ",  # after an opening sign
        rf"(?<=[{CJK}”’…—]) (?=[{CJK}])|(?<=[{CJK}]) (?=[“‘—])|(?<=—) (?=—)",  # in Chinese
        r" (?= ['\"])",  # a quote that opens brings its own space
        r"(?<=  ['\"]) |(?<=[\n(\[{] ['\"]) |(?<=\A['\"]) ",  # after a quote that opens
        r"(?<! ) (?=['\"])",  # before a quote that closes
    ]
)

NO_SPACE_BETWEEN_LINES = r" (?=\n)|(?<=\n) "


def split_at(pattern: str, *, keep_between: bool = True) -> dict[str, object]:
    """The pre_tokenizer of tokenizer.json whose tokens are the matches of a pattern.

    What stands between the matches becomes a token too, or is dropped.
    """
    return {
        "type": "Split",
        "pattern": {"Regex": pattern},
        "behavior": "Isolated" if keep_between else "Removed",
        "invert": not keep_between,
    }
