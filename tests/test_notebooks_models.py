"""More programs as courses write them, with either module: models of well-known lessons, in our own words."""

import copy
import math

import numpy as np
import pytest

import scratchlm as sl

from .test_notebooks import drawn
from .tolerance import rounding


def fixed(torch, model, scale=0.2):
    """The same weights in both."""
    with torch.no_grad():
        for k, p in enumerate(model.parameters()):
            p.copy_(drawn(torch, k, *p.shape, scale=scale))
    return model


def ids(torch, seed, high, *shape):
    return torch.tensor(np.random.default_rng(seed).integers(1, high, shape))


def gpt_with_tied_weights(torch):
    """Modules in a ModuleDict, tied embedding, fused projections, parameter groups, top-k sampling."""
    nn, F = torch.nn, torch.nn.functional
    V, T, D, heads = 11, 6, 12, 3

    class LayerNorm(nn.Module):
        def __init__(self, ndim, bias):
            super().__init__()
            self.weight = nn.Parameter(torch.ones(ndim))
            self.bias = nn.Parameter(torch.zeros(ndim)) if bias else None

        def forward(self, input):
            return F.layer_norm(input, self.weight.shape, self.weight, self.bias, 1e-5)

    class Attention(nn.Module):
        def __init__(self):
            super().__init__()
            self.c_attn, self.c_proj = nn.Linear(D, 3 * D, bias=False), nn.Linear(D, D, bias=False)
            self.register_buffer("bias", torch.tril(torch.ones(T, T)).view(1, 1, T, T))
            self.flash = hasattr(F, "scaled_dot_product_attention")

        def forward(self, x):
            B, n, C = x.size()
            q, k, v = self.c_attn(x).split(D, dim=2)
            q, k, v = (a.view(B, n, heads, C // heads).transpose(1, 2) for a in (q, k, v))
            att = (q @ k.transpose(-2, -1)) * (1.0 / math.sqrt(k.size(-1)))
            att = att.masked_fill(self.bias[:, :, :n, :n] == 0, float("-inf"))
            y = F.softmax(att, dim=-1) @ v
            if self.flash:
                fast = F.scaled_dot_product_attention(q, k, v, attn_mask=None, dropout_p=0.0, is_causal=True)
                assert torch.allclose(y, fast, atol=1e-5)
            return self.c_proj(y.transpose(1, 2).contiguous().view(B, n, C))

    class Block(nn.Module):
        def __init__(self):
            super().__init__()
            self.ln_1, self.attn, self.ln_2 = LayerNorm(D, bias=False), Attention(), LayerNorm(D, bias=True)
            self.mlp = nn.ModuleDict(
                dict(c_fc=nn.Linear(D, 4 * D), act=nn.GELU(), c_proj=nn.Linear(4 * D, D))
            )
            m = self.mlp
            self.mlpf = lambda x: m.c_proj(m.act(m.c_fc(x)))

        def forward(self, x):
            x = x + self.attn(self.ln_1(x))
            return x + self.mlpf(self.ln_2(x))

    class GPT(nn.Module):
        def __init__(self):
            super().__init__()
            self.transformer = nn.ModuleDict(
                dict(
                    wte=nn.Embedding(V, D),
                    wpe=nn.Embedding(T, D),
                    drop=nn.Dropout(0.0),
                    h=nn.ModuleList([Block() for _ in range(2)]),
                    ln_f=LayerNorm(D, bias=True),
                )
            )
            self.lm_head = nn.Linear(D, V, bias=False)
            self.transformer.wte.weight = self.lm_head.weight
            for pn, p in self.named_parameters():
                if pn.endswith("c_proj.weight"):
                    torch.nn.init.normal_(p, mean=0.0, std=0.02 / math.sqrt(4))

        def forward(self, idx, targets=None):
            pos = torch.arange(0, idx.size()[1], dtype=torch.long, device=idx.device)
            x = self.transformer.drop(self.transformer.wte(idx) + self.transformer.wpe(pos))
            for block in self.transformer.h:
                x = block(x)
            x = self.transformer.ln_f(x)
            if targets is None:
                return self.lm_head(x[:, [-1], :]), None
            logits = self.lm_head(x)
            return logits, F.cross_entropy(
                logits.view(-1, logits.size(-1)), targets.view(-1), ignore_index=-1
            )

        @torch.no_grad()
        def generate(self, idx, count, temperature=1.0, top_k=None):
            for _ in range(count):
                logits, _ = self(idx if idx.size(1) <= T else idx[:, -T:])
                logits = logits[:, -1, :] / temperature
                v, _ = torch.topk(logits, min(top_k, logits.size(-1)))
                logits[logits < v[:, [-1]]] = -float("Inf")
                idx = torch.cat((idx, torch.multinomial(F.softmax(logits, dim=-1), num_samples=1)), dim=1)
            return idx

    model = fixed(torch, GPT())
    found = [sum(p.numel() for p in model.parameters())]
    named = {pn: p for pn, p in model.named_parameters() if p.requires_grad}
    groups = [
        {"params": [p for p in named.values() if p.dim() >= 2], "weight_decay": 0.1},
        {"params": [p for p in named.values() if p.dim() < 2], "weight_decay": 0.0},
    ]
    optimizer = torch.optim.AdamW(groups, lr=1e-2, betas=(0.9, 0.95))
    for step in range(4):
        x, y = ids(torch, step, V, 3, T), ids(torch, step + 50, V, 3, T)
        y[0, :2] = -1
        for group in optimizer.param_groups:
            group["lr"] = 1e-2 * (step + 1) / 4
        _, loss = model(x, y)
        (loss / 2).backward()
        norm = torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        found += [loss.item(), float(norm)]
    model.eval()
    out = model.generate(torch.zeros((2, 1), dtype=torch.long), 8, temperature=0.8, top_k=3)
    assert out.shape == (2, 9)
    return found


def translation_transformer(torch):
    """Encoder and decoder, cloned layers, sinusoidal positions, masks, label smoothing by KL, warm-up."""
    nn = torch.nn
    V, D, heads = 11, 16, 4

    def clones(module, N):
        return nn.ModuleList([copy.deepcopy(module) for _ in range(N)])

    class Norm(nn.Module):
        def __init__(self, features, eps=1e-6):
            super(Norm, self).__init__()  # noqa: UP008 (as courses write it)
            self.a_2, self.b_2 = nn.Parameter(torch.ones(features)), nn.Parameter(torch.zeros(features))
            self.eps = eps

        def forward(self, x):
            mean, std = x.mean(-1, keepdim=True), x.std(-1, keepdim=True)
            return self.a_2 * (x - mean) / (std + self.eps) + self.b_2

    class Attention(nn.Module):
        def __init__(self):
            super().__init__()
            self.linears = clones(nn.Linear(D, D), 4)

        def forward(self, query, key, value, mask=None):
            if mask is not None:
                mask = mask.unsqueeze(1)
            n = query.size(0)
            query, key, value = [
                lin(x).view(n, -1, heads, D // heads).transpose(1, 2)
                for lin, x in zip(self.linears, (query, key, value), strict=False)
            ]
            scores = torch.matmul(query, key.transpose(-2, -1)) / math.sqrt(query.size(-1))
            if mask is not None:
                scores = scores.masked_fill(mask == 0, -1e9)
            x = torch.matmul(scores.softmax(dim=-1), value)
            return self.linears[-1](x.transpose(1, 2).contiguous().view(n, -1, D))

    class Layer(nn.Module):
        def __init__(self, crossed):
            super().__init__()
            self.self_attn = Attention()
            self.src_attn = Attention() if crossed else None
            self.ff = nn.Sequential(nn.Linear(D, 2 * D), nn.ReLU(), nn.Dropout(0.0), nn.Linear(2 * D, D))
            self.norms = clones(Norm(D), 3)

        def forward(self, x, mask, memory=None, src_mask=None):
            y = self.norms[0](x)
            x = x + self.self_attn(y, y, y, mask)
            if memory is not None:
                x = x + self.src_attn(self.norms[1](x), memory, memory, src_mask)
            return x + self.ff(self.norms[2](x))

    class Positions(nn.Module):
        def __init__(self, max_len=20):
            super().__init__()
            pe = torch.zeros(max_len, D)
            position = torch.arange(0, max_len).unsqueeze(1)
            div_term = torch.exp(torch.arange(0, D, 2) * -(math.log(10000.0) / D))
            pe[:, 0::2] = torch.sin(position * div_term)
            pe[:, 1::2] = torch.cos(position * div_term)
            self.register_buffer("pe", pe.unsqueeze(0))

        def forward(self, x):
            return x + self.pe[:, : x.size(1)].requires_grad_(False)

    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.src, self.tgt, self.pe = nn.Embedding(V, D), nn.Embedding(V, D), Positions()
            self.encoder, self.decoder = clones(Layer(False), 2), clones(Layer(True), 2)
            self.proj = nn.Linear(D, V)
            for p in self.parameters():
                if p.dim() > 1:
                    nn.init.xavier_uniform_(p)

        def forward(self, src, tgt, src_mask, tgt_mask):
            x = self.pe(self.src(src) * math.sqrt(D))
            for layer in self.encoder:
                x = layer(x, src_mask)
            y = self.pe(self.tgt(tgt) * math.sqrt(D))
            for layer in self.decoder:
                y = layer(y, tgt_mask, x, src_mask)
            return torch.log_softmax(self.proj(y), dim=-1)

    def subsequent_mask(size):
        return torch.triu(torch.ones((1, size, size)), diagonal=1).type(torch.uint8) == 0

    model = fixed(torch, Model())
    criterion = nn.KLDivLoss(reduction="sum")
    optimizer = torch.optim.Adam(model.parameters(), lr=0.5, betas=(0.9, 0.98), eps=1e-9)
    rate = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lr_lambda=lambda step: D**-0.5 * min((step or 1) ** -0.5, (step or 1) * 40**-1.5)
    )
    found = []
    for step in range(4):
        src, tgt = ids(torch, step, V, 3, 7), ids(torch, step, V, 3, 7)
        src[:, 5:] = 0
        src_mask = (src != 0).unsqueeze(-2)
        tgt_in, tgt_y = tgt[:, :-1], tgt[:, 1:]
        tgt_mask = (tgt_in != 0).unsqueeze(-2) & subsequent_mask(tgt_in.size(-1)).type_as(src_mask)
        log_p = model(src, tgt_in, src_mask, tgt_mask).contiguous().view(-1, V)
        true_dist = log_p.detach().clone()
        true_dist.fill_(0.1 / (V - 2))
        true_dist.scatter_(1, tgt_y.contiguous().view(-1).unsqueeze(1), 0.9)
        true_dist[:, 0] = 0
        norm = (tgt_y != 0).sum()
        loss = criterion(log_p, true_dist) / norm
        loss.backward()
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        rate.step()
        found.append(loss.item())
    return [*found, rate.get_last_lr()[0]]


def attention_over_a_gru(torch):
    """Encoder, additive attention, decoder step by step, teacher forcing, greedy choice."""
    nn, F = torch.nn, torch.nn.functional
    V, H, B, T = 9, 8, 3, 5

    class Encoder(nn.Module):
        def __init__(self):
            super().__init__()
            self.embedding, self.gru = nn.Embedding(V, H), nn.GRU(H, H, batch_first=True)
            self.dropout = nn.Dropout(0.0)

        def forward(self, input):
            return self.gru(self.dropout(self.embedding(input)))

    class Decoder(nn.Module):
        def __init__(self):
            super().__init__()
            self.Wa, self.Ua, self.Va = nn.Linear(H, H), nn.Linear(H, H), nn.Linear(H, 1)
            self.embedding, self.gru = nn.Embedding(V, H), nn.GRU(2 * H, H, batch_first=True)
            self.out = nn.Linear(H, V)

        def forward(self, encoder_outputs, hidden, target=None):
            token = torch.empty(B, 1, dtype=torch.long, device=encoder_outputs.device).fill_(0)
            outputs, attentions = [], []
            for i in range(T):
                embedded, query = self.embedding(token), hidden.permute(1, 0, 2)
                scores = self.Va(torch.tanh(self.Wa(query) + self.Ua(encoder_outputs)))
                weights = F.softmax(scores.squeeze(2).unsqueeze(1), dim=-1)
                context = torch.bmm(weights, encoder_outputs)
                output, hidden = self.gru(torch.cat((embedded, context), dim=2), hidden)
                output = self.out(output)
                outputs.append(output)
                attentions.append(weights)
                if target is not None:
                    token = target[:, i].unsqueeze(1)
                else:
                    _, topi = output.topk(1)
                    token = topi.squeeze(-1).detach()
            outputs = F.log_softmax(torch.cat(outputs, dim=1), dim=-1)
            return outputs, hidden, torch.cat(attentions, dim=1)

    encoder, decoder = fixed(torch, Encoder(), 0.4), fixed(torch, Decoder(), 0.4)
    optimizers = [torch.optim.Adam(m.parameters(), lr=0.02) for m in (encoder, decoder)]
    criterion, found = nn.NLLLoss(), []
    for step in range(4):
        x, y = ids(torch, step, V, B, T), ids(torch, step + 9, V, B, T)
        for optimizer in optimizers:
            optimizer.zero_grad()
        outputs, _, _ = decoder(*encoder(x), y)
        loss = criterion(outputs.view(-1, outputs.size(-1)), y.view(-1))
        loss.backward()
        for optimizer in optimizers:
            optimizer.step()
        found.append(loss.item())
    with torch.no_grad():
        outputs, _, attentions = decoder(*encoder(x))
        _, topi = outputs.topk(1)
        found += [float(i) for row in topi.squeeze() for i in row]
    assert attentions.sum(-1).numpy() == pytest.approx(np.ones((B, T)), abs=1e-6)
    return found


def variational_autoencoder(torch):
    """Two heads, reparameterisation, reconstruction by probabilities, KL in closed form."""
    nn, F = torch.nn, torch.nn.functional

    class VAE(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc1, self.fc21, self.fc22 = nn.Linear(12, 8), nn.Linear(8, 2), nn.Linear(8, 2)
            self.fc3, self.fc4 = nn.Linear(2, 8), nn.Linear(8, 12)

        def reparameterize(self, mu, logvar):
            std = torch.exp(0.5 * logvar)
            eps = torch.randn_like(std)
            eps = eps * 0 + drawn(torch, 77, *std.shape)
            return mu + eps * std

        def forward(self, x):
            h = F.relu(self.fc1(x.view(-1, 12)))
            mu, logvar = self.fc21(h), self.fc22(h)
            z = self.reparameterize(mu, logvar)
            return torch.sigmoid(self.fc4(F.relu(self.fc3(z)))), mu, logvar

    model = fixed(torch, VAE(), 0.3)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    x = torch.tensor((np.random.default_rng(2).random((10, 3, 4)) > 0.5).astype(np.float32))
    found = []
    for _ in range(5):
        optimizer.zero_grad()
        recon, mu, logvar = model(x)
        bce = F.binary_cross_entropy(recon, x.view(-1, 12), reduction="sum")
        kld = -0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp())
        loss = bce + kld
        loss.backward()
        optimizer.step()
        found.append(loss.item() / len(x))
    return found


def skip_grams(torch):
    """Word vectors by negative sampling."""
    nn, F = torch.nn, torch.nn.functional
    V, D = 12, 6

    class SkipGram(nn.Module):
        def __init__(self):
            super().__init__()
            self.u, self.v = nn.Embedding(V, D), nn.Embedding(V, D)
            nn.init.uniform_(self.u.weight, -0.5 / D, 0.5 / D)

        def forward(self, centre, near, far):
            u, v, n = self.u(centre), self.v(near), self.v(far)
            score = F.logsigmoid(torch.sum(torch.mul(u, v), dim=1))
            noise = F.logsigmoid(torch.bmm(n.neg(), u.unsqueeze(2)).squeeze(2)).sum(1)
            return -torch.mean(score + noise)

    model = fixed(torch, SkipGram())
    optimizer, found = torch.optim.SGD(model.parameters(), lr=0.5), []
    for step in range(5):
        loss = model(ids(torch, step, V, 8), ids(torch, step + 1, V, 8), ids(torch, step + 2, V, 8, 4))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        found.append(loss.item())
    vectors = model.u.weight.detach()
    similar = torch.cosine_similarity(vectors[3].unsqueeze(0), vectors, dim=1)
    return [*found, *similar.tolist()]


PROGRAMS = [
    gpt_with_tied_weights, translation_transformer, attention_over_a_gru, variational_autoencoder, skip_grams
]  # fmt: skip


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.__name__)
def test_a_model_written_for_pytorch_trains_the_same(program, device):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed (pip install torch)")
    found, expected = program(sl), program(torch)
    assert len(found) == len(expected)
    np.testing.assert_allclose(found, expected, rtol=rounding(10_000), atol=rounding(100))
