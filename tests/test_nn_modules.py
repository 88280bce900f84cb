"""Modules that hold others, buffers, parts by name, and what would be lost without a word."""

from collections import OrderedDict

import numpy as np
import pytest

import scratchlm as sl
from scratchlm import functions as F
from scratchlm import nn
from scratchlm.errors import CheckpointError, OptionError


def linear():
    return nn.Linear(2, 2)


# ---------------------------------------------------------------- layers that nobody would find
LOST = {
    "list": (lambda: [linear()], r"Net\.kept is a list with a Linear in it.*nn\.ModuleList"),
    "tuple": (lambda: (linear(),), r"nn\.ModuleList"),
    "dict": (lambda: {"a": linear()}, r"nn\.ModuleDict"),
    "nested": (lambda: {"a": [1, (linear(),)]}, r"nn\.ModuleDict"),
    "parameters": (lambda: [nn.Parameter(np.ones(2))], r"nn\.ParameterList"),
}


class Net(nn.Module):
    def __init__(self, kept=None):
        self.out = linear()
        self.kept = kept


@pytest.mark.parametrize("kept", LOST)
def test_layers_in_a_list_are_refused_where_it_is_set(kept):
    make, words = LOST[kept]
    with pytest.raises(OptionError, match=words):
        Net(make())


def test_a_list_of_layers_that_have_names_beside_it_is_no_loss():
    """So do DeZero's models and minitorch's modules."""

    class Net(nn.Module):
        def __init__(self):
            self.layers, self.biases = [], []
            for k in range(2):
                self.add_module(f"l{k}", linear())
                self.layers.append(getattr(self, f"l{k}"))
            self.register_parameter("bias", nn.Parameter([1.0]))
            self.biases.append(self.bias)
            self.first = [self.l0.weight, {"last": self.l1}]

    net = Net()
    assert [name for name, _ in net.named_parameters()] == [
        "bias", "l0.weight", "l0.bias", "l1.weight", "l1.bias"
    ]  # fmt: skip
    net.layers.append(linear())
    with pytest.raises(OptionError, match=r"Net\.layers is a list with a Linear in it"):
        list(net.parameters())


@pytest.mark.parametrize("use", [nn.Module.state_dict, lambda net: list(net.parameters())])
@pytest.mark.parametrize("deep", [False, True])
def test_layers_appended_later_are_refused_where_parameters_are_asked_for(use, deep):
    net = Net([])
    net.kept.append(linear())
    with pytest.raises(OptionError, match=r"Net\.kept is a list"):
        use(nn.Sequential(net) if deep else net)


def test_other_lists_are_kept():
    net = Net([1, "a", {"b": (2, None)}, sl.tensor([1.0])])
    assert len(list(net.parameters())) == 2
    net.out.bias = None
    assert len(list(net.parameters())) == 1


def test_a_parameter_is_replaced_by_a_parameter_alone():
    layer = linear()
    with pytest.raises(OptionError, match=r"Linear\.weight is a parameter.*nn\.Parameter"):
        layer.weight = sl.tensor(np.ones((2, 2)))
    layer.weight = nn.Parameter(np.ones((2, 2), np.float32))
    assert layer.state_dict()["weight"].tolist() == [[1, 1], [1, 1]]


# ---------------------------------------------------------------- names as PyTorch gives them
def build(m):
    """The same model of ours or of PyTorch's, with everything that holds parts."""
    inner = m.Sequential(OrderedDict([("first", m.Linear(2, 3)), ("then", m.Tanh())]))
    net = m.Module()
    m.Module.__init__(net)
    net.layers = m.ModuleList([m.Linear(2, 2), inner])
    net.layers.append(m.Linear(3, 1))
    net.heads = m.ModuleDict({"start": m.Linear(2, 1)})
    net.heads["end"] = net.layers[0]  # a layer in two places
    net.add_module("extra", m.Linear(1, 1, bias=False))
    return net


