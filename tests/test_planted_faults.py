"""Planted faults that the stepper finds, each in five commands at most."""

import numpy as np

import scratchlm as sl
from scratchlm import functions as F
from scratchlm import nn
from scratchlm.debugger import record
from scratchlm.debugger.questions import differences

from .test_stepper import IDS, asked, lstm, recorded


def by_hand(model, swapped):
    """The model's LSTM out of cells; `swapped`: the forget gate's bias is used for the output gate too."""
    weights = dict(model.lstm.named_parameters())
    bias = weights["bias_ih_l0"]
    if swapped:
        bias = F.cat([bias[:12], bias[4:8]])
    x, state = model.embedding(IDS.T), (sl.zeros(2, 4), sl.zeros(2, 4))
    outputs = []
    for x_t in x:
        state = F.lstm_cell(
            x_t, *state, weights["weight_ih_l0"], weights["weight_hh_l0"], bias, weights["bias_hh_l0"]
        )
        outputs.append(state[0])
    return F.cross_entropy(model.head(F.stack(outputs)).reshape(-1, 6), IDS.T.reshape(-1))


def test_the_forget_bias_for_the_output_gate(tmp_path):
    model = lstm()
    nn.init.normal_(model.lstm.bias_ih_l0)
    recorded(lambda: by_hand(model, False)).save(tmp_path / "right.tape")
    said = asked(recorded(lambda: by_hand(model, True)), f"diff {tmp_path / 'right.tape'}")
    assert "the first that differs, output 0" in said
    assert "LSTMCell[0]" in said, said
    assert "only in the first" in said
    assert "Concatenate" in said


class OverwrittenEmbedding(sl.Function):
    float_inputs = 1

    def forward(self, weight, ids):
        self.save(ids)
        self.rows = len(weight)
        return weight[ids]

    def backward(self, grad_y):
        (ids,) = self.saved
        grad = np.zeros((self.rows, grad_y.shape[-1]), grad_y.dtype)
        grad[ids] = grad_y  # not added
        return grad, None


def test_an_embedding_gradient_that_is_overwritten():
    W = sl.randn(6, 3, requires_grad=True)
    tape = recorded(lambda: OverwrittenEmbedding()(W, np.array([1, 2, 2])).tanh().sum())
    said = asked(tape, "check all")
    assert "grad_weight: WRONG" in said
    assert "\n    ···\n    ···\n    ×××" in said


def test_softmax_without_the_maximum():
    z = sl.tensor([[1000.0, 0.0]], requires_grad=True)

    def loss():
        e = z.exp()
        return -(e / e.sum()).log()[0, 0]

    with np.errstate(all="ignore"):
        tape = recorded(loss)
    assert "Exp[0](z)" in asked(tape, "until nan") or tape[0].name == "Exp"
    assert not np.isfinite(tape[0].outputs[0].array).all()


def test_kl_with_the_wrong_sign(tmp_path):
    mu = sl.tensor([0.5, -1.0], requires_grad=True)

    def loss(sign):
        return 2.0 * mu.sum() + sign * (0.5 * mu * mu).sum()

    recorded(lambda: loss(1.0)).save(tmp_path / "right.tape")
    said = asked(recorded(lambda: loss(-1.0)), f"diff {tmp_path / 'right.tape'}")
    assert "the first that differs" in said
    assert "KL" not in said
    assert "return 2.0 * mu.sum() + sign" in said, "the line is named"


def test_padding_that_counts():
    model = lstm()
    tape = recorded(lambda: model.loss(IDS, IDS)[0])
    said = asked(tape, "why head.bias[0]")
    assert "LinearCrossEntropy" in said
    counted = tape[-1].inputs[3].array
    assert (counted == 0).sum() == 2, "print targets shows the padding among them"
    right = np.where(IDS == 0, -100, IDS)
    assert "the first that differs" in "".join(differences(tape, recorded(lambda: model.loss(IDS, right)[0])))


