"""What a trained run makes of a text, in a talk and in a picture, and what a later run makes of it."""

import io
import re
import sys

import numpy as np
import pytest

import scratchlm as sl
from scratchlm.errors import CheckpointError, OptionError, RecipeError, ScratchLMError, TokenError
from scratchlm.generation import beam_search, log_probability
from scratchlm.runs import Talk, between, draw_alignment, load_run, predict
from scratchlm.tasks import TASKS, Example, TaskData
from scratchlm.training import Trainer, fine_tuning, load_arrays, make_job
from scratchlm.training.starting import begin_with

from .test_cli import assert_one_line
from .test_jobs_text import prose, recipe
from .test_training import train
from .tolerance import rounding, through

LANGUAGE, BACK = ("lstm", "gpt", "l2"), ("autoencoder", "vae", "l3", "l4")
CLASSES, WRITERS = ("classifier", "l1"), ("none", "additive", "multiplicative")  # writers by their attention
ALL = (*LANGUAGE, *BACK, *CLASSES, *WRITERS, "bert", "l0")


def task(name, target):
    """Short strings of a to d, and a target made from each."""
    rng = np.random.default_rng(0)
    sources = sorted({"".join(rng.choice(list("abcd"), rng.integers(2, 6))) for _ in range(90)})
    parts = [sources[:40], sources[40:50], sources[50:60]]
    made = [tuple(Example(source, target(source)) for source in part) for part in parts]
    return TaskData(name, "for tests", "nowhere", *made, metric="exact_match")


@pytest.fixture(autouse=True)
def tasks(monkeypatch):
    """Three classes by the length; the text backwards; and the same under the name of the dialogues."""
    lengths = task("languages", lambda text: f"of {len(text)}")
    reverse = task("facts", lambda text: text[::-1])
    monkeypatch.setitem(TASKS, "languages", lambda seed=0: lengths)
    monkeypatch.setitem(TASKS, "facts", lambda seed=0: reverse)
    talks = task("dialogue", lambda text: f"Customer: Agent: \n {text}")
    monkeypatch.setitem(TASKS, "dialogue", lambda seed=0: talks)


def of_task(kind, **changes):
    name = "languages" if kind in CLASSES else "facts"
    settings = {"data__task": name, "data__tokenizer": "characters", "training__length": 6} | changes
    if kind in WRITERS:
        return recipe(None, "encoder-decoder", model__attention=kind, **settings)
    return recipe(None, kind, **settings)


@pytest.fixture(scope="session")
def trained_runs(tmp_path_factory):
    """A function: the folder of a run of a kind, trained at its first use."""
    folder = tmp_path_factory.mktemp("kinds")
    (folder / "story.txt").write_text(prose(), encoding="utf-8")

    def get(kind):
        if not (folder / kind).exists():
            chosen = of_task(kind) if kind in (*CLASSES, *WRITERS) else recipe(folder / "story.txt", kind)
            chosen.training.lr = 0.1  # so that what is learned is no longer uniform
            train(chosen, folder / kind)
        return folder / kind

    return get


@pytest.fixture
def trained(trained_runs):
    return lambda kind: load_run(trained_runs(kind))


def scores(run, ids):
    with sl.no_grad():
        return run.model(ids[None]).softmax().numpy()[0]


# ---------------------------------------------------------------- every kind
@pytest.mark.parametrize("kind", CLASSES)
def test_classes_with_their_probabilities_the_likeliest_first(kind, trained):
    run = trained(kind)
    found = predict(run, "abcdabcd")  # longer than training.length: its end counts
    p = scores(run, run.tokenizer.encode("cdabcd"))
    assert [each.text for each in found] == [run.state["labels"][k] for k in (-p).argsort()]
    assert [each.probability for each in found] == pytest.approx(-np.sort(-p), rel=through(run.model, 6))


def test_a_mask_that_becomes_a_line_end_is_shown_as_one(trained, monkeypatch):
    run = trained("bert")
    monkeypatch.setattr(type(run.tokenizer), "decode", lambda *_: "tree\ncat")
    (found,) = predict(run, "tree <mask> cat")
    assert found.text == "tree\\ncat"


