"""Shares and means with how far they can be trusted."""

from __future__ import annotations

from math import log, sqrt
from typing import Final

import numpy as np

from tracelens.analyse.tails.ordered import Floats, Ints
from tracelens.analyse.what_if.results import Share

#: 97.5 % of a normal distribution lie below it.
Z: Final = 1.959963984540054


def wilson(k: int, n: int) -> Share:
    """A share with its 95 % interval (Wilson 1927)."""
    if not n:
        return Share(0, 0, None, None, None)
    p, z = k / n, Z * Z / n
    centre = (p + z / 2) / (1 + z)
    half = Z / (1 + z) * sqrt(p * (1 - p) / n + z / (4 * n))
    return Share(k, n, p, max(0.0, centre - half), min(1.0, centre + half))


def half_width(deviation: Floats, n: Ints) -> Floats:
    """Half the 95 % interval of a mean: Student's t from the normal quantile, to 1/n.

    `deviation` is the standard deviation of the `n` values.
    """
    t = Z + (Z**3 + Z) / (4 * (n - 1))
    half: Floats = t * deviation / np.sqrt(n)
    return half


def band(n: Ints, samples: int) -> Floats:
    """How far any share of `n` values may be from that of all, with 95 % confidence.

    The inequality of Dvoretzky, Kiefer and Wolfowitz with Massart's constant, for several samples
    at once (Bonferroni).
    """
    off: Floats = np.sqrt(log(2 * max(samples, 1) / 0.05) / (2 * n))
    return off