def test_softmax_over_the_wrong_axis(tmp_path):
    z = sl.randn(2, 3, requires_grad=True)
    recorded(lambda: (F.softmax(z) ** 2).sum()).save(tmp_path / "right.tape")
    said = asked(recorded(lambda: (F.softmax(z, 0) ** 2).sum()), f"diff {tmp_path / 'right.tape'}", "formula")
    assert "the first that differs, output 0" in said
    assert "axis = 0" in said


def test_a_recorded_array_that_is_changed_in_place():
    x = sl.randn(4, requires_grad=True)

    def loss():
        y = x.exp()
        y.data[0] = 7.0
        return y.sum()

    assert "was changed in place" in asked(recorded(loss), "verify")


class Reused(sl.Function):
    """y = x² + 3x by hand, whose backward keeps the last share alone."""

    def forward(self, x):
        self.save(x)
        return x * x + 3 * x

    def backward(self, grad_y):
        (x,) = self.saved
        grad = 2 * x * grad_y
        grad = 3 * grad_y  # should be +=
        return grad


def test_a_share_that_is_overwritten():
    x = sl.randn(3, requires_grad=True)
    assert "grad_x: WRONG" in asked(recorded(lambda: Reused()(x).sum()), "check")


def test_targets_that_are_not_shifted():
    model = lstm()
    tape = recorded(lambda: model.loss(IDS, IDS)[0])
    inputs = asked(tape, "print ids")
    targets = asked(tape, "until linear_cross_entropy", "print targets").splitlines()[-1]
    assert np.array2string(IDS.T) == inputs
    assert str(IDS.T.reshape(-1)) == targets, "the same numbers: each token is asked for itself"


def test_a_mask_that_lets_the_future_through():
    q, W = sl.randn(1, 4, 2), sl.randn(6, 2, requires_grad=True)

    def loss(causal):
        x = F.embedding(W, np.array([[1, 2, 3, 4]]))
        return F.attention(q, x, x, causal=causal)[0, 0].sum()  # of the first place alone

    later = {
        causal: asked(recorded(lambda c=causal: loss(c)), "print grad_y[0, 1:]").split()
        for causal in (True, False)
    }
    assert set("".join(later[True])) <= set("[]0. "), "what comes later has no part in the first place"
    assert set("".join(later[False])) - set("[]0. ")


def test_adam_without_its_correction(tmp_path):
    def two_steps(corrected):
        model = lstm()
        with record(quiet=True) as tape:
            m = {name: 0.0 for name, _ in model.named_parameters()}
            s = dict(m)
            for t in (1, 2):
                model.zero_grad()
                model.loss(IDS, IDS)[0].backward()
                for name, p in model.named_parameters():
                    g = p.grad.numpy()
                    m[name], s[name] = 0.9 * m[name] + 0.1 * g, 0.999 * s[name] + 0.001 * g * g
                    a, b = (1 - 0.9**t, 1 - 0.999**t) if corrected else (1, 1)
                    p.data = p.numpy() - (0.01 * (m[name] / a) / (np.sqrt(s[name] / b) + 1e-8)).astype("f")
        return tape

    two_steps(True).save(tmp_path / "right.tape")
    said = asked(two_steps(False), f"diff {tmp_path / 'right.tape'}")
    assert "the first that differs, output 0" in said
    assert "Embedding[1]" in said, (
        "the first step is the same, gradients too: so it is what was done with them"
    )


def test_keys_that_are_kept_one_place_off(tmp_path):
    x, W = sl.randn(1, 4, 2), sl.randn(2, 2, requires_grad=True)

    def loss(off):
        keys, outputs = [], []
        for t in range(4):
            keys.append(x[:, max(0, t - off) : max(0, t - off) + 1] @ W)
            k = F.cat(keys, 1)
            outputs.append(F.attention(x[:, t : t + 1], k, k))
        return (F.cat(outputs, 1) ** 2).sum()

    recorded(lambda: loss(0)).save(tmp_path / "right.tape")
    said = asked(recorded(lambda: loss(1)), f"diff {tmp_path / 'right.tape'}")
    assert "the first that differs, output 0" in said
    assert "max(0, t - off)" in said, "the line is named"
