"""Equations as text, for where LaTeX is not set: the terminal, and what a parameter's one line says."""
# ruff: noqa: RUF001 - Greek letters and signs of sets are meant

from __future__ import annotations

import re

_WIDE = "\u2003"  # a space that stays wide where others become one
_SIGNS = {
    **{"alpha": "α", "beta": "β", "gamma": "γ", "delta": "δ", "epsilon": "ε", "varepsilon": "ε", "eta": "η"},
    **{"theta": "θ", "kappa": "κ", "lambda": "λ", "Lambda": "Λ", "mu": "μ", "pi": "π", "rho": "ρ", "sigma": "σ"},
    **{"Sigma": "Σ", "tau": "τ", "phi": "φ", "Phi": "Φ", "omega": "ω", "Delta": "Δ", "xi": "ξ", "psi": "ψ", "chi": "χ"},
    **{"sum": "Σ", "prod": "∏", "int": "∫", "partial": "∂", "nabla": "∇", "in": "∈", "ni": "∋", "cup": "∪", "cap": "∩"},
    **{"setminus": "∖", "le": "≤", "ge": "≥", "ne": "≠", "approx": "≈", "sim": "~", "odot": "⊙", "otimes": "⊗"},
    **{"cdot": "·", "times": "×", "top": "ᵀ", "infty": "∞", "to": "→", "mid": "|", "ldots": "...", "dots": "..."},
    **{"lVert": "‖", "rVert": "‖", "|": "‖", "lceil": "⌈", "rceil": "⌉", "triangle": "△", "{": "{", "}": "}"},
    **{",": " ", ";": " ", " ": " ", "!": "", "quad": _WIDE, "qquad": _WIDE, "%": "%", "subseteq": "⊆", "pm": "±"},
    **{name: "" for name in ("left", "right", "big", "Big", "bigl", "bigr", "Bigl", "Bigr", "textstyle", "limits")},
}
_ACCENTS = {"bar": "\u0304", "hat": "\u0302", "tilde": "\u0303"}
_WORDS = {"mathrm", "text", "operatorname", "mathbb", "mathbf", "mathcal", "underbrace"}
_NEGATED = {"∋": "∌", "∈": "∉", "=": "≠"}
_POWERS = {"2": "²", "3": "³", "T": "ᵀ", "-1": "⁻¹", "+": "⁺", "-": "⁻", "ᵀ": "ᵀ"}
_TOKEN = re.compile(r"\\([a-zA-Z]+|.)|(\s+)|(.)", re.DOTALL)


def as_text(tex: str) -> str:
    r"""Return an equation in LaTeX as one line of text.

    Parameters
    ----------
    tex : str

    Returns
    -------
    str
        Unknown commands are named as they are.

    Examples
    --------
    >>> from sklearn_xai.explainers.equations import as_text
    >>> print(as_text(r"\phi_i = \frac{\partial f(x)}{\partial x_i}"))
    φ_i = ∂f(x)/∂x_i
    """
    reader = _Reader(tex)
    text = re.sub(r"([(\[]) ", r"\1", re.sub(r" ([,)\]!])", r"\1", reader.until(None)))
    return re.sub(f" ?{_WIDE} ?", "   ", text).strip()


class _Reader:
    """Reads LaTeX from left to right."""

    def __init__(self, tex):
        self.tokens = [found.groups() for found in _TOKEN.finditer(tex)]
        self.at = 0

    def until(self, end):
        """Return the text up to a closing brace, or to the end."""
        parts = []
        while self.at < len(self.tokens):
            if self.tokens[self.at][2] == end and end is not None:
                self.at += 1
                break
            parts.append(self.next())
        return re.sub(" +", " ", "".join(parts))

    def next(self):
        """Return the text of the next token, with what it takes as its own."""
        command, space, sign = self.tokens[self.at]
        self.at += 1
        if command is not None:
            return self._command(command)
        if space:
            return " "
        if sign == "{":
            return self.until("}")
        return self._raised(sign) if sign in "_^" else sign

    def argument(self):
        """Return the text of the next token that is no space: a group or a single sign."""
        while self.at < len(self.tokens) and self.tokens[self.at][1]:
            self.at += 1
        return self.next().strip() if self.at < len(self.tokens) else ""

    def _command(self, name):
        if name in ("frac", "tfrac", "dfrac"):
            above, below = _held_together(self.argument()), _held_together(self.argument())
            return f"{above} / {below}" if " " in above + below else f"{above}/{below}"
        if name == "sqrt":
            return "√" + _held_together(self.argument())
        if name in _WORDS:
            return self.argument()
        if name in _ACCENTS:
            said = self.argument()
            return said + _ACCENTS[name] if len(said) == 1 else said
        if name == "not":
            said = self.argument()
            return _NEGATED.get(said, "not " + said)
        if name in ("partial", "nabla"):
            return _SIGNS[name] + self.argument()
        return _SIGNS.get(name, name)

    def _raised(self, sign):
        said = self.argument()
        if sign == "^" and said in _POWERS:
            return _POWERS[said]
        plain = len(said) < 2 or said.isalnum() or (said.startswith("(") and said.endswith(")"))
        return sign + (said if plain else f"({said})")


def _held_together(text):
    """Put what is a sum or a product of several into parentheses, so that a fraction of it is read as one."""
    depth, bars = 0, set()
    for sign in text:
        if sign in "|‖":
            bars ^= {sign}
        depth += (sign in "([{") - (sign in ")]}")
        if depth == 0 and not bars and sign in f" +-{_WIDE}":
            return f"({text})"
    return text
