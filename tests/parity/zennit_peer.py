"""zennit, imported where torchvision cannot be."""

from __future__ import annotations

import sys
from types import ModuleType


class _Bottleneck:
    """Stands for a class of torchvision that no network here is an instance of."""


class _BasicBlock:
    """Stands for another one."""


def import_zennit():
    """Return zennit, with its rules, composites and canonizers.

    zennit imports torchvision for the two classes that its ResNet canonizer looks for, and a torchvision built for
    another variant of torch fails on import (operator torchvision::nms does not exist). The networks of the tests are
    none of torchvision's: where the real package cannot be imported, empty classes take its place while zennit is.
    """
    names = ["torchvision", "torchvision.models", "torchvision.models.resnet"]
    try:
        import torchvision.models.resnet  # noqa: F401
    except (ImportError, RuntimeError):
        for name in [name for name in sys.modules if name.partition(".")[0] == "torchvision"]:
            del sys.modules[name]
        stand_ins = {name: ModuleType(name) for name in names}
        stand_ins[names[-1]].Bottleneck, stand_ins[names[-1]].BasicBlock = _Bottleneck, _BasicBlock
        sys.modules.update(stand_ins)
    else:
        stand_ins = {}
    try:
        import zennit
        import zennit.attribution
        import zennit.canonizers
        import zennit.composites
        import zennit.rules
    finally:
        for name in stand_ins:
            del sys.modules[name]
    return zennit
