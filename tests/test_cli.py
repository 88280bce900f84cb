"""The command line: what it prints, and that bad input is one line, exit code 2, and nothing lost."""

import re
import subprocess
import sys

import pytest

from scratchlm.training import shipped

SMALL = [
    "--set", "model.embedding_dim=8", "--set", "model.hidden_size=8", "--set", "training.length=16",
    "--set", "training.batch=4", "--set", "sample.tokens=20", "--steps", "5",
]  # fmt: skip


def files(folder):
    return {path.name: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


# ---------------------------------------------------------------- what works
def test_training_ends_with_a_summary_and_a_sample(trained):
    folder, out = trained
    for words in ("characters, sha256", "parameters", "5 of 4 × 16 tokens", "Summary"):
        assert words in out
    assert re.search(r"best validation loss +\d\.\d{4} nats per token, after step 5", out)
    assert re.search(r"bits a character +\d\.\d{3}", out)
    assert "A sample at temperature 0.8:" in out
    assert set(files(folder / "run")) == {
        "recipe.toml", "tokenizer.json", "weights.safetensors", "checkpoint.safetensors", "metrics.jsonl",
        "loss.png",
    }  # fmt: skip
    assert files(folder / "run")["loss.png"].startswith(b"\x89PNG")


def test_generate_streams_the_prompt_and_what_follows(scratchlm, run):
    code, out, err = scratchlm("generate", run, "--prompt", "the cat ", "--tokens", 25)
    assert (code, err) == (0, "")
    assert out.startswith("the cat ")
    assert len(out.replace("<unk>", "?")) == len("the cat ") + 25 + 1
    assert scratchlm("generate", run, "--prompt", "the cat ", "--tokens", 25)[1] == out
    assert scratchlm("generate", run, "--prompt", "the cat ", "--tokens", 25, "--seed", 1)[1] != out
    likeliest = ["--temperature", 0], ["--top-k", 1], ["--top-p", 1e-9], ["--temperature", 0, "--seed", 9]
    greedy = {scratchlm("generate", run, "--prompt", "a", *options)[1] for options in likeliest}
    assert len(greedy) == 1
    assert scratchlm("generate", run, "--tokens", 3, "--device", "reference")[0] == 0


def test_evaluate_says_what_training_said(scratchlm, trained):
    folder, out = trained
    code, measured, err = scratchlm("evaluate", folder / "run")
    assert (code, err) == (0, "")
    loss = re.search(r"loss +(\d\.\d{4}) nats", measured)[1]
    assert f"best validation loss  {loss}" in out
    assert "held-out part" in measured
    assert "bits per character" in measured


def test_evaluate_against_ngrams(scratchlm, run):
    code, out, _ = scratchlm("evaluate", run, "--baseline", "ngram", "--order", 4)
    assert code == 0
    assert re.search(r"Witten–Bell 4-gram +\d\.\d{3} bits per character", out)
    assert re.search(r"this model +\d\.\d{3} bits per character: \d+\.\d% worse", out)  # after five steps


def test_evaluate_on_another_text_names_what_is_unknown(scratchlm, run, tmp_path):
    (tmp_path / "other.txt").write_text("the cat sat ΩΩж", encoding="utf-8")
    code, out, _ = scratchlm("evaluate", run, "--data", tmp_path / "other.txt")
    assert code == 0
    assert "2 different characters are unknown" in out
    assert "15 characters" in out


def test_resume_of_a_finished_run_changes_nothing(scratchlm, run):
    before = files(run)
    code, out, err = scratchlm("train", "--resume", run)
    assert (code, err) == (0, "")
    first, command = out.splitlines()
    assert first == f"{run} is finished, after step 5. To train on from its weights:"
    assert command == f"  scratchlm finetune {run} --recipe {run / 'recipe.toml'} --steps N"
    assert files(run) == before
    options = [*command.split()[1:-1], 2, "--out", run.with_name("more")]
    assert scratchlm(*options)[::2] == (0, "")


def test_recipes_lists_every_recipe(scratchlm):
    code, out, _ = scratchlm("recipes")
    assert code == 0
    assert all(re.search(rf"^{name} ", out, re.M) for name in shipped())
    lines = out.splitlines()
    assert max(map(len, lines)) <= 83  # the last line is a command
    assert len(lines) < 100


def test_doctor_names_what_it_found(scratchlm):
    code, out, err = scratchlm("doctor")
    assert (code, err) == (0, "")
    for word in (
        "Python",
        "NumPy",
        "BLAS",
        "threads",
        "Numba",
        "kernel cache",
        "GPU",
        "CuPy",
        "device emulator",
        "gdb",
        "NVRTC",
        "default text",
    ):
        assert re.search(rf"^{re.escape(word)}\b", out, re.M), word


def test_help_names_every_command_and_option(scratchlm):
    code, out, _ = scratchlm("--help")
    assert code == 0
    assert all(name in out for name in ("train", "generate", "evaluate", "recipes", "doctor"))
    _, out, _ = scratchlm("train", "-h")
    assert all(f"--{name}" in out for name in ("data", "set", "steps", "device", "seed", "out", "resume"))
    assert re.match(r"scratchlm, version \d", scratchlm("--version")[1])


def test_a_checkout_that_is_not_installed_has_the_command_line_too():
    done = subprocess.run([sys.executable, "-m", "scratchlm", "train", "-h"], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert "--resume" in done.stdout


def test_the_command_line_loads_nothing_slow():
    code = """
import sys
import scratchlm.cli
slow = {"numba", "llvmlite", "matplotlib", "rich", "safetensors", "torch", "tomli_w", "scratchlm.training"}
print(sorted(slow & set(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.strip() == "[]"


# ---------------------------------------------------------------- what goes wrong
def spoilt(name, tmp_path):
    """A text that cannot be trained on."""
    path = tmp_path / "bad.txt"
    contents = {
        "empty": b"",
        "blank": b" \n\t\n",
        "short": b"hello world",
        "shorter than a window": b"abcdefghi " * 6,
        "binary": b"\x89PNG\r\n\x1a\n\x00\x00\x00",
        "latin-1": "caf\xe9 ".encode("latin-1") * 100,
        "utf-16": ("text " * 100).encode("utf-16"),
    }
    if name in contents:
        path.write_bytes(contents[name])
    elif name == "folder without text":
        path = tmp_path / "folder"
        path.mkdir()
        (path / "picture.png").write_bytes(b"\x89PNG")
    return path


TEXTS = {
    "missing": "No such file",
    "empty": "is empty",
    "blank": "is empty",
    "short": "give more text",
    "shorter than a window": r"window of length 64 needs? \d+: give more text",
    "binary": "byte 8 is NUL: it is binary",
    "latin-1": r"no UTF-8 text, see its byte 3 \(0xE9\)",
    "utf-16": "UTF-16",
    "folder without text": "has no text file",
}


def assert_one_line(result, words):
    code, out, err = result
    assert code == 2, (out, err)
    assert err.startswith("scratchlm: ")
    assert err.count("\n") == 1
    assert re.search(words, err), err
    assert "Traceback" not in out + err


@pytest.mark.parametrize(
    "arguments",
    [
        *(
            "train --data {}",
            "train --resume {}",
            "train {}.toml",
            "train --data {}.tsv sentiment",
            "generate {}",
        ),
        *("train --steps {}", "train --{}", "{}", "reproduce {}", "train --set data.paths={}", "bias {}"),
    ],
)
def test_a_long_argument_is_not_repeated_whole(arguments, scratchlm):
    code, _, err = scratchlm(*arguments.format("a" * 70_000).split())
    assert code == 2
    assert "a" * 20 in err
    assert len(err) < 900


@pytest.mark.parametrize("name", TEXTS)
def test_bad_text_is_one_line(name, scratchlm, tmp_path):
    path = spoilt(name, tmp_path)
    result = scratchlm("train", "--data", path, "--out", tmp_path / "run", "--steps", 2)
    assert_one_line(result, TEXTS[name])
    assert files(tmp_path / "run") == {}  # the same folder can be used once the text is right


@pytest.mark.parametrize("name", TEXTS)
def test_bad_text_to_evaluate_on_is_one_line(name, scratchlm, run, tmp_path):
    if not name.startswith("short"):
        assert_one_line(scratchlm("evaluate", run, "--data", spoilt(name, tmp_path)), TEXTS[name])


def test_two_tokens_are_needed_to_evaluate(scratchlm, run, tmp_path):
    (tmp_path / "one.txt").write_text("a", encoding="utf-8")
    assert_one_line(scratchlm("evaluate", run, "--data", tmp_path / "one.txt"), "predicting needs 2")


RECIPES = {
    "broken": ("[training\n", "is no TOML"),
    "misspelt": ("[training]\nstpes = 5\n", r"unknown key 'training\.stpes' \(did you mean 'steps'\?\)"),
    "out of range": ("[training]\nsteps = 0\n", "expected a number at least 1"),
    "missing": (None, "Cannot read the recipe"),
}


@pytest.mark.parametrize("name", RECIPES)
def test_a_bad_recipe_is_one_line(name, scratchlm, tmp_path):
    content, words = RECIPES[name]
    if content is not None:
        (tmp_path / "mine.toml").write_text(content, encoding="utf-8")
    assert_one_line(scratchlm("train", tmp_path / "mine.toml", "--out", tmp_path / "run"), words)
    assert not (tmp_path / "run").exists()


ARGUMENTS = {
    "unknown recipe": (["train", "defautl"], r"no recipe 'defautl' \(did you mean 'default'\?\)"),
    "unknown device": (["train", "--device", "cpuu"], r"training\.device is 'cpuu' \(did you mean 'cpu'\?\)"),
    "wrong --set": (["train", "--set", "training.steps"], "is no change of a recipe"),
    "resume of nothing": (["train", "--resume", "nothing"], "no run in nothing"),
    "generate from nothing": (["generate", "nothing"], "no run in nothing"),
    "evaluate nothing": (["evaluate", "nothing"], "no run in nothing"),
    "bench's picture": (["bench", "W99", "--picture", "no/a.png"], "no folder no for a.png: make it first"),
    "bench's figures": (["bench", "W99", "--json", "no/a.json"], "no folder no for a.json: make it first"),
    "attention's": (["predict", "nothing", "a", "--picture", "no/a.png"], "no folder no for a.png: make it"),
}


@pytest.mark.parametrize("name", ARGUMENTS)
def test_a_bad_argument_is_one_line(name, scratchlm, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    arguments, words = ARGUMENTS[name]
    assert_one_line(scratchlm(*arguments), words)
    assert list(tmp_path.iterdir()) == []


USAGE = {
    "unknown option": (["train", "--step", "5"], "--step"),
    "unknown command": (["trian"], "trian"),
    "steps below 1": (["train", "--steps", "0"], "--steps"),
    "steps in words": (["train", "--steps", "many"], "many"),
    "no run": (["generate"], "RUN"),
    "resume and more": (
        ["train", "--resume", "runs/x", "--steps", "5"],
        "leave out RECIPE and other options",
    ),
    "unknown baseline": (["evaluate", "runs/x", "--baseline", "gpt"], "gpt"),
}


@pytest.mark.parametrize("name", USAGE)
def test_wrong_usage_is_clicks_short_message(name, scratchlm):
    arguments, words = USAGE[name]
    code, out, err = scratchlm(*arguments)
    assert (code, out) == (2, "")
    assert words in err
    assert err.startswith("Usage: ")
    assert err.count("\n") <= 5


def test_unknown_device_for_a_trained_run_is_one_line(scratchlm, run):
    for command in ("generate", "evaluate"):
        assert_one_line(scratchlm(command, run, "--device", "gpu"), "Unknown device 'gpu'")


def test_an_unknown_character_of_the_prompt_is_named(scratchlm, run):
    assert_one_line(scratchlm("generate", run, "--prompt", "the Ω"), "do not know: 'Ω'")


@pytest.mark.parametrize("option", ["--temperature", "--top-k", "--top-p"])
@pytest.mark.parametrize("value", ["-1", "nan"])
def test_sampling_options_out_of_range_are_refused(option, value, scratchlm, run):
    code, _, err = scratchlm("generate", run, option, value)
    assert code == 2
    assert "Traceback" not in err


def test_a_folder_that_cannot_be_made_is_one_line(scratchlm, trained, tmp_path):
    (tmp_path / "file").write_text("mine", encoding="utf-8")
    for out in (tmp_path / "file", tmp_path / "file" / "run"):
        result = scratchlm("train", "--data", trained[0] / "text.txt", "--out", out, *SMALL)
        assert_one_line(result, "Cannot make the folder")
    assert (tmp_path / "file").read_text(encoding="utf-8") == "mine"


def test_a_folder_with_a_run_is_not_overwritten(scratchlm, trained, run):
    before = files(run)
    result = scratchlm("train", "--data", trained[0] / "text.txt", "--out", run, *SMALL)
    assert_one_line(result, "holds a run already: go on with --resume")
    assert files(run) == before


def another_format(content):
    return content.replace(rb"\"format\": \"1\"", rb"\"format\": \"9\"")


DAMAGE = {
    "truncated": (lambda content: content[: len(content) // 2], "is damaged"),
    "emptied": (lambda content: b"", "is damaged"),
    "a bit flipped": (lambda content: content[:-9] + bytes([content[-9] ^ 4]) + content[-8:], "is damaged"),
    "another format": (another_format, r"is of format 9 .* with format 1"),
}


@pytest.mark.parametrize("name", DAMAGE)
@pytest.mark.parametrize("command", ["resume", "generate", "evaluate"])
def test_a_damaged_run_is_one_line(name, command, scratchlm, run):
    path = run / ("checkpoint.safetensors" if command == "resume" else "weights.safetensors")
    spoil, words = DAMAGE[name]
    path.write_bytes(spoil(path.read_bytes()))
    before = files(run)
    result = scratchlm("train", "--resume", run) if command == "resume" else scratchlm(command, run)
    assert_one_line(result, words)
    assert files(run) == before


@pytest.mark.parametrize("name", ["weights.safetensors", "tokenizer.json"])
def test_a_run_that_lacks_a_file_is_one_line(name, scratchlm, run):
    (run / name).unlink()
    for command in ("generate", "evaluate"):
        assert_one_line(scratchlm(command, run), f"(no|read the) .*{name}")


@pytest.mark.parametrize("name", ["tokenizer.json", "recipe.toml"])
def test_a_damaged_tokenizer_or_recipe_is_one_line(name, scratchlm, run):
    content = (run / name).read_bytes()
    cut = (
        content.index(b"[model]") + 3 if name == "recipe.toml" else len(content) // 2
    )  # not between two lines
    (run / name).write_bytes(content[:cut])
    before = files(run)
    for arguments in (["generate", run], ["evaluate", run], ["train", "--resume", run]):
        assert_one_line(scratchlm(*arguments), "tokenizer|recipe")
    assert files(run) == before
