"""The tape of a forward pass: its values, and what is carried back along it, are autograd's."""

from __future__ import annotations

import gc
import weakref

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from sklearn_xai.engines import record, vector_jacobian
from tests.oracles import seeded

LINEAR = seeded(lambda: nn.Linear(4, 6)).requires_grad_(False)


def table(n=3):
    return torch.randn(n, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0))


def carried(tape):
    """Return the sum of the outputs, differentiated along the tape."""
    seed = torch.ones_like(tape.values[tape.output])
    return tape.pull(seed, lambda step, given: vector_jacobian(tape, step, given))


def check(run, x=None, module=None):
    """The tape's output is the network's, and its gradient autograd's."""
    x = table() if x is None else x
    leaf = x.clone().requires_grad_(True)
    out = run(leaf.clone())
    gradient = torch.autograd.grad(out.sum(), leaf)[0]
    given = x.clone()
    tape = record(nn.Module() if module is None else module, run, given)
    assert torch.equal(given, x)
    torch.testing.assert_close(tape.values[tape.output], out.detach())
    torch.testing.assert_close(carried(tape), gradient)
    return tape


def part_rectified(x):
    y = LINEAR(x)
    y[:, :3].relu_()
    return y * 2


def view_before_write(x):
    y = LINEAR(x)
    view = y[:, 2:5]
    y.tanh_()
    return view.exp()


def buffer_of_rows(x):
    y, out = LINEAR(x), torch.zeros(len(x), 8, dtype=x.dtype)
    for i in range(len(x)):
        out[i, 1:7] = y[i]
    out[:, 2] = 1.0
    return out.sin()


def slices_between(x):
    y, z = LINEAR(x), torch.zeros(3, 6, dtype=x.dtype)
    y[:, 0] = 0
    z[:, 1:3] = y[:, 4:]
    z[0] = 1.0
    return z * y


def overlapping_writes(x):
    y = LINEAR(x).clone()
    left, right = y[:, 0:4], y[:, 2:6]
    left.mul_(2)
    right.add_(1)
    left.exp_()
    return y * 2 + right.sum()


def written_input(x):
    x.mul_(2)
    return x.relu_().sum(1, keepdim=True) + x


def copied_and_filled(x):
    wide = torch.zeros(3, 4, dtype=torch.float32).copy_(x).double()
    y = LINEAR(x).clone()
    y[0].fill_(wide.sum())
    return y.exp()


def turned_in_place(x):
    y = LINEAR(x).clone()
    y.transpose_(0, 1)
    y[0] = 1
    y.unsqueeze_(0)
    return y.exp()


def by_strides(x):
    y = LINEAR(x).clone()
    z = torch.as_strided(y, (3, 3), (6, 2), 1)
    y[:, 1] = 0
    return z.exp() + torch.as_strided(y[1:], (3, 3), (6, 2), 1)


def indices_written(x):
    y = LINEAR(x)
    y[torch.tensor([0, 2])] = x.sum()
    y[y > 0] = 0.5
    y.diagonal().zero_()
    return y * 2


def all_at_once(x):
    parts = [LINEAR(x), LINEAR(x) + 1]
    torch._foreach_mul_(parts, 3.0)
    return parts[0] * parts[1]


def expanded(x):
    y = x[:, :1].expand(3, 4)
    z = y.clone()
    z.mul_(2)
    return z * y


CONSTRUCTS = {
    "a part in place": part_rectified,
    "a view before a write": view_before_write,
    "a buffer of rows": buffer_of_rows,
    "slices between tensors": slices_between,
    "overlapping writes": overlapping_writes,
    "the input in place": written_input,
    "copied and filled": copied_and_filled,
    "turned in place": turned_in_place,
    "by strides": by_strides,
    "indices written": indices_written,
    "several at once": all_at_once,
    "expanded": expanded,
    "nothing to add": lambda x: torch.cat([x[:, :0], x, torch.zeros(3, 0, dtype=x.dtype)], 1) * 2,
    "einsum": lambda x: torch.einsum("ni,nj->nij", x, x).flatten(1),
    "scattered": lambda x: torch.zeros_like(x).scatter_(1, torch.tensor([[0, 1]] * 3), x[:, :2]) * x.sum(),
    "detached": lambda x: LINEAR(x).detach() * x.sum(1, keepdim=True),
    "data": lambda x: LINEAR(x).data * x.sum(1, keepdim=True),
    "through complex numbers": lambda x: torch.fft.irfft(torch.fft.rfft(LINEAR(x)) * (1 + 2j)),
    "several results": lambda x: sum(torch.aminmax(LINEAR(x), dim=1)) + torch.var_mean(x, 1)[0],
    "mapped over rows": lambda x: torch.vmap(lambda row: LINEAR(row).tanh())(x),
    "sorted": lambda x: x.sort(1).values * torch.arange(4),
}


@pytest.mark.parametrize("run", CONSTRUCTS.values(), ids=CONSTRUCTS)
def test_constructs(run):
    check(run)


def tokens(*shape):
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(1))


def attended(x, module):
    return module(x, x, x)[0]


