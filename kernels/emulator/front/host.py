"""What of a .cu is the host's: functions and variables without __device__. It is left out, and remembered.

As in nvcc: a file may have both, and only a kernel that uses the host's part is wrong.
"""

import re
from collections.abc import Iterator

from ..errors import KernelError
from .preprocess import STRING, blank, place

QUOTED = rf"{STRING}|'(?:\\.|[^'\\\n])+'"
TOKEN = rf"{QUOTED}|^[ \t]*#(?:\\\n|[^\n])*|[{{}}();]"
DEVICE = r"__(?:device|global|constant|shared|managed)__"
# Types that no kernel can have; `std::` has what cuda.h gives it.
FOREIGN = (
    r"\bstd\s*::\s*(?!(?:u?int(?:8|16|32|64)_t|size_t|a?(?:sin|cos|tan)h?|abs|exp2?|log(?:2|10|1p)?|pow|sqrt|f\w+"
    r"|is_\w+|conditional(?:_t)?|enable_if(?:_t)?|remove_\w+|\w+_(?:constant|type)|move)\b)\w+"
    r"|\bFILE\b|\bthrust\s*::|\bcu(?:da|blas|blasLt|dnn|rand|fft|sparse)[A-Z]?\w*_t\b|\bcuda(?:Event|Stream|Error)\w*"
)
# What a constant may be made by; any other call makes it the host's.
MADE_BY = r"sizeof|alignof|unsigned|int|float|double|long|short|char|bool|size_t|u?int\d+_t"
ASIDE = r"\b(?:__attribute__|__align__|alignas|__launch_bounds__|decltype|noexcept|explicit)\s*@"
LABEL = r"\s*(?:(?:public|private|protected)\s*:\s*)*"


def device_part(text: str) -> tuple[str, dict[str, str], list[str]]:
    """A .cu without its host's part, lines unchanged; the names left out: "function" or "variable".

    And the constant arrays that stay, as constants may be computed from them.
    """
    return _Reader(text).read()


def without_idle_macros(text: str) -> str:
    """The text without macros that nothing else in it names; lines unchanged."""
    found = True
    while found:
        found = False
        for macro in re.finditer(r"^[ \t]*#[ \t]*define[ \t]+(\w+)(?:\\\n|[^\n])*", text, re.M):
            rest = text[: macro.start()] + text[macro.end() :]
            if not re.search(rf"\b{macro[1]}\b", rest):
                text, found = text[: macro.start()] + blank(macro) + text[macro.end() :], True
    return text


def bodies(text: str, heading: str) -> Iterator[tuple[int, int]]:
    """Begin and end of the body behind each match of `heading`, which ends with its {."""
    closing = _closing(text)
    for match in re.finditer(heading, text):
        if match.end() - 1 in closing:
            yield match.end() - 1, closing[match.end() - 1]


def _closing(text: str) -> dict[int, int]:
    """Where each { is closed."""
    opened, found = [], {}
    for token in re.finditer(TOKEN, text, re.M):
        if token[0] == "{":
            opened.append(token.start())
        elif token[0] == "}" and opened:
            found[opened.pop()] = token.start()
    return found


def _plain(head: str) -> str:
    """A declaration with @ for what stands in parentheses, without template<…>, labels, macros' calls."""
    head = re.sub(rf"^[ \t]*#(?:\\\n|[^\n])*|{QUOTED}", " ", head, flags=re.M)
    head = re.sub(r"\boperator\s*(?:\(\s*\)|[^\s\w(]+|\w+)", "operator_", head)
    changed = 1
    while changed:
        head, changed = re.subn(r"\([^()]*\)", "@", head)
    head = re.sub(rf"{ASIDE}", " ", head)
    return " ".join(re.sub(r"\btemplate\s*<(?:[^<>]|<[^<>]*>)*>", " ", head).split())