def test_a_mask_becomes_the_likeliest_token_and_nothing_else_changes(trained):
    run = trained("bert")
    (found,) = predict(run, "tree old cat <mask> <mask>.")
    ids = run.tokenizer.encode("tree old cat <mask> <mask>.")
    p = scores(run, ids)
    ids[3:5] = p[3:5].argmax(-1)
    assert found.text == run.tokenizer.decode(ids)
    assert found.probability == pytest.approx(p[3].max() * p[4].max(), rel=2 * through(run.model, 8))
    with pytest.raises(OptionError, match="write <mask> where a token is hidden"):
        predict(run, "tree old cat")
    with pytest.raises(ScratchLMError, match="reads at most 8 tokens at once, got 9"):
        predict(run, "cat " * 8 + "<mask>")


def test_l0_names_the_five_likeliest_next_tokens(trained):
    run = trained("l0")
    found = predict(run, "moon tree old cat dog rain fell sat mat")
    p = scores(run, run.tokenizer.encode("tree old cat dog rain fell sat mat"))
    assert [each.text for each in found] == [repr(run.tokenizer.decode([k])) for k in (-p).argsort()[:5]]
    assert found[0].probability == pytest.approx(p.max(), rel=through(run.model, 8))


@pytest.mark.parametrize("kind", BACK)
def test_a_sentence_comes_back_as_in_the_job(kind, trained):
    run = trained(kind)
    job = make_job(run.recipe, run.tokenizer)
    job.model.load_state_dict(run.model.state_dict())
    (found,) = predict(run, "old cat sat mat.")
    expected = run.tokenizer.decode(job.again([run.tokenizer.encode("old cat sat mat.")])[0])
    assert found.text[: len(expected)] == expected  # the job writes no more than 5 tokens over the length
    assert found.text
    assert found.probability is None


@pytest.mark.parametrize("kind", ["autoencoder", "vae"])
def test_the_way_between_two_sentences(kind, trained):
    run = trained(kind)
    lines = between(run, "old cat sat mat.", "moon tree fell.", 4)
    assert len(lines) == 4
    for line, text in zip((lines[0], lines[-1]), ("old cat sat mat.", "moon tree fell."), strict=True):
        (found,) = predict(run, text)
        assert line[: len(found.text)] == found.text[: len(line)]


@pytest.mark.parametrize("kind", WRITERS)
def test_answers_by_beam_search_with_their_probability(kind, trained):
    run = trained(kind)
    (one,) = predict(run, "abcd")
    state = run.model.start(run.tokenizer.encode("abcd")[None])
    expected = beam_search(run.model, [1], 12, 3, end=2, state=state)
    found = predict(run, "abcd", beam=3)
    assert [each.text for each in found] == [run.tokenizer.decode(each.ids) for each in expected]
    with sl.no_grad():
        for guess, each in zip(found, expected, strict=True):
            ends = [2] if len(each.ids) < 12 else []
            whole = log_probability(run.model, [1], [*each.ids, *ends], state)
            assert guess.probability == pytest.approx(np.exp(whole), rel=12 * through(run.model, 16))
    assert len(one.text.replace("<unk>", "?")) <= 12


# ---------------------------------------------------------------- choices
@pytest.mark.parametrize("kind", [*LANGUAGE, "none", "additive"])
def test_choices_are_ranked_by_their_share(kind, trained):
    run = trained(kind)
    choices = ["cat sat", "old", "mat."] if kind in LANGUAGE else ["dcba", "ab", "c"]
    text, space = ("moon tree", " ") if kind in LANGUAGE else ("abcd", "")
    found = predict(run, text + space, choices=choices)  # a language model reads the space with the choice
    ids, state, end = run.tokenizer.encode(text), None, []
    if kind not in LANGUAGE:
        state, ids, end = run.model.start(ids[None]), np.array([1]), [2]
    with sl.no_grad():
        after = [[*run.tokenizer.encode(space + choice), *end] for choice in choices]
        p = np.exp([log_probability(run.model, ids, each, state) for each in after])
    p /= p.sum()
    assert [each.text for each in found] == [choices[k] for k in (-p).argsort()]
    assert [one.probability for one in found] == pytest.approx(-np.sort(-p), rel=12 * through(run.model, 16))


