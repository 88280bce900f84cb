"""The device cuda without a GPU: a strict stand-in for CuPy, whose kernels the emulator runs."""

import functools

import numpy as np
import pytest

import scratchlm as sl
from scratchlm import functions as F
from scratchlm import models, nn, optim
from scratchlm.debugger import gradcheck
from scratchlm.device import transfers
from scratchlm.errors import TokenError
from scratchlm.generation import generate
from scratchlm.runs import load_run
from scratchlm.training import Trainer, evaluate, load_recipe
from scratchlm.training import data as preparing

from . import fake_cupy
from .conftest import NO_CARD
from .test_training import content, recipe, text, train_in_two_parts
from .tolerance import through

MODELS = {
    "lstm": lambda: models.LSTMLanguageModel(13, 8, 12, num_layers=2, dropout=0.1),
    "gpt": lambda: models.GPTLanguageModel(13, 10, 8, num_layers=2, num_heads=2, dropout=0.1),
}
IDS = np.random.default_rng(0).integers(0, 13, (4, 11))


@pytest.fixture(autouse=True, params=["stand-in"] + ([] if NO_CARD else ["card"]))
def cupy(request, monkeypatch):
    """The stand-in, and CuPy itself where there is a GPU."""
    if request.param == "stand-in":
        fake_cupy.install(monkeypatch)
    return request.param


def train(name, device, steps=5):
    """Losses of some steps, and the copies that each made."""
    sl.manual_seed(0)
    found, copies = [], []
    with sl.use_device(device):
        model = MODELS[name]()
        optimizer = optim.AdamW(model.parameters(), 1e-2)
        state = None
        for _ in range(steps):
            before = dict(fake_cupy.bus)
            with transfers() as counted:
                optimizer.zero_grad()
                loss, state = model.loss(IDS[:, :-1], IDS[:, 1:], state)
                loss.backward()
                optim.clip_grad_norm_(optimizer.parameters, 0.1)
                optimizer.step()
                found.append(loss.item())
            state = state and tuple(part.detach() for part in state)
            made = {way: fake_cupy.bus[way] - before[way] for way in before}
            if NO_CARD:  # the stand-in counts for itself; CuPy tells nobody
                expected = vars(counted) if device == "cuda" else dict.fromkeys(made, 0)
                assert made == expected, "an uncounted copy"
            copies.append(counted)
    return found, copies, model


@pytest.mark.parametrize("name", MODELS)
def test_a_step_copies_ids_up_and_loss_and_norm_down(name):
    expected, nothing, _ = train(name, "cpu")
    found, copies, model = train(name, "cuda")
    assert expected[-1] < expected[0]
    np.testing.assert_allclose(found, expected, atol=1e-3)  # of training, see emulator/test_training.py
    ids, table = IDS[:, 1:].nbytes, 8 * len(list(model.parameters()))
    for step, counted in enumerate(copies):
        tables = counted.up - 2  # beside ids and targets: where gradients lie, if elsewhere than before
        assert 0 <= tables <= (8 if step == 0 else 2)
        assert 2 * ids <= counted.up_bytes <= 2 * ids + max(1, tables) * table
        assert (counted.down, counted.down_bytes) == (2, 4 + 8)  # the loss in float32, the norm in float64
    assert {counted.up + counted.down for counted in nothing} == {0}


# ---------------------------------------------------------------- a whole run
@pytest.fixture
def data(tmp_path):
    path = tmp_path / "text.txt"
    path.write_text(text(words=300), encoding="utf-8")
    return path


@pytest.mark.parametrize("kind", ["lstm", "gpt"])
def test_a_run_trains_resumes_generates_and_evaluates(kind, data, tmp_path):
    sizes = {"model__embedding_dim": 8, "model__num_layers": 2, "training__batch": 2}
    heads = {"model__num_heads": 2} if kind == "gpt" else {}
    chosen = recipe(data, model__kind=f'"{kind}"', training__device='"cuda"', **sizes, **heads)
    Trainer(chosen, tmp_path / "whole").run()
    train_in_two_parts(chosen, tmp_path / "parts", stop=5)
    found, whole = content(tmp_path / "parts"), content(tmp_path / "whole")
    assert [key for key in whole if found[key] != whole[key]] == []

    there, here = (load_run(tmp_path / "whole", device) for device in ("cuda", "cpu"))
    assert {p.device.name for p in there.model.parameters()} == {"cuda"}
    assert "".join(there.stream("the cat", 12, seed=3)) == "".join(here.stream("the cat", 12, seed=3))
    ids = np.array(there.tokenizer.encode(text(1, 80)))
    losses = [evaluate(run.model, ids, len(ids)).loss for run in (there, here)]
    assert losses[0] == pytest.approx(losses[1], abs=through(here.model, 80))


