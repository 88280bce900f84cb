import hashlib
import os
import sys
import unicodedata

import numpy as np
import pytest

from scratchlm.errors import DataError, RecipeError
from scratchlm.text import clean, default_corpus, load_corpus, split


def test_default_corpus():
    corpus = default_corpus()
    assert corpus.name == "python-reference"
    assert 300_000 < len(corpus.text) < 900_000
    assert clean(corpus.text) == corpus.text
    assert "statement" in corpus.text
    assert corpus.sha256 == hashlib.sha256(corpus.text.encode()).hexdigest() == default_corpus().sha256
    assert f"{len(corpus.text):,} characters, sha256 {corpus.sha256[:16]}" in str(corpus)


def test_default_corpus_without_the_reference(monkeypatch):
    monkeypatch.setitem(sys.modules, "pydoc_data.topics", None)
    corpus = default_corpus()
    assert corpus.name == "python-docstrings"
    assert 300_000 < len(corpus.text) <= 500_000
    assert unicodedata.is_normalized("NFC", corpus.text)
    assert "antigravity" not in sys.modules  # read, not imported


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "b.txt").write_text("second", encoding="utf-8")
    (tmp_path / "a.md").write_bytes("\ufefferste Zeile \r\n".encode())
    (tmp_path / "c").mkdir()
    (tmp_path / "c" / "Z.TXT").write_text("third: 我", encoding="utf-8")
    (tmp_path / "c" / "picture.png").write_bytes(b"\x89PNG\0")
    (tmp_path / ".hidden").mkdir()
    (tmp_path / ".hidden" / "x.txt").write_text("never")
    (tmp_path / ".y.txt").write_text("never")
    return tmp_path


def test_load_corpus(folder):
    assert load_corpus(folder / "a.md").text == "erste Zeile"
    assert load_corpus([folder / "b.txt", str(folder / "a.md")]).text == "second\n\nerste Zeile"
    whole = load_corpus(folder)
    assert whole.text == "erste Zeile\n\nsecond\n\nthird: 我"
    assert whole.name == folder.name
    assert whole.source == f"{folder} (3 files)"
    assert load_corpus([folder / "c", folder / "b.txt"]).text == "third: 我\n\nsecond"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b" \n\xef\xbb\xbf\n", "is empty"),
        (b"ab\0c", "byte 2 is NUL"),
        ("我们".encode("utf-16"), r"byte 0 \(0xFF\)"),
        ("ab".encode("utf-16"), "byte 3 is NUL.*UTF-16"),
        (b"caf\xe9 au lait", r"byte 3 \(0xE9\): save it again as UTF-8"),
        (b"abc\xe6\x88", r"byte 3 \(0xE6\)"),
        ("却说曹操，字孟德。".encode("gb18030"), r"reads as GB18030: convert it, say with `iconv -f GB18030"),
        ("Il a mangé des pâtés à Noël".encode("latin-1"), "save it again as UTF-8"),
        ("話說天下大勢，分久必合，合久必分".encode("big5"), "save it again as UTF-8"),
        ("吾輩は猫である。名前はまだ無い。".encode("shift-jis"), "save it again as UTF-8"),
    ],
)
def test_load_corpus_refuses_what_is_no_text(content, message, tmp_path):
    (tmp_path / "bad.txt").write_bytes(content)
    for path in (tmp_path, tmp_path / "bad.txt") if content else (tmp_path / "bad.txt",):
        with pytest.raises(DataError, match=f"bad.txt .*{message}"):
            load_corpus(path)


def test_load_corpus_refuses_what_is_not_there(tmp_path):
    with pytest.raises(DataError, match=r"gone.txt: No such file"):
        load_corpus(tmp_path / "gone.txt")
    with pytest.raises(DataError, match=f"{tmp_path} has no text file"):
        load_corpus([tmp_path])
    with pytest.raises(DataError, match="at least one"):
        load_corpus([])


def test_load_corpus_names_a_folder_it_cannot_read(folder, monkeypatch):
    real = os.scandir

    def closed(path):
        if str(path).endswith("c"):
            raise PermissionError(13, "Permission denied", str(path))
        return real(path)

    monkeypatch.setattr(os, "scandir", closed)
    with pytest.raises(DataError, match=r"Cannot read the folder .*c: Permission denied"):
        load_corpus(folder)


def test_split():
    training, validation = split(np.arange(25), 0.2)
    assert training.tolist() == list(range(20))
    assert validation.tolist() == list(range(20, 25))
    assert len(split(np.arange(100))[1]) == 10
    for share in (0, 1, -0.1, 2):
        with pytest.raises(RecipeError, match="between 0 and 1"):
            split(np.arange(9), share)
    for size in (0, 1, 4):
        with pytest.raises(DataError, match=f"{size} characters or tokens"):
            split(np.arange(size), 0.1)


def test_an_empty_file_in_a_folder_is_passed_over(tmp_path):
    (tmp_path / "a.txt").write_text("", encoding="utf-8")
    (tmp_path / "b.txt").write_text("text", encoding="utf-8")
    assert load_corpus(tmp_path).text == "text"
