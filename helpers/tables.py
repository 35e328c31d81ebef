"""Tables that look the same in the book, in Colab and in JupyterLab: Markdown, with `$` formulas in any cell."""

import math
import re
from numbers import Integral, Real

DIGIT, POINT, END = "\u2007", "\u2008", "\u2060"  # spaces as wide as a digit and a point; keeps spaces before it


def table(rows, columns=("claim", "predicted", "measured"), *, precision=4):
    """Rows as an IPython Markdown table, without an index.

    rows: sequences of texts and numbers, one entry a column; a text may hold `$` formulas, in them \\vert for |.
    precision: significant digits of the numbers, at least 1. A column of numbers is aligned at the decimal point.
    """
    from IPython.display import Markdown  # here, since what only computes needs no notebook

    rows = [[_plain(value) for value in row] for row in rows]
    if any(len(row) != len(columns) for row in rows):
        raise ValueError(f"every row must have {len(columns)} entries, one for each of the columns")
    parts, marks = [], []
    for column in zip(*rows, strict=True):
        numeric = all(isinstance(value, Real) or value is None for value in column)
        texts = [number(value, precision) if isinstance(value, Real) else _text(value) for value in column]
        parts.append(aligned(texts) if numeric else texts)
        marks.append("---:" if numeric else ":---")
    lines = [[_text(name) for name in columns], marks, *zip(*parts, strict=True)]
    return Markdown("\n".join(f"| {' | '.join(line)} |" for line in lines))


def number(value, precision=4):
    """A number as text: integers in full, others to `precision` significant digits, powers of ten as a formula.

    2.0 is "2", 12345.6 is "12346", 1.5e-7 is "$1.5\\cdot10^{-7}$" and NaN is "—"; a minus sign never breaks a line.
    """
    if isinstance(value, bool):
        return "yes" if value else "no"
    if not math.isfinite(value):
        return "—" if math.isnan(value) else "∞" if value > 0 else "−∞"
    if value == round(value) and abs(value) < 1e9:
        return f"{round(value)}".replace("-", "−")
    if 10**precision <= abs(value) < 1e6:
        return f"{value:.0f}".replace("-", "−")
    return _text(f"{value:.{precision}g}")


def aligned(texts):
    """The texts, padded on the right so that their decimal points stand below each other where all end together."""
    fractions = [text.partition(".")[2] if text[-1:].isdigit() else None for text in texts]
    longest = max((len(fraction) for fraction in fractions if fraction is not None), default=0)
    return [
        text if fraction is None or len(fraction) == longest
        else text + ("" if fraction else POINT) + DIGIT * (longest - len(fraction)) + END
        for text, fraction in zip(texts, fractions, strict=True)
    ]  # fmt: skip


def _plain(value):
    """A Python number for a number of NumPy or a tensor with one entry."""
    value = value.item() if hasattr(value, "item") else value
    return int(value) if isinstance(value, Integral) and not isinstance(value, bool) else value


def _text(value):
    """A text in which numbers do not break and the sign | does not end the cell."""
    if value is None:
        return "None"
    text = re.sub(r"(?<!\\)\|", r"\\|", str(value)).replace(" ± ", "\u00a0±\u00a0")
    text = re.sub(r"(?<![\w.$^{])-(?=\d)", "−", text)
    return re.sub(r"(−?)(\d[\d.]*)e([+-]\d+)", _power, text)


def _power(found):
    sign, mantissa, exponent = found.groups()
    factor = "" if mantissa == "1" else rf"{mantissa}\cdot"
    return f"${sign.replace('−', '-')}{factor}10^{{{int(exponent)}}}$"
