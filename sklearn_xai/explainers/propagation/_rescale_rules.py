"""The rescale rule of DeepLIFT, for every operation that a difference of outputs can be shared out over exactly.

A multiplier m of a value a says that m * (a - a') is its share of the difference of the output, where a' is the value
for the baseline. Through an operation that is linear, multipliers go back as gradients do; through an element-wise one
they are scaled by difference out / difference in; through a product, each factor has the mean of the other's two
values, which is the Shapley value of the two factors. Softmax and the normalisations are made of these.
"""

from __future__ import annotations

import torch

from sklearn_xai.engines.tape import Ref, vector_jacobian
from sklearn_xai.explainers.propagation._rectified import is_rectifier

# Element-wise operations of one value. The first have kinks or steps: there the quotient of differences is exact.
PIECEWISE_LINEAR = {
    "relu", "leaky_relu", "hardtanh", "threshold", "clamp", "clamp_min", "clamp_max", "abs", "_prelu_kernel",
    "hardsigmoid", "softshrink", "hardshrink", "rrelu_with_noise", "maximum", "minimum", "fmax", "fmin", "sign", "sgn",
    "round", "floor", "ceil", "trunc", "frac",
}  # fmt: skip
SMOOTH = {
    "elu", "gelu", "silu", "mish", "softplus", "tanh", "sigmoid", "log_sigmoid_forward", "hardswish", "exp", "exp2",
    "expm1", "log", "log1p", "log2", "log10", "sqrt", "rsqrt", "reciprocal", "square", "pow", "sin", "cos", "tan",
    "asin", "acos", "atan", "sinh", "cosh", "asinh", "acosh", "atanh", "erf", "erfc", "erfinv", "celu", "selu",
    "special_expit", "logit", "sinc", "lgamma", "special_ndtr", "special_log_ndtr", "special_erfcx",
}  # fmt: skip
LINEAR = {
    "view", "_unsafe_view", "reshape", "expand", "unsqueeze", "squeeze", "permute", "transpose", "t", "slice", "select",
    "split", "split_with_sizes", "unsafe_split", "unsafe_split_with_sizes", "unsafe_chunk", "chunk", "unbind", "narrow",
    "as_strided", "alias", "detach", "diagonal", "unfold", "movedim", "swapaxes", "flatten", "_reshape_alias",
    "lift_fresh", "add", "sub", "rsub", "neg", "cat", "stack", "sum", "mean", "cumsum", "flip", "roll", "repeat",
    "index_select", "index", "gather", "take", "constant_pad_nd", "reflection_pad1d", "reflection_pad2d",
    "reflection_pad3d", "replication_pad1d", "replication_pad2d", "replication_pad3d", "clone", "_to_copy", "copy",
    "overwrite", "contiguous", "avg_pool1d", "avg_pool2d", "avg_pool3d", "_adaptive_avg_pool2d", "_adaptive_avg_pool3d",
    "adaptive_avg_pool1d", "upsample_nearest1d", "upsample_nearest2d", "upsample_nearest3d", "upsample_linear1d",
    "upsample_bilinear2d", "upsample_trilinear3d", "upsample_bicubic2d", "pixel_shuffle", "pixel_unshuffle",
    "channel_shuffle", "native_channel_shuffle", "im2col", "col2im", "tril", "triu", "trace", "masked_fill",
    "masked_select", "masked_scatter", "diag_embed", "slice_scatter", "select_scatter", "diagonal_scatter", "scatter",
    "scatter_add", "index_put", "index_add", "index_copy", "index_fill", "where", "linear", "_fused_dropout",
}  # fmt: skip
PRODUCTS = {"mul", "mm", "bmm", "addmm", "baddbmm", "addmv", "addr", "matmul", "dot", "mv", "addcmul", "lerp"}
NORMS = {
    "native_layer_norm", "native_group_norm", "native_batch_norm", "_native_batch_norm_legit_no_training",
    "cudnn_batch_norm", "miopen_batch_norm",
}  # fmt: skip
POOLS = {"max_pool2d_with_indices", "max_pool3d_with_indices", "adaptive_max_pool2d", "max", "min", "amax", "amin"}
_RESHAPES = {"view", "_unsafe_view", "reshape", "_reshape_alias"}
_SAME = {"clone", "_to_copy", "alias", "detach", "contiguous", "lift_fresh"}
# Inputs of a smooth function that are closer than this, and at which its slopes agree: their mean, as differences are
# rounded. The error of the one grows with the distance as that of the other falls.
_CLOSE = {torch.float64: 6e-6, torch.float32: 5e-3}
_AGREE = 1e-2