MASK = torch.tensor([[False, False, True], [False, False, False]])
LAYERS = {
    "gru": (lambda: nn.GRU(4, 3, 2, batch_first=True, bidirectional=True), lambda x, m: m(x)[0]),
    "lstm": (lambda: nn.LSTM(4, 3, batch_first=True), lambda x, m: m(x)[0][:, -1]),
    "rnn": (lambda: nn.RNN(4, 3, batch_first=True), lambda x, m: m(x)[0][:, -1]),
    "attention": (lambda: nn.MultiheadAttention(4, 2, batch_first=True), attended),
    "transformer": (
        lambda: nn.TransformerEncoder(nn.TransformerEncoderLayer(4, 2, 8, batch_first=True), 2, None, False),
        lambda x, m: m(x, src_key_padding_mask=MASK),
    ),
    "product attention": (lambda: nn.Identity(), lambda x, m: F.scaled_dot_product_attention(x, x, x, is_causal=True)),
    "one-dimensional pooling": (lambda: nn.MaxPool1d(2), lambda x, m: m(x)),
}  # fmt: skip


@pytest.mark.parametrize(("build", "run"), LAYERS.values(), ids=LAYERS)
def test_layers(build, run):
    module = seeded(build)
    check(lambda x: run(x, module), tokens(2, 3, 4), module)


@pytest.mark.filterwarnings("ignore:`torch.jit.(script|trace)` is deprecated:DeprecationWarning")
def test_a_script_is_the_same_tape_as_the_module():
    module = seeded(lambda: nn.Sequential(nn.Linear(4, 3), nn.ReLU(inplace=True), nn.Linear(3, 1)))
    names = [[step.name for step in check(each, module=each).steps] for each in (module, torch.jit.script(module))]
    assert names[0] == names[1] == ["addmm", "relu", "addmm"]


# ---------------------------------------------------------------------- what autograd does not do
def test_results_put_into_a_tensor_given_for_them():
    def given(x):
        out = torch.zeros(3, 8, dtype=x.dtype)
        torch.mul(LINEAR(x), 2, out=out[:, 1:7])
        return out.exp()

    tape = record(nn.Module(), given, table())
    expected = check(lambda x: F.pad(LINEAR(x) * 2, (1, 1)).exp())
    torch.testing.assert_close(tape.values[tape.output], expected.values[expected.output])
    torch.testing.assert_close(carried(tape), carried(expected))


def test_a_constant_written_over_after_its_use():
    def changed(x):
        factor = torch.full((3, 6), 2.0, dtype=x.dtype)
        y = LINEAR(x) * factor
        factor.mul_(5)
        return y * factor

    tape, expected = record(nn.Module(), changed, table()), check(lambda x: LINEAR(x) * 2 * 10)
    torch.testing.assert_close(carried(tape), carried(expected))


def test_a_constant_that_is_written_to_and_read_at_once():
    def added(x):
        ones = torch.full((3, 6), 3.0, dtype=x.dtype)
        return ones.addcmul_(LINEAR(x), ones)

    torch.testing.assert_close(carried(record(nn.Module(), added, table())), carried(check(lambda x: LINEAR(x) * 3)))


def test_numbers_that_are_asked_for_are_constants():
    tape = record(nn.Module(), lambda x: x * x.max().item(), table())
    torch.testing.assert_close(carried(tape), torch.full((3, 4), float(table().max()), dtype=torch.float64))


def test_a_custom_function_is_its_forward():
    class Doubled(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return 2 * x

        @staticmethod
        def backward(ctx, cotangent):
            return 100 * cotangent

    torch.testing.assert_close(carried(record(nn.Module(), Doubled.apply, table())), torch.full_like(table(), 2.0))


def test_nothing_is_reached():
    assert record(nn.Module(), lambda x: torch.ones(3, 2) * torch.zeros_like(x)[:, :2], table()).output is None


def numpy_memory(x):
    return torch.from_numpy(LINEAR(x).detach().numpy()) * 2


def moved(x):
    return torch.empty(0, dtype=x.dtype).set_(LINEAR(x)) * 2


def parts_of_complex_numbers(x):
    z = torch.complex(x, x)
    z.real.mul_(2)
    return z.abs()


REFUSED = {
    "numpy's memory": (numpy_memory, "shares their memory"),
    "another memory": (moved, "uses set_"),
    "another size": (lambda x: LINEAR(x).clone().resize_(2, 3) * 2, "uses resize_"),
    "two types": (parts_of_complex_numbers, "also sees as torch.complex128"),
}


@pytest.mark.parametrize(("run", "message"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_followed_is_said(run, message):
    with pytest.raises(ValueError, match=message):
        record(nn.Module(), run, table())


# ---------------------------------------------------------------------- what is left as it was
def flags():
    backends = torch.backends.cuda
    return (
        torch.backends.mkldnn.enabled,
        torch.backends.mha.get_fastpath_enabled(),
        backends.flash_sdp_enabled(),
        backends.mem_efficient_sdp_enabled(),
        backends.math_sdp_enabled(),
        torch.is_grad_enabled(),
    )


@pytest.mark.parametrize("fails", [False, True])
def test_settings_are_put_back(fails):
    module, before, inside = seeded(lambda: nn.GRU(4, 3, batch_first=True)), flags(), []

    def run(x):
        inside.append(flags())
        if fails:
            raise RuntimeError("in the network")
        return module(x)[0]

    if fails:
        with pytest.raises(RuntimeError, match="in the network"):
            record(module, run, tokens(2, 3, 4))
    else:
        record(module, run, tokens(2, 3, 4))
    assert flags() == before != inside[0]


def test_memory_is_given_back():
    seen = []

    def run(x):
        y = LINEAR(x)
        seen.append(weakref.ref(y))
        y[:, 0] = 0
        return y.exp()

    tape = record(nn.Module(), run, table())
    assert carried(tape).shape == (3, 4)
    del tape
    gc.collect()
    assert seen[0]() is None