# ---------------------------------------------------------------- what is refused
@pytest.mark.parametrize("kind", ALL)
def test_texts_and_options_that_do_not_fit(kind, trained):
    run = trained(kind)
    with pytest.raises(TokenError, match="do not know: 'Ω'"):
        predict(run, "Ω")
    with pytest.raises(OptionError, match="nothing to predict from: the text is empty"):
        predict(run, "")
    text = "cat" if kind in (*LANGUAGE, *BACK, "bert", "l0") else "abc"
    if kind in LANGUAGE:
        with pytest.raises(
            CheckpointError, match=r"language model: continue .* generate, or rank .* --choice"
        ):
            predict(run, text)
        with pytest.raises(TokenError, match="do not know: 'Ω'"):
            predict(run, text, choices=["Ω"])
    elif kind not in WRITERS:
        for options in ({"beam": 2}, {"choices": ["cat"]}):
            with pytest.raises(OptionError, match="writes no answers: leave out --beam and --choice"):
                predict(run, text, **options)


# ---------------------------------------------------------------- a talk
def test_a_language_model_ends_its_turn_with_the_line(tmp_path):
    (tmp_path / "lines.txt").write_text("abc\ndef\n" * 60, encoding="utf-8")
    chosen = recipe(tmp_path / "lines.txt", "lstm", data__tokenizer="characters", training__steps=60)
    chosen.training.lr = 0.05
    train(chosen, tmp_path / "run")
    talk = Talk(load_run(tmp_path / "run"))
    assert (talk.answer("a"), talk.answer("d"), talk.answer("ab")) == ("bc", "ef", "c")
    assert talk.history == ""


def test_a_turn_that_is_not_understood_leaves_the_history(tmp_path):
    train(of_task("none", data__task="dialogue"), tmp_path / "run")
    talk = Talk(load_run(tmp_path / "run"))
    first = talk.answer("abc")
    before = talk.history
    assert before == f"Customer: abc\nAgent: {first}\n"
    with pytest.raises(TokenError):
        talk.answer("abΩ")
    assert talk.history == before


def test_other_tasks_have_no_history(trained):
    talk = Talk(trained("none"))
    assert talk.answer("abcd") == predict(trained("none"), "abcd")[0].text
    assert talk.answer("abcd") == talk.answer("abcd")
    assert talk.history == ""


# ---------------------------------------------------------------- a picture
@pytest.mark.parametrize("kind", ["additive", "multiplicative"])
def test_the_picture_shows_weights_that_sum_to_1(kind, trained, tmp_path):
    run = trained(kind)
    weights = draw_alignment(run, "ddabcabc", "cba", tmp_path / "a.png")  # of 8, the last 6 are read
    assert weights.shape == (3, 6)
    assert weights.sum(-1) == pytest.approx(1, abs=rounding(6))
    inputs = np.append(1, run.tokenizer.encode("cb"))
    np.testing.assert_array_equal(
        weights, run.model.weights(run.tokenizer.encode("abcabc")[None], inputs[None])[0]
    )
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")


def test_what_cannot_be_drawn(trained, tmp_path):
    for kind, words in (("none", "no attention"), ("classifier", "no attention over a source to draw")):
        with pytest.raises(OptionError, match=words):
            draw_alignment(trained(kind), "abc", "cba", tmp_path / "a.png")
    with pytest.raises(OptionError, match="The answer is empty"):
        draw_alignment(trained("additive"), "abc", "", tmp_path / "a.png")
    assert list(tmp_path.iterdir()) == []


# ---------------------------------------------------------------- fine-tuning
def test_a_run_of_the_same_kind_takes_every_weight_and_the_tokenizer(trained_runs, tmp_path):
    (tmp_path / "other.txt").write_text(prose(seed=5), encoding="utf-8")
    other = recipe(tmp_path / "other.txt", "gpt", model__embedding_dim=32, training__length=5)
    other.data.tokenizer = "characters"
    chosen = fine_tuning(other, trained_runs("gpt"))
    assert (chosen.model.embedding_dim, chosen.model.num_heads, chosen.data.tokenizer) == (8, 2, "words")
    assert chosen.training.length == 8  # the positions that it has learned
    trainer = Trainer(chosen, tmp_path / "run")
    before = load_arrays(trained_runs("gpt") / "weights.safetensors")[0]
    assert {name: array.tolist() for name, array in trainer.model.state_dict().items()} == {
        name: array.tolist() for name, array in before.items()
    }
    assert trainer.job.tokenizer.tokens == load_run(trained_runs("gpt")).tokenizer.tokens
    trainer.run()
    assert all(not np.array_equal(trainer.model.state_dict()[name], before[name]) for name in before)