class RescaleRule:
    """The rule for a tape of rows and the tape of their baselines.

    Parameters
    ----------
    rows, baselines : Tape
        Of the same operations.
    n_baselines : int or None
        None: the tapes' rows belong together one by one. Else each of the n rows is paired with each of so many
        baselines: a cotangent has a row for each pair, those of a row one after the other.
    refuse : callable
        Raises, given the name of an operation that is not covered.
    """

    def __init__(self, rows, baselines, n_baselines, refuse):
        self.rows, self.baselines, self.crossed = rows, baselines, n_baselines is not None
        self.n_baselines, self.refuse = n_baselines, refuse

    def __call__(self, step, cotangents):
        """Return the multipliers of a step's inputs from those of its outputs."""
        name = step.name
        if any(place in self.rows.decisions for place in step.inputs):
            self.refuse(f"{name}, by a comparison of what the rows hold")
        if any(self.rows.values[place].is_complex() for place in step.inputs):
            self.refuse(f"{name}, of complex numbers")
        if step.kwargs.get("rounding_mode"):
            self.refuse(f"{name} with rounding")
        if len(step.inputs) > 1 and (name in PRODUCTS or name == "div"):
            return (self._division if name == "div" else self._product)(step, cotangents[0])
        if len(step.inputs) > 1 and name in ("maximum", "minimum", "fmax", "fmin"):
            return self._greater_of_two(step, cotangents[0])
        if len(step.inputs) > 1 and name in PIECEWISE_LINEAR | SMOOTH:
            self.refuse(f"{name} of several values that depend on the row")
        if name in PIECEWISE_LINEAR | SMOOTH or (name == "div" and isinstance(step.args[1], Ref)):
            return self._elementwise(step, cotangents[0])
        if name in LINEAR | PRODUCTS | {"div", "convolution"}:
            if name == "convolution" and len(step.inputs) > 1:
                self.refuse("convolution, by a kernel that depends on the row")
            return self._linear(step, cotangents)
        if name in NORMS:
            return self._normalisation(step, cotangents[0])
        if name in POOLS:
            return self._pool(step, cotangents[0])
        method = getattr(self, name.strip("_"), None)
        if method is None:
            self.refuse(name)
        return [self._fold(method(step, self._unfold(cotangents[0])))]

    # ------------------------------------------------------------------ pairs of rows and baselines
    def _pair(self, place):
        """Return a value for rows and for baselines, so that they broadcast over pairs."""
        x, b = self.rows.values[place], self.baselines.values[place]
        return (x[:, None], b[None]) if self.crossed else (x, b)

    def _unfold(self, cotangent):
        """Return a cotangent as ``_pair`` returns values."""
        return cotangent.unflatten(0, (-1, self.n_baselines)) if self.crossed else cotangent

    def _fold(self, values):
        return values.flatten(0, 1) if self.crossed else values

    def _each(self, place, combine):
        """Return a combination of a value for rows and for baselines, one row for each pair."""
        x, b = self._pair(place)
        return self._fold(combine(x, b))

    def _shaped(self, step, cotangents):
        """Sum cotangents of the inputs over what these were broadcast along."""
        shapes = [self.rows.values[place].shape for place in step.inputs]
        return [
            cotangent.sum_to_size(len(cotangent), *shape[1:]) if self.crossed else cotangent.sum_to_size(shape)
            for cotangent, shape in zip(cotangents, shapes, strict=True)
        ]

    # ------------------------------------------------------------------ linear operations
    def _linear(self, step, cotangents):
        cotangent, name = cotangents[0], step.name
        shape = self.rows.values[step.inputs[0]].shape
        if len(step.inputs) == 1 and cotangent is not None:
            if name in _SAME and shape[1:] == cotangent.shape[1:]:
                return [cotangent.to(self.rows.values[step.inputs[0]].dtype)]
            if name in _RESHAPES:
                return [cotangent.reshape(len(cotangent) if self.crossed else shape[0], *shape[1:])]
            if name == "addmm" and isinstance(step.args[1], Ref) and not step.kwargs:
                return [cotangent @ step.args[2].T]
            if name == "mm" and isinstance(step.args[0], Ref):
                return [cotangent @ step.args[1].T]
            if name == "convolution":
                return [_through_convolution(step, cotangent, shape)]
        if not self.crossed:
            return vector_jacobian(self.rows, step, cotangents)
        # what a linear operation does to cotangents does not depend on the values: any will do, one row for each pair
        n = len(next(c for c in cotangents if c is not None))
        values = [self.rows.values[place] for place in step.inputs]
        stand_ins = [v.new_zeros(1).expand(n, *v.shape[1:]) for v in values]
        if name == "expand":
            step = step._replace(args=(step.args[0], [n, *step.args[1][1:]]))
        return vector_jacobian(self.rows, step, cotangents, stand_ins)

    # ------------------------------------------------------------------ element by element
    def _elementwise(self, step, cotangent):
        x, b = self._pair(step.inputs[0])
        fx, fb = self._pair(step.outputs[0])
        difference = x - b
        multiplier = (fx - fb).div_(difference)
        smooth = step.name not in PIECEWISE_LINEAR
        close = difference.abs_().lt_(_CLOSE.get(x.dtype, 5e-3)) if smooth else difference.eq_(0)
        if close.any():
            multiplier = torch.where(close.bool(), self._slope_nearby(step, multiplier, smooth), multiplier)
        return [self._fold(multiplier.mul_(self._unfold(cotangent)))]

    def _slope_nearby(self, step, multiplier, smooth):
        """Return what takes the place of the quotient of differences where row and baseline are close."""
        slope = self._slope(self.rows, step)
        slope = slope[:, None] if self.crossed else slope
        if not smooth:
            return slope
        other = self._slope(self.baselines, step)
        other = other[None] if self.crossed else other
        agree = (slope - other).abs() <= _AGREE * (1 + slope.abs().minimum(other.abs()))
        # they disagree near a pole: there the quotient is right, and 0 / 0 only where both are at it
        return torch.where(agree, (slope + other) / 2, multiplier.nan_to_num(0.0, 0.0, 0.0))

    def _slope(self, tape, step):
        own = tape.steps[self._index[id(step)]]
        if is_rectifier(own):  # however it is written, what is let through is above 0
            passed = tape.values[own.inputs[0]] > 0
        given = [None] * len(step.outputs)
        given[0] = torch.ones_like(tape.values[step.outputs[0]])
        slope = vector_jacobian(tape, own, given)[0]
        return slope * passed if is_rectifier(own) else slope

    @property
    def _index(self):
        if not hasattr(self, "_steps"):
            self._steps = {id(step): i for i, step in enumerate(self.rows.steps)}
        return self._steps

    # ------------------------------------------------------------------ products
    def _product(self, step, cotangent):
        """Give each factor the mean of the other's two values."""
        means = [self._each(place, lambda x, b: (x + b) / 2) for place in step.inputs]
        return vector_jacobian(self.rows, step, [cotangent], means)

    def _division(self, step, cotangent):
        """Take a / b as the product of a and 1 / b, whose difference is -(b - b') / (b b')."""
        numerator, divisor = step.inputs
        inverse = self._each(divisor, lambda x, b: (1 / x + 1 / b) / 2)
        slope = self._each(divisor, lambda x, b: -1 / (x * b)) * self._each(numerator, lambda x, b: (x + b) / 2)
        return self._shaped(step, (cotangent * inverse, cotangent * slope))

    def glu(self, step, cotangent):
        """Take a gated unit as a * sigmoid(b)."""
        (x, b), dim = self._pair(step.inputs[0]), self._dimension(step, 1, -1)
        (ax, gx), (ab, gb) = x.chunk(2, dim), b.chunk(2, dim)
        sx, sb = gx.sigmoid(), gb.sigmoid()
        close = (gx - gb).abs() < _CLOSE.get(x.dtype, 5e-3)
        slope = torch.where(close, (sx * (1 - sx) + sb * (1 - sb)) / 2, (sx - sb) / (gx - gb))
        return torch.cat([cotangent * (sx + sb) / 2, cotangent * slope * (ax + ab) / 2], dim)

    # ------------------------------------------------------------------ softmax
    def _dimension(self, step, place, default=None):
        """Return the dimension that an operation works along, counted from the end."""
        dim = step.args[place] if len(step.args) > place else step.kwargs.get("dim", default)
        dim = dim[0] if isinstance(dim, (list, tuple)) and len(dim) == 1 else dim
        if not isinstance(dim, int):
            self.refuse(f"{step.name} along several dimensions")
        return dim - self.rows.values[step.inputs[0]].ndim if dim >= 0 else dim

    def _exponentials(self, step, dim):
        """Return what softmax is made of: exponentials, their sums, and the quotient of differences of the former."""
        x, b = self._pair(step.inputs[0])
        shift = torch.maximum(x.amax(dim, keepdim=True), b.amax(dim, keepdim=True))
        shift = shift.where(shift > -torch.inf, 0)
        ex, eb, distance = (x - shift).exp(), (b - shift).exp(), (x - b).abs()
        # (1 - exp(-d)) / d times the greater of the two; where both are -inf, they are 0
        slope = torch.maximum(ex, eb) * torch.where(distance > 0, -torch.expm1(-distance) / distance, 1.0)
        return ex, eb, slope, ex.sum(dim, keepdim=True), eb.sum(dim, keepdim=True)

    def softmax(self, step, cotangent):
        """Take a softmax as exponentials times the inverse of their sum."""
        dim = self._dimension(step, 1)
        ex, eb, slope, sx, sb = self._exponentials(step, dim)
        to_inverse = (cotangent * (ex + eb) / 2).sum(dim, keepdim=True)
        return slope * (cotangent * (1 / sx + 1 / sb) / 2 - to_inverse / (sx * sb))

    safe_softmax = softmax

    def log_softmax(self, step, cotangent):
        """Take the logarithm of a softmax as its input less the logarithm of the sum of exponentials."""
        dim = self._dimension(step, 1)
        _, _, slope, sx, sb = self._exponentials(step, dim)
        return cotangent - slope * cotangent.sum(dim, keepdim=True) * self._slope_of_log(step, dim, sx, sb)

    def logsumexp(self, step, cotangent):
        """Take the logarithm of a sum of exponentials step by step."""
        dim = self._dimension(step, 1)
        _, _, slope, sx, sb = self._exponentials(step, dim)
        return slope * self._kept(step, cotangent, dim, 2) * self._slope_of_log(step, dim, sx, sb)

    def _slope_of_log(self, step, dim, sx, sb):
        """Return the quotient of differences of the logarithm, of sums of exponentials; one may be as good as 0."""
        x, b = self._pair(step.inputs[0])
        least = torch.minimum(sx, sb)
        ratio = (sx - sb).abs() / least
        apart = (torch.logsumexp(x, dim, keepdim=True) - torch.logsumexp(b, dim, keepdim=True)).abs() / (sx - sb).abs()
        return torch.where(ratio < 1, torch.where(ratio > 0, ratio.log1p() / ratio, 1.0) / least, apart)

    def _kept(self, step, cotangent, dim, place):
        """Return a cotangent with the dimension that a reduction took away."""
        keep = step.args[place] if len(step.args) > place else step.kwargs.get("keepdim", False)
        return cotangent if keep else cotangent.unsqueeze(dim)

    # ------------------------------------------------------------------ spreads and norms
    def linalg_vector_norm(self, step, cotangent):
        """Take a Euclidean norm as the root of a sum of squares."""
        if len(step.args) > 1 and step.args[1] != 2:
            self.refuse(f"a norm of order {step.args[1]}")
        dim = self._dimension(step, 2)
        x, b = self._pair(step.inputs[0])
        total = x.norm(dim=dim, keepdim=True) + b.norm(dim=dim, keepdim=True)
        return self._kept(step, cotangent, dim, 3) * (x + b) / total.clamp(min=torch.finfo(x.dtype).tiny)

    def var(self, step, cotangent):
        """Take a variance as a mean of squares of what is centred."""
        return self._spread(step, cotangent, root=False)

    def std(self, step, cotangent):
        """Take a standard deviation as the root of the variance."""
        return self._spread(step, cotangent, root=True)

    def _spread(self, step, cotangent, root):
        dim = self._dimension(step, 1)
        x, b = self._pair(step.inputs[0])
        free = x.shape[dim] - step.kwargs.get("correction", 1)
        cx, cb = x - x.mean(dim, keepdim=True), b - b.mean(dim, keepdim=True)
        cotangent = cotangent if step.kwargs.get("keepdim", False) else cotangent.unsqueeze(dim)
        if root:
            total = sum(((c**2).sum(dim, keepdim=True) / free).sqrt() for c in (cx, cb))
            cotangent = cotangent / total.clamp(min=torch.finfo(x.dtype).tiny)
        found = cotangent * (cx + cb) / free
        return found - found.mean(dim, keepdim=True)

    def _normalisation(self, step, cotangent):
        """Take a normalisation as what is centred, times the inverse root of its mean square."""
        name, args = step.name, step.args
        if len(step.inputs) > 1:
            self.refuse(f"{name}, by a scale that depends on the row")
        fixed = name == "_native_batch_norm_legit_no_training" or (name == "native_batch_norm" and not args[5])
        if fixed:
            return self._linear(step, [cotangent, *[None] * (len(step.outputs) - 1)])
        x, b = self._pair(step.inputs[0])
        cotangent = self._unfold(cotangent)
        ndim = self.rows.values[step.inputs[0]].ndim
        if name == "native_layer_norm":
            weight, eps, shape = args[2], args[4], None
            dims = tuple(range(-len(args[1]), 0))
        elif name == "native_group_norm":
            weight, eps, groups = args[1], args[7], args[6]
            shape, dims = x.shape[-ndim + 1 :], tuple(range(-ndim + 1, 0))
            weight = None if weight is None else weight.reshape(-1, *[1] * (ndim - 2))
            x, b = (value.reshape(*value.shape[: value.ndim - ndim + 1], groups, -1) for value in (x, b))
            dims = (-1,)
        else:  # instance normalisation, as torch calls it: (1, rows * channels, ...)
            if self.crossed:
                self.refuse(name)
            weight, eps, shape = args[1], args[7], None
            weight = None if weight is None else weight.reshape(-1, *[1] * (ndim - 2))
            dims = (0, *range(2, ndim))
        cotangent = cotangent if weight is None else cotangent * weight
        full = cotangent.shape
        if name == "native_group_norm":
            cotangent = cotangent.reshape(*cotangent.shape[: cotangent.ndim - ndim + 1], groups, -1)
        found = _through_normalisation(x, b, cotangent, dims, eps)
        return [self._fold(found if shape is None else found.reshape(full))]

    # ------------------------------------------------------------------ maxima
    def _pool(self, step, cotangent):
        """Give the difference of two maxima to where the greater one is, by that place's difference."""
        if len(step.args) < 2:
            self.refuse(f"{step.name} of all elements")
        lead = 2 if self.crossed else 1  # axes of rows and baselines, before those of a row's elements
        x, b = (value.flatten(lead) for value in self._pair(step.inputs[0]))
        fx, fb = (value.reshape(*value.shape[:lead], -1) for value in self._pair(step.outputs[0]))
        of_x, of_b = (self._places(tape, step) for tape in (self.rows, self.baselines))
        of_x, of_b = (of_x[:, None], of_b[None]) if self.crossed else (of_x, of_b)
        chosen = torch.where((fx >= fb) == (step.name not in ("min", "amin")), of_x, of_b)
        x, b = (value.expand(*chosen.shape[:-1], -1) for value in (x, b))
        difference = x.gather(-1, chosen) - b.gather(-1, chosen)
        share = torch.where(difference == 0, 1.0, (fx - fb) / difference)
        cotangent = self._unfold(cotangent).reshape(chosen.shape)
        result = torch.zeros_like(x).scatter_add_(-1, chosen, share * cotangent)
        return [self._fold(result).reshape(-1, *self.rows.values[step.inputs[0]].shape[1:])]

    def _places(self, tape, step):
        """Return where in its row, flattened, each maximum of one tape is taken from."""
        own = tape.steps[self._index[id(step)]]
        x = tape.values[own.inputs[0]]
        if step.name.startswith(("max_pool", "adaptive")):
            index = tape.values[own.outputs[1]]  # in the image of each channel
            channel = torch.arange(x.shape[1], device=x.device).reshape(1, -1, *[1] * (index.ndim - 2))
            return (index + channel * x[0, 0].numel()).flatten(1)
        dim = self._dimension(step, 1)
        first = (x.argmax if step.name in ("max", "amax") else x.argmin)(dim, keepdim=True)
        position = torch.arange(x[0].numel(), device=x.device).reshape(1, *x.shape[1:])
        return position.expand(x.shape).gather(dim, first).flatten(1)

    def _greater_of_two(self, step, cotangent):
        """Take max(a, b) as b + relu(a - b), and min(a, b) as a - relu(a - b)."""
        (ax, ab), (bx, bb) = (self._pair(place) for place in step.inputs)
        dx, db = ax - bx, ab - bb
        to_first = torch.where(dx == db, (dx > 0).to(dx.dtype), (dx.relu() - db.relu()) / (dx - db))
        to_first = to_first if step.name.endswith("max") or step.name == "maximum" else 1 - to_first
        cotangent = self._unfold(cotangent)
        return self._shaped(step, [self._fold(cotangent * share) for share in (to_first, 1 - to_first)])