@pytest.mark.parametrize("name", ["addition", "sentiment", "vae"])
def test_a_step_of_a_task_is_that_of_the_cpu_and_asks_the_card_twice(name, tmp_path, monkeypatch):
    monkeypatch.setattr(preparing, "load_task", functools.cache(preparing.load_task))  # once for both devices
    small = ["model.embedding_dim=8", "model.hidden_size=12", "training.batch=3"]
    losses = []
    for device in ("cpu", "cuda"):
        trainer = Trainer(load_recipe(name, [*small, f"training.device={device}"]), tmp_path / device)
        for _ in range(2):
            with transfers() as copies:
                trainer.step()
        losses.append(trainer.pending.losses)
        assert copies.down == (2 if device == "cuda" else 0)
    assert losses[0] == pytest.approx(losses[1], abs=1e-3)  # of training, see emulator/test_training.py


def test_a_model_and_its_optimizer_move_to_the_card_and_back():
    found = []
    for devices in (["cpu"] * 3, ["cpu", "cuda", "cpu"]):
        sl.manual_seed(0)
        model = models.LSTMLanguageModel(13, 8, 12, device="cpu")
        optimizer = optim.Adam(model.parameters(), 1e-2)
        for device in devices:
            model.to(device)
            optimizer.zero_grad()
            loss, _ = model.loss(IDS[:, :-1], IDS[:, 1:])
            loss.backward()
            optimizer.step()
        found.append(loss.item())
    assert found[0] == pytest.approx(found[1], abs=3 * through(model, 10, back=True))  # three steps


# ---------------------------------------------------------------- single tensors
def test_to_is_part_of_the_graph():
    x = sl.tensor([1.0, 2.0], requires_grad=True, device="cpu")
    ((x * 1).to("cuda") * 3).to("cpu").sum().backward()
    assert x.grad.device.name == "cpu"
    assert x.grad.numpy().tolist() == [3, 3]


def test_a_copy_on_the_card_is_not_the_same_memory():
    x = sl.tensor([1.0, 2.0], requires_grad=True, device="cpu")
    y = x.to("cuda")
    z = (y * y).sum()
    with sl.no_grad():
        x[0] = 5  # the copy, which backward reads, is as it was
    z.backward()
    assert x.grad.numpy().tolist() == [2, 4]


def test_numbers_lists_and_numpy_arrays_stand_beside_a_tensor():
    x = sl.tensor([[1.0, 2.0], [3.0, 4.0]], device="cuda")
    assert (2 * x - [1, 0] + np.ones(2, np.float32)).numpy().tolist() == [[2, 5], [6, 9]]
    assert (x > [[1, 1], [5, 1]]).numpy().tolist() == [[False, True], [False, True]]
    assert x[[1, 0], np.array([0, 1])].numpy().tolist() == [3, 2]
    x[:, 0] = np.zeros(2)
    assert repr(x).startswith("tensor([[0., 2.],")
    assert np.array(x).sum() == float(x.sum())
    assert F.where([True, False], x, 9.0).numpy().tolist() == [[0, 9], [0, 9]]


def test_a_number_beside_a_tensor_is_not_copied():
    x = sl.tensor([1.0, 2.0], device="cuda")
    with transfers() as copies:
        (1 - x / 3.0) * x.mean()
    assert (copies.up, copies.down) == (0, 0)


@pytest.mark.parametrize("ids", [np.array([0, 13]), [0, -1]], ids=["array", "list"])
def test_a_wrong_id_is_refused_before_it_gets_to_the_card(ids):
    layer = nn.Embedding(13, 4, device="cuda")
    with pytest.raises(TokenError, match="outside the embedding's table of 13"):
        layer(ids)
    with pytest.raises(TokenError, match=r"target 1[34]"):
        F.cross_entropy(sl.tensor(np.zeros((1, 13), np.float32), device="cuda"), np.array([13]))
    with pytest.raises(TokenError, match="outside the embedding's table of 13"):
        layer(sl.tensor(ids, device="cuda"))  # looked at there, which waits


def test_gradcheck_on_the_card():
    x = sl.tensor(np.linspace(-1, 1, 6).reshape(2, 3), requires_grad=True, device="cuda")
    gradcheck(lambda x: (F.softmax(x) * x.tanh()).sum(), [x])


def test_generation_is_that_of_the_cpu():
    found = []
    for device in ("cpu", "cuda"):
        sl.manual_seed(0)
        model = MODELS["gpt"]().to(device)
        found.append(list(generate(model, [1, 2], 15, seed=5)))
    assert found[0] == found[1]