class _Reader:
    def __init__(self, text: str) -> None:
        self.text, self.closing, self.host, self.arrays = text, _closing(text), dict[str, str](), list[str]()
        macros = dict(re.findall(r"^[ \t]*#[ \t]*define[ \t]+(\w+)\b((?:\\\n|[^\n])*)", text, re.M))
        called = re.findall(r"^[ \t]*#[ \t]*define[ \t]+(\w+)\(", text, re.M)
        constant = re.findall(r"\bconstexpr\b[^;{}()=]*?(\w+)\s*\(", text)
        types = re.findall(r"\b(?:struct|class|enum|using|define)\s+(\w+)|\btypedef\b[^;]*?(\w+)\s*;", text)
        self.constant = "|".join([*constant, *map("".join, types), "(?!)"])
        self.made = rf"(?:{'|'.join(called)})\s*@\s*;?\s*" if called else r"(?!)"
        names, marked = list[str](), [DEVICE]
        while marked:  # a macro of macros
            names += marked
            marks = rf"\b(?:{'|'.join(names)})\b"
            marked = [n for n, value in macros.items() if n not in names and re.search(marks, value)]
        self.device = rf"\b(?:{'|'.join(names)})\b"
        self.left_out: list[tuple[int, int, str]] = []

    def read(self) -> tuple[str, dict[str, str], list[str]]:
        self._items(0, len(self.text), member=False)
        text = self.text
        for begin, end, instead in reversed(self.left_out):
            # Conditions of the preprocessor stay: they may reach further.
            gone = re.sub(r"^[ \t]*#(?:\\\n|[^\n])+|[^\n]", _kept, text[begin:end], flags=re.M)
            text = text[:begin] + instead + gone[len(instead) :] + text[end:]
        return text, self.host, self.arrays

    def _items(self, begin: int, end: int, member: bool) -> None:
        """Each declaration between two places."""
        start, at, depth, tokens = begin, begin, 0, re.compile(TOKEN, re.M)
        while (token := tokens.search(self.text, at, end)) is not None:
            at = token.end()
            if token[0].lstrip()[:1] == "#":
                start = at if not self.text[start : token.start()].strip() else start
            elif token[0] in "()":
                depth += 1 if token[0] == "(" else -1
            elif token[0] == ";" and depth <= 0:
                self._declared(start, at, member)
                start = at
            elif token[0] == "{" and depth <= 0:
                close = self.closing.get(token.start(), end)
                plain = _plain(self.text[start : token.start()])
                plain = re.sub(rf"^{LABEL}(?:{self.made})*", "", plain)
                at = min(close + 1, end)
                if re.search(r"\bnamespace\b(?:[\w: ]*)$", plain) or plain == "extern":
                    self._items(token.end(), close, member=False)
                    start = at
                elif "@" in plain and "=" not in plain and not re.search(r"@ ?:(?:.*,)? ?\w+$", plain):
                    self._function(start, at, plain, member)
                    start = at
                elif re.search(r"\b(?:struct|class|union)\b", plain) and "=" not in plain:
                    if re.search(FOREIGN, self.text[start:at]):
                        self._leave_out(start, self._semicolon(at, end))
                    else:
                        self._items(token.end(), close, member=True)

    def _semicolon(self, at: int, end: int) -> int:
        found = self.text.find(";", at, end)
        return found + 1 if found >= 0 else at

    def _declared(self, begin: int, end: int, member: bool) -> None:
        """What ends with a semicolon."""
        head = self.text[begin:end]
        plain = re.sub(rf"^{LABEL}(?:{self.made})*", "", _plain(head))
        if re.match(
            r"(?:struct|class|union|enum|friend|static_assert|namespace)\b", plain
        ) or not plain.strip(" ;"):
            return
        if re.match(r"(?:using|typedef)\b", plain):
            if re.search(FOREIGN, head):
                self._leave_out(begin, end)
            return
        if re.search(self.device, head) or member:
            if not member and "__shared__" not in head:
                self._refuse_computed(begin, head, plain)
            return
        name = re.search(r"(\w+)\s*@", plain.partition("=")[0])
        if name and "=" not in plain:
            if not self._is_device(name[1]):
                self.host.setdefault(name[1], "function")
                self._leave_out(begin, end)
            return
        constant = re.search(r"\bconst(?:expr)?\b", plain) and not re.search(r"\*(?!\s*const)", plain)
        if constant and not self._calls(head) and not re.search(FOREIGN, head):
            self.arrays += re.findall(r"(\w+)\s*\[", plain.partition("=")[0])
            return
        left = re.sub(r"\{[^{}]*\}|=.*?(?=,|;|$)", "", re.sub(r"<[^<>]*>", "", plain))
        for found in re.findall(r"(\w+)\s*(?:\[[^\]]*\]\s*)*(?=[,;@])", left):
            self.host[found] = "variable"
        self._leave_out(begin, end)

    def _calls(self, head: str) -> bool:
        """Whether a function computes a variable's first value, and not the compiler."""
        called = re.findall(r"(\w+)\s*\(", re.sub(QUOTED, "", head.partition("=")[2]))
        return any(not re.fullmatch(rf"{MADE_BY}|{self.constant}", name) for name in called)

    def _refuse_computed(self, begin: int, head: str, plain: str) -> None:
        """Refuse a variable of the card with such a value: the loader would run what only kernels may.

        Raises:
            KernelError: it has one.
        """
        kind = re.search(r"(\w+)\s+\w+\s*(?:\[[^\]]*\]\s*)*[;,=@]", re.sub(self.device, "", plain))
        made = False
        if kind:  # a class: has it a constructor that runs?
            heading = rf"(?:^|[;{{}}:])(?!.*constexpr)[^;{{}}~?=]*\b{kind[1]}\s*\([^)]*\)\s*[:{{]"
            for body, close in bodies(self.text, rf"\b(?:struct|class)\s+{kind[1]}\b[^;{{}}()]*{{"):
                made = re.search(heading, self.text[body:close], re.M) is not None
        if made or self._calls(head):
            message = (
                "A variable of the card starts with a value that the compiler knows, not with one that a "
                "function computes: let a kernel write it."
            )
            at = begin + len(head) - len(head.lstrip())
            raise KernelError("compile", message, *place(self.text, at))

    def _function(self, begin: int, end: int, plain: str, member: bool) -> None:
        head = self.text[begin : self.text.index("{", begin)]
        name = re.search(r"(~?\w+)\s*@", plain)
        if re.search(self.device, head) or name is None or self._is_device(name[1]):
            return
        if constant := re.search(r"\bconstexpr\b", head):  # the compiler computes it, no kernel may call it
            self.left_out.append((begin + constant.start(), begin + constant.end(), "EMU_OF_HOST constexpr"))
            return
        called = re.search(r"\boperator\s*(\(\s*\)|[^\s\w(]+)|\boperator \w+", head)
        own = (f"operator{called[1]}" if called[1] else called[0]) if called else name[1]
        self.host.setdefault(own, "function")
        if not member:
            self._leave_out(begin, end)
            return
        # Its type keeps what it is; a kernel that calls it is told by the compiler that it is deleted.
        close = re.search(r"\)(?:\s*(?:const|noexcept|volatile|&+))*", head[_parameters(head) :])
        at = begin + _parameters(head) + (close.end() if close else 0)
        self.left_out.append((at, end, " =delete;"))

    def _is_device(self, name: str) -> bool:
        """Whether a declaration elsewhere in the file says so."""
        return re.search(rf"{self.device}[^;{{}}()]*\b{name}\s*\([^;{{}}]*\)[\s\w]*;", self.text) is not None

    def _leave_out(self, begin: int, end: int) -> None:
        self.left_out.append((begin, end, ""))


def _kept(found: re.Match) -> str:
    return found[0] if len(found[0]) > 1 else " "


def _parameters(head: str) -> int:
    """Where the closing parenthesis of a function's parameters is."""
    depth = 0
    for token in re.finditer(rf"{QUOTED}|operator\s*\(\s*\)|[()]", head):
        depth += {"(": 1, ")": -1}.get(token[0], 0)
        if token[0] == ")" and depth == 0:
            return token.start()
    return len(head)