def _through_normalisation(x, b, cotangent, dims, eps):
    """Return the multipliers before c / sqrt(mean(c^2) + eps), where c = x - mean(x), from those after it."""
    cx, cb = (value - value.mean(dims, keepdim=True) for value in (x, b))
    rx, rb = (((c**2).mean(dims, keepdim=True) + eps).sqrt() for c in (cx, cb))  # roots of the mean squares
    to_scale = (cotangent * (cx + cb) / 2).sum(dims, keepdim=True)
    slope = -1 / (rx * rb * (rx + rb))  # of 1 / sqrt(v)
    size = 1
    for dim in dims:
        size *= x.shape[dim]
    found = cotangent * (1 / rx + 1 / rb) / 2 + to_scale * slope * (cx + cb) / size
    return found - found.mean(dims, keepdim=True)


def _through_convolution(step, cotangent, shape):
    """Return the cotangent before a convolution with a fixed kernel."""
    _, kernel, _, stride, padding, dilation, transposed, output_padding, groups = step.args
    like = cotangent.new_zeros(1).expand(len(cotangent), *shape[1:])
    return torch.ops.aten.convolution_backward(
        cotangent,
        like,
        kernel,
        None,
        stride,
        padding,
        dilation,
        transposed,
        output_padding,
        groups,
        [True, False, False],
    )[0]
