"""The state of a module, as it is while it is trained, put back after it has been looked at."""

from __future__ import annotations

from contextlib import contextmanager

import torch
from torch.nn.parameter import is_lazy


@contextmanager
def untouched(module):
    """Put back what a block does to the buffers, attributes and gradients of a module, also after an error.

    Modes and parameters are looked after by ``Network.frozen``; this is for modules that keep account in ``forward``
    whatever the mode: a counter, a running mean, a cache.
    """
    parts = [part for part in module.modules() if not isinstance(part, torch.jit.ScriptModule)]
    kept = [(part, dict(vars(part)), dict(part._buffers)) for part in parts]
    values = [(buffer, buffer.detach().clone()) for buffer in module.buffers() if not is_lazy(buffer)]
    gradients = [(parameter, parameter.grad) for parameter in module.parameters()]
    try:
        for parameter, _ in gradients:
            parameter.grad = None  # a backward pass in the block would add to those of the training
        yield
    finally:
        for part, attributes, buffers in kept:
            _restore(vars(part), attributes)
            _restore(part._buffers, buffers)
        with torch.no_grad():
            for buffer, value in values:
                if not torch.equal(buffer, value):  # batch normalisation writes without a new version
                    buffer.copy_(value)
        for parameter, gradient in gradients:
            parameter.grad = gradient


def _restore(now, before):
    for name in [name for name in now if name not in before]:
        del now[name]
    for name, value in before.items():
        if now.get(name, now) is not value:
            now[name] = value
