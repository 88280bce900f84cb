"""Programs as courses write them for PyTorch, run with either module: nothing but the import is changed.

Drawn numbers come from NumPy, so that both train on the same ones, and the losses on the way are compared.
"""

import math

import numpy as np
import pytest

import scratchlm as sl

from .tolerance import rounding

WORDS = ["emma", "olivia", "ava", "isabella", "sophia", "charlotte", "mia", "amelia", "harper", "evelyn"]
LETTERS = [".", *sorted(set("".join(WORDS)))]
IDS = {letter: k for k, letter in enumerate(LETTERS)}


def drawn(torch, seed, *shape, scale=1.0):
    return torch.tensor((np.random.default_rng(seed).standard_normal(shape) * scale).astype(np.float32))


def contexts(torch, size):
    """The `size` letters before each letter, and that letter."""
    X, Y = [], []
    for word in WORDS:
        context = [0] * size
        for letter in word + ".":
            X.append(context)
            Y.append(IDS[letter])
            context = [*context[1:], IDS[letter]]
    return torch.tensor(X), torch.tensor(Y)


def counted_bigrams(torch):
    """A table of counts, its rows made probabilities, names drawn from it."""
    N = torch.zeros((len(LETTERS), len(LETTERS)), dtype=torch.int32)
    for word in WORDS:
        for one, other in zip("." + word, word + ".", strict=True):
            N[IDS[one], IDS[other]] += 1
    P = (N + 1).float()
    P /= P.sum(1, keepdim=True)
    g, out, ix = torch.Generator().manual_seed(2147483647), [], 0
    for _ in range(20):
        ix = torch.multinomial(P[ix], num_samples=1, replacement=True, generator=g).item()
        out.append(LETTERS[ix])
        if ix == 0:
            break
    assert set(out) <= set(LETTERS)
    likelihood, n = 0.0, 0
    for word in WORDS:
        for one, other in zip("." + word, word + ".", strict=True):
            likelihood += torch.log(P[IDS[one], IDS[other]])
            n += 1
    return [float(f"{-likelihood / n:.6f}"), P.max().item(), N.sum().item()]


def trained_bigrams(torch):
    """The same by gradient descent on a matrix, gradients by hand in sight."""
    X, Y = contexts(torch, 1)
    xs, num = X.flatten(), X.nelement()
    W = drawn(torch, 1, len(LETTERS), len(LETTERS))
    W.requires_grad_()
    losses = []
    for _ in range(10):
        xenc = torch.nn.functional.one_hot(xs, num_classes=len(LETTERS)).float()
        logits = xenc @ W
        counts = logits.exp()
        probs = counts / counts.sum(1, keepdims=True)
        loss = -probs[torch.arange(num), Y].log().mean() + 0.01 * (W**2).mean()
        W.grad = None
        loss.backward()
        W.data += -10 * W.grad
        losses.append(loss.item())
    return losses


def letters_from_three(torch):
    """Embedding, hidden layer with batch normalisation by hand, mini-batches."""
    F = torch.nn.functional
    X, Y = contexts(torch, 3)
    V, D, H = len(LETTERS), 4, 16
    C = drawn(torch, 1, V, D)
    W1 = drawn(torch, 2, 3 * D, H) * (5 / 3) / ((3 * D) ** 0.5)
    W2, b2 = drawn(torch, 3, H, V) * 0.01, torch.zeros(V)
    gain, bias = torch.ones((1, H)), torch.zeros((1, H))
    running = torch.zeros((1, H))
    parameters = [C, W1, W2, b2, gain, bias]
    for p in parameters:
        p.requires_grad = True
    losses, rng = [], np.random.default_rng(5)
    for i in range(15):
        ix = torch.tensor(rng.integers(0, X.shape[0], (32,)))
        emb = C[X[ix]]
        pre = emb.view(emb.shape[0], -1) @ W1
        mean, std = pre.mean(0, keepdim=True), pre.std(0, keepdim=True)
        h = torch.tanh(gain * (pre - mean) / std + bias)
        loss = F.cross_entropy(h @ W2 + b2, Y[ix])
        with torch.no_grad():
            running = 0.9 * running + 0.1 * mean
        for p in parameters:
            p.grad = None
        loss.backward()
        lr = 0.1 if i < 10 else 0.01
        for p in parameters:
            p.data += -lr * p.grad
        losses.append(loss.log10().item())
    return [*losses, running.abs().sum().item()]