def test_names_are_pytorchs():
    torch = pytest.importorskip("torch", reason="PyTorch is not installed (pip install torch)")
    ours, theirs = build(nn), build(torch.nn)
    for a, b in ((ours, nn.Parameter(np.ones(2))), (theirs, torch.nn.Parameter(torch.ones(2)))):
        a.register_parameter("scale", b)
        a.register_parameter("none", None)
    for net, numbers in ((ours, sl.tensor([1.0, 2.0])), (theirs, torch.tensor([1.0, 2.0]))):
        net.register_buffer("mask", numbers)
        net.layers[1].register_buffer("passing", numbers, persistent=False)
    assert sorted(ours.state_dict()) == sorted(theirs.state_dict())
    for of in ("named_parameters", "named_modules", "named_buffers", "named_children"):
        found, expected = ([name for name, _ in getattr(net, of)()] for net in (ours, theirs))
        assert found == expected, of
    assert [name for name, _ in ours.named_parameters("a")][:2] == ["a.scale", "a.layers.0.weight"]
    assert len(list(ours.modules())) == len(list(theirs.modules()))
    assert len(list(ours.children())) == len(list(theirs.children())) == 3


def test_every_part_is_trained_moved_and_called(device):
    net = nn.Sequential(linear(), nn.Sequential(linear(), nn.ReLU()))
    net(sl.tensor([[1.0, 2.0]])).sum().backward()
    assert all(p.grad is not None for p in net[0].parameters())
    assert [len(net), len(net[:1]), type(net[-1]).__name__] == [2, 1, "Sequential"]
    assert net[:1][0] is net[0]
    net[0] = nn.Identity()
    assert [type(part).__name__ for part in net] == ["Identity", "Sequential"]


def test_buffers_are_saved_loaded_and_moved():
    net = linear()
    net.register_buffer("mask", sl.tensor([1.0, 2.0]))
    net.register_buffer("count", sl.tensor([3]))
    net.register_buffer("none", None)
    net.register_buffer("passing", sl.tensor([5.0]), persistent=False)
    state = {name: array.copy() for name, array in net.state_dict().items()}
    assert sorted(state) == ["bias", "count", "mask", "weight"]
    net.mask = sl.tensor([7.0, 8.0])  # still the buffer
    assert net.state_dict()["mask"].tolist() == [7, 8]
    net.load_state_dict(state)
    assert net.mask.numpy().tolist() == [1, 2]
    assert [p.device.name for p in net.buffers()] == ["reference"] * 3
    net.to("cpu")
    assert [p.device.name for p in net.buffers()] == ["cpu"] * 3
    assert len(list(net.parameters())) == 2
    with pytest.raises(CheckpointError, match=r"'count' has 1\.5 in the weights, which int64 cannot hold"):
        net.load_state_dict(state | {"count": np.array([1.5])})


def test_parameter_lists(device):
    scales = nn.ParameterList([nn.Parameter(np.ones(2, np.float32)), sl.tensor([3.0])])
    assert sorted(scales.state_dict()) == ["0", "1"]
    assert scales[1].requires_grad
    assert sum(p.size for p in scales) == 3


def test_apply_reaches_parts_before_the_whole_and_freezing_all():
    net, seen = nn.Sequential(linear(), nn.Sequential(nn.Tanh())), []
    assert net.apply(lambda module: seen.append(type(module).__name__)) is net
    assert seen == ["Linear", "Tanh", "Sequential", "Sequential"]
    assert not any(p.requires_grad for p in net.requires_grad_(False).parameters())


def test_super_init_may_be_called():
    class Called(nn.Module):
        def __init__(self):
            super().__init__()
            self.out = linear()

    assert Called().count_parameters() == Net().count_parameters() == 6


