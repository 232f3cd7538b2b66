"""How relevance goes back through normalisation: the scale of a row's own statistics counts as constant.

Each rule is given the multiplier c of the relevance ``value * c`` of what comes out, and returns that of what goes in.
"""

from __future__ import annotations

from sklearn_xai.explainers.propagation._linear_rules import along, stabilised


def scale_and_shift(step):
    """Return batch normalisation in evaluation as a map ``scale * z + shift`` of channels."""
    (weight, bias, mean, variance), eps = step.args[1:5], step.args[7]
    scale = (variance + eps).rsqrt()
    scale = scale if weight is None else scale * weight
    return scale, -mean * scale if bias is None else bias - mean * scale


def _batch_norm_back(tape, step, c, epsilon):
    """Do as a linear layer of one input for each unit does; where statistics are the row's own, as layer norm does."""
    z = tape.values[step.outputs[0]]
    if not step.args[5]:
        return stabilised(c, z, epsilon) * along(scale_and_shift(step)[0], z.ndim, 1)
    scaled = c if step.args[1] is None else c * along(step.args[1], z.ndim, 1)
    axes = [axis for axis in range(z.ndim) if axis != 1]
    return (scaled - scaled.mean(dim=axes, keepdim=True)) * along(tape.values[step.outputs[2]], z.ndim, 1)


def _layer_norm_back(tape, step, c, epsilon):
    """Take the scale as constant; what is left centres each row."""
    shape, weight = step.args[1], step.args[2]
    scaled = c if weight is None else c * weight
    axes = list(range(-len(shape), 0))
    return (scaled - scaled.mean(dim=axes, keepdim=True)) * tape.values[step.outputs[2]]


def _group_norm_back(tape, step, c, epsilon):
    """Do as layer normalisation does, for each group of channels."""
    weight, n_rows, groups = step.args[1], step.args[3], step.args[6]
    scaled = c if weight is None else c * along(weight, c.ndim, 1)
    parts = scaled.reshape(n_rows, groups, -1)
    centred = (parts - parts.mean(dim=2, keepdim=True)) * tape.values[step.outputs[2]].reshape(n_rows, groups, 1)
    return centred.reshape(c.shape)


NORMALISERS = {
    "native_batch_norm": _batch_norm_back, "cudnn_batch_norm": _batch_norm_back, "native_layer_norm": _layer_norm_back,
    "native_group_norm": _group_norm_back,
}  # fmt: skip