def small_gpt(torch):
    """Masked attention by a registered buffer, heads in a ModuleList, blocks in a Sequential, sampling."""
    nn, F = torch.nn, torch.nn.functional
    block_size, D, device = 8, 12, torch.device("cuda" if torch.cuda.is_available() else "cpu")
    text = torch.tensor([IDS[c] for c in ".".join(WORDS)], dtype=torch.long)
    V = len(LETTERS)

    class Head(nn.Module):
        def __init__(self, head_size):
            super().__init__()
            self.key = nn.Linear(D, head_size, bias=False)
            self.query = nn.Linear(D, head_size, bias=False)
            self.value = nn.Linear(D, head_size, bias=False)
            self.register_buffer("tril", torch.tril(torch.ones(block_size, block_size)))
            self.dropout = nn.Dropout(0.0)

        def forward(self, x):
            _, T, _ = x.shape
            k, q = self.key(x), self.query(x)
            wei = q @ k.transpose(-2, -1) * k.shape[-1] ** -0.5
            wei = wei.masked_fill(self.tril[:T, :T] == 0, float("-inf"))
            return self.dropout(F.softmax(wei, dim=-1)) @ self.value(x)

    class Block(nn.Module):
        def __init__(self, n_head):
            super().__init__()
            self.heads = nn.ModuleList([Head(D // n_head) for _ in range(n_head)])
            self.proj = nn.Linear(D, D)
            self.ffwd = nn.Sequential(nn.Linear(D, 4 * D), nn.ReLU(), nn.Linear(4 * D, D))
            self.ln1, self.ln2 = nn.LayerNorm(D), nn.LayerNorm(D)

        def forward(self, x):
            normed = self.ln1(x)
            x = x + self.proj(torch.cat([head(normed) for head in self.heads], dim=-1))
            return x + self.ffwd(self.ln2(x))

    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.token = nn.Embedding(V, D)
            self.position = nn.Embedding(block_size, D)
            self.blocks = nn.Sequential(*[Block(n_head=3) for _ in range(2)])
            self.ln_f = nn.LayerNorm(D)
            self.lm_head = nn.Linear(D, V)
            self.apply(self._init_weights)

        def _init_weights(self, module):
            if isinstance(module, nn.Linear):
                torch.nn.init.normal_(module.weight, mean=0.0, std=0.02)
                if module.bias is not None:
                    torch.nn.init.zeros_(module.bias)

        def forward(self, idx, targets=None):
            B, T = idx.shape
            x = self.token(idx) + self.position(torch.arange(T, device=idx.device))
            logits = self.lm_head(self.ln_f(self.blocks(x)))
            if targets is None:
                return logits, None
            B, T, C = logits.shape
            return logits, F.cross_entropy(logits.view(B * T, C), targets.view(B * T))

        def generate(self, idx, max_new_tokens):
            for _ in range(max_new_tokens):
                logits, _ = self(idx[:, -block_size:])
                probs = F.softmax(logits[:, -1, :], dim=-1)
                idx = torch.cat((idx, torch.multinomial(probs, num_samples=1)), dim=1)
            return idx

    torch.manual_seed(1337)
    model = Model().to(device)
    for k, (name, p) in enumerate(model.named_parameters()):
        if not name.endswith("bias") and "ln" not in name:
            with torch.no_grad():
                p.copy_(drawn(torch, k, *p.shape, scale=0.1).to(device))
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=10)
    rng = np.random.default_rng(3)

    def batch():
        ix = torch.tensor(rng.integers(0, len(text) - block_size, (4,)))
        x = torch.stack([text[i : i + block_size] for i in ix])
        y = torch.stack([text[i + 1 : i + block_size + 1] for i in ix])
        return x.to(device), y.to(device)

    @torch.no_grad()
    def estimate():
        model.eval()
        losses = torch.zeros(2)
        for k in range(2):
            losses[k] = model(*batch())[1].item()
        model.train()
        return losses.mean()

    found = [sum(p.numel() for p in model.parameters())]
    for _ in range(6):
        _, loss = model(*batch())
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        scheduler.step()
        found.append(loss.item())
    context = torch.zeros((1, 1), dtype=torch.long, device=device)
    assert len(model.generate(context, max_new_tokens=12)[0].tolist()) == 13
    return [*found, float(estimate()), optimizer.param_groups[0]["lr"]]


def classified_names(torch):
    """Padded sequences through an LSTM, the last state to a linear layer, dropout, accuracy."""
    nn = torch.nn

    class Classifier(nn.Module):
        def __init__(self):
            super(Classifier, self).__init__()  # noqa: UP008 (as it is written in courses)
            self.embedding = nn.Embedding(len(LETTERS), 6, padding_idx=0)
            self.lstm = nn.LSTM(6, 8, num_layers=2, batch_first=True, bidirectional=True)
            self.dropout = nn.Dropout(p=0.2)
            self.fc = nn.Linear(16, 2)

        def forward(self, x):
            _, (hidden, _) = self.lstm(self.embedding(x))
            hidden = torch.cat((hidden[-2, :, :], hidden[-1, :, :]), dim=1)
            return self.fc(self.dropout(hidden))

    model = Classifier()
    model.dropout.p = 0.0  # draws differ between the two
    for k, p in enumerate(model.parameters()):
        p.data = drawn(torch, k, *p.shape, scale=0.3)
    rows = [torch.tensor([IDS[c] for c in word]) for word in WORDS]
    x = nn.utils.rnn.pad_sequence(rows, batch_first=True, padding_value=0)
    y = torch.tensor([word.endswith("a") for word in WORDS]).long()
    criterion = nn.CrossEntropyLoss(weight=torch.tensor([1.0, 2.0]))
    optimizer = torch.optim.RMSprop(model.parameters(), lr=0.01, momentum=0.5)
    losses = []
    for _ in range(8):
        model.train()
        optimizer.zero_grad()
        output = model(x)
        loss = criterion(output, y)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    model.eval()
    with torch.no_grad():
        predicted = torch.argmax(model(x), dim=1)
        correct = (predicted == y).sum().item()
        _, again = torch.max(model(x).data, 1)
    assert again.tolist() == predicted.tolist()
    return [*losses, correct / len(y)]


def straight_line(torch):
    """Linear regression, Sequential, MSE, weights saved and loaded."""
    torch.manual_seed(0)
    x = torch.linspace(-1, 1, 50).unsqueeze(1)
    y = 3 * x + 0.5 + 0.1 * torch.sin(10 * x)
    model = torch.nn.Sequential(torch.nn.Linear(1, 8), torch.nn.Tanh(), torch.nn.Linear(8, 1))
    with torch.no_grad():
        for k, p in enumerate(model.parameters()):
            p.copy_(drawn(torch, k, *p.shape, scale=0.5))
    criterion, optimizer = torch.nn.MSELoss(), torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, step_size=5, gamma=0.5)
    losses = []
    for _ in range(20):
        prediction = model(x)
        loss = criterion(prediction, y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        scheduler.step()
        losses.append(loss.detach().numpy().item())
    residual = (prediction - y).abs()
    print(f"loss {loss:.4f}, worst {residual.max():.3f} at {int(residual.argmax())}", scheduler.get_last_lr())
    return [*losses, residual.max().item(), math.sqrt(residual.pow(2).mean())]


PROGRAMS = [counted_bigrams, trained_bigrams, letters_from_three, small_gpt, classified_names, straight_line]


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.__name__)
def test_a_program_written_for_pytorch_trains_the_same(program, device):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed (pip install torch)")
    found, expected = program(sl), program(torch)
    assert len(found) == len(expected)
    np.testing.assert_allclose(found, expected, rtol=rounding(10_000))