@pytest.mark.parametrize("kind", ["bert", "classifier"])
def test_a_classifier_takes_the_body_and_a_new_last_layer(kind, trained_runs, tmp_path, monkeypatch):
    parity = task("languages", lambda text: "even" if len(text) % 2 == 0 else "odd")  # other classes
    monkeypatch.setitem(TASKS, "languages", lambda seed=0: parity)
    if kind == "bert":  # a body with the characters of the task
        train(of_task("bert", data__task="languages"), tmp_path / "bert")
    before_in = tmp_path / "bert" if kind == "bert" else trained_runs(kind)
    chosen = fine_tuning(of_task("classifier", model__hidden_size=99, training__length=3), before_in)
    assert chosen.model.body == ("bert" if kind == "bert" else "lstm")
    assert chosen.model.hidden_size == 12
    assert chosen.training.length == (6 if kind == "bert" else 3)
    chosen.training.freeze = ["body.embedding"]
    trainer = Trainer(chosen, tmp_path / "run")
    started = {name: array.copy() for name, array in trainer.model.state_dict().items()}
    before = load_arrays(before_in / "weights.safetensors")[0]
    body = {
        "body." + name.removeprefix("body."): array for name, array in before.items() if name[:4] != "head"
    }
    assert set(body) | {"head.weight", "head.bias"} == set(started)
    for name, array in body.items():
        np.testing.assert_array_equal(started[name], array)
    assert started["head.bias"].shape == (2,)
    trainer.run()
    still = {
        name for name, array in trainer.model.state_dict().items() if np.array_equal(array, started[name])
    }
    assert still == {"body.embedding.weight"}


def test_what_cannot_be_fine_tuned(trained_runs, tmp_path):
    with pytest.raises(CheckpointError, match="kind l0, the recipe wants lstm"):
        fine_tuning(recipe(tmp_path / "x.txt", "lstm"), trained_runs("l0"))
    with pytest.raises(CheckpointError, match="kind vae; a classifier reads with lstm, gpt, bert"):
        fine_tuning(of_task("classifier"), trained_runs("vae"))
    chosen = fine_tuning(of_task("classifier"), trained_runs("classifier"))
    chosen.model.hidden_size = 5
    with pytest.raises(CheckpointError, match="shape"):
        Trainer(chosen, tmp_path / "run")
    with pytest.raises(CheckpointError, match=r"Nothing of .* fits this model: give .* the same model\.kind"):
        begin_with(sl.nn.Linear(2, 2), trained_runs("lstm"))
    chosen.model.hidden_size = 12
    for freeze, words in ((["boddy"], "no weight's name begins so"), (["body", "head"], "nothing to train")):
        chosen.training.freeze = freeze
        with pytest.raises(RecipeError, match=words):
            Trainer(chosen, tmp_path / "run")
    assert not (tmp_path / "run").exists()


# ---------------------------------------------------------------- on the command line
def test_predict_prints_classes_choices_and_beams(scratchlm, trained_runs, tmp_path):
    assert scratchlm("predict", trained_runs("classifier"), "abcd")[1].count("%  of ") == 4
    _, out, _ = scratchlm("predict", trained_runs("lstm"), "cat", "--choice", "sat", "--choice", "mat")
    assert sum(float(line.split("%")[0]) for line in out.splitlines()) == pytest.approx(100, abs=0.02)
    _, out, err = scratchlm("predict", trained_runs("additive"), "abc", "--beam", 2)
    first, second = map(float, re.findall(r"-\d+\.\d\d", err))
    assert first > second
    assert "The percentage is P, the probability of the whole answer." in err
    assert len(out.splitlines()) == 2
    _, out, _ = scratchlm("predict", trained_runs("vae"), "cat sat.", "--to", "mat old.")
    assert len(out.splitlines()) == 7
    options = ["--choice", "cba", "--choice", "a", "--picture", tmp_path / "a.png"]
    _, out, _ = scratchlm("predict", trained_runs("additive"), "abc", *options)
    assert f"attention drawn into {tmp_path / 'a.png'}" in out
    assert (tmp_path / "a.png").exists()