REFUSED = {
    "a list": (lambda: nn.Sequential([linear()]), r"got a list: write Sequential\(\*layers\)"),
    "a function": (lambda: nn.Sequential(linear(), F.relu), r"the function relu: write nn\.ReLU\(\)"),
    "another function": (lambda: nn.Sequential(F.layer_norm), r"layer_norm: write nn\.LayerNorm\(\)"),
    "a lambda": (lambda: nn.Sequential(lambda x: x), r"in the forward of a Module of your own"),
    "a class": (lambda: nn.ModuleList([nn.ReLU]), r"the class ReLU: make one, nn\.ReLU\(…\)"),
    "a number": (lambda: nn.ModuleDict({"a": 3}), r"ModuleDict takes modules, got 3: pass layers"),
    "a dot": (lambda: nn.ModuleDict({"a.b": linear()}), r"cannot name a part 'a\.b'"),
    "taken": (lambda: nn.ModuleDict({"forward": linear()}), r"cannot name a part 'forward'"),
    "no parameter": (lambda: linear().register_parameter("p", sl.tensor([1.0])), r"expected a Parameter"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_part_is_refused(name):
    make, words = REFUSED[name]
    with pytest.raises(OptionError, match=words):
        make()


@pytest.mark.parametrize("name", ["Conv2d", "BatchNorm1d"])
def test_layers_left_out_say_so(name):
    with pytest.raises(AttributeError, match=f"scratchlm.nn has no '{name}': it is left out on purpose"):
        getattr(nn, name)
    assert not hasattr(nn, "__path_of_nothing__")


def test_a_misspelt_layer_names_the_nearest():
    with pytest.raises(AttributeError, match=r"no 'Linaer' \(did you mean 'Linear'\?\)"):
        _ = nn.Linaer


def test_identity_and_flatten(device):
    x = sl.tensor(np.arange(24.0).reshape(2, 3, 4))
    assert nn.Identity(3, unused=True)(x) is x
    assert nn.Flatten()(x).shape == (2, 12)
    assert nn.Flatten(0, 1)(x).shape == (6, 4)


# ---------------------------------------------------------------- state dicts
def test_a_transposed_parameter_is_handed_out_row_by_row():
    layer = nn.Linear(2, 3)
    numbers = np.arange(6, dtype=np.float32).reshape(2, 3)
    layer.weight = nn.Parameter(numbers.T)
    array = layer.state_dict()["weight"]
    assert array.flags.c_contiguous
    assert np.frombuffer(array.tobytes(), np.float32).tolist() == numbers.T.ravel().tolist()
    assert np.shares_memory(layer.state_dict()["bias"], layer.bias.numpy())


def test_numbers_of_other_types_are_loaded():
    torch = pytest.importorskip("torch", reason="PyTorch is not installed (pip install torch)")
    numbers = np.array([[1.5, -2.0], [0.25, 3.0]])
    for given in (
        torch.tensor(numbers, dtype=torch.bfloat16),
        torch.tensor(numbers, requires_grad=True),
        torch.tensor(numbers, dtype=torch.float16),
        torch.nn.Parameter(torch.tensor(numbers)),
        numbers.astype(">f4"),
        numbers.tolist(),
        nn.Parameter(numbers),
    ):
        layer = linear()
        layer.load_state_dict({"weight": given}, strict=False)
        assert np.array_equal(layer.weight.numpy(), numbers)
        assert layer.weight.dtype == np.dtype("=f4")


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (np.ones(2, complex), "complex128"),
        (np.array([1e300, 0]), "1e\\+300 in the weights, which float32 cannot hold"),
        (None, "None"),
        ([[1, 2], [3]], "lists of unequal lengths"),
        (np.array(["a", "b"]), "<U1"),
        ([object()], "object"),
        (..., "Ellipsis"),
    ],
    ids=["complex", "too large", "None", "ragged", "text", "object", "ellipsis"],
)
def test_what_is_no_number_is_refused_by_name(given, words):
    layer = linear()
    before = layer.bias.numpy().copy()
    with pytest.raises(CheckpointError, match=f"'bias' .*{words}"):
        layer.load_state_dict({"bias": given}, strict=False)
    assert np.array_equal(layer.bias.numpy(), before)


def test_complex_tensors_of_pytorch_are_refused_by_name():
    torch = pytest.importorskip("torch", reason="PyTorch is not installed (pip install torch)")
    with pytest.raises(CheckpointError, match="'bias' is complex64"):
        linear().load_state_dict({"bias": torch.ones(2, dtype=torch.complex64)}, strict=False)