def test_chat_ends_with_an_empty_line_and_survives_what_it_does_not_know(
    scratchlm, trained_runs, monkeypatch
):
    monkeypatch.setattr(sys, "stdin", io.StringIO("abcd\nabΩ\ndcba\n\nabcd\n"))
    code, out, err = scratchlm("chat", trained_runs("none"))
    assert (code, err) == (0, "")
    turns = out.splitlines()
    assert len(turns) == 3
    assert all(turn.startswith("model  ") for turn in turns)
    assert "(not understood)" in turns[1]


def test_finetune_trains_and_keeps_what_is_frozen(scratchlm, trained_runs, tmp_path):
    (tmp_path / "mine.toml").write_text(of_task("classifier").to_toml(), encoding="utf-8")
    options = ["--recipe", tmp_path / "mine.toml", "--freeze", "body", "--steps", 2, "--seed", 3]
    code, out, err = scratchlm("finetune", trained_runs("classifier"), *options, "--out", tmp_path / "run")
    assert (code, err) == (0, "")
    assert "10 test examples, percent" in out
    before, after = (load_run(folder) for folder in (trained_runs("classifier"), tmp_path / "run"))
    assert (after.recipe.training.steps, after.recipe.training.seed) == (2, 3)
    same = [name for name, array in before.model.state_dict().items()
            if np.array_equal(array, after.model.state_dict()[name])]  # fmt: skip
    assert {name.split(".")[0] for name in same} == {"body"}
    assert len(same) == len(list(before.model.body.parameters()))
    code, _, err = scratchlm("predict", tmp_path / "run", "abc", "ab", "--picture", "a.png")
    assert code == 2
    assert "--picture is one file" in err


def test_evaluate_measures_every_kind(scratchlm, trained_runs):
    words = {"classifier": "accuracy", "additive": "exact match", "bert": "accuracy", "vae": "active units"}
    for kind, word in words.items():
        code, out, err = scratchlm("evaluate", trained_runs(kind))
        assert (code, err) == (0, "")
        assert word in out
        assert ("10 test examples" in out) == (kind in ("classifier", "additive"))
    result = scratchlm("evaluate", trained_runs("bert"), "--order", 3)
    assert_one_line(result, "for language models: leave them")


WRONG = {
    "no run": (["predict", "nothing", "abc"], "no run in nothing"),
    "chat with nothing": (["chat", "nothing"], "no run in nothing"),
    "finetune nothing": (["finetune", "nothing", "--recipe", "l1"], "no run in nothing"),
    "unknown": (["predict", "classifier", "Ω"], "do not know: 'Ω'"),
    "beam": (["predict", "classifier", "abc", "--beam", "3"], "writes no answers"),
    "generate": (["generate", "classifier"], "continues no text: use scratchlm predict"),
    "predict a language model": (["predict", "lstm", "cat"], "continue a text with scratchlm generate"),
    "picture": (["predict", "classifier", "abc", "--picture", "a.png"], "no attention over a source"),
    "way": (["predict", "classifier", "abc", "--to", "abd"], "no codes to go between"),
    "way from nothing": (["predict", "vae", "", "--to", "cat"], "a text is empty"),
    "way with a beam": (["predict", "vae", "a", "--to", "b", "--beam", "2"], "leave out --beam, --cho"),
    "other kind": (["finetune", "lstm", "--recipe", "gpt-128"], "kind lstm, the recipe wants gpt"),
    "freeze": (["finetune", "classifier", "--recipe", "MINE", "--freeze", "x"], "names 'x', but no weight"),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_use_is_one_line(name, scratchlm, trained_runs, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.toml").write_text(of_task("classifier").to_toml(), encoding="utf-8")
    (command, run, *rest), words = WRONG[name]
    folder = run if run == "nothing" else trained_runs(run)
    rest = [tmp_path / "mine.toml" if part == "MINE" else part for part in rest]
    assert_one_line(scratchlm(command, folder, *rest), words)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.toml"]
