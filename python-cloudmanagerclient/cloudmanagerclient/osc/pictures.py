# SPDX-License-Identifier: Apache-2.0
"""Bars of characters that show how full something is."""

WIDTH = 20


def bar(fraction: float, width: int = WIDTH) -> str:
    """Return a bar that shows a fraction of a capacity.

    :param fraction: what is used; 1.0 is all
    :param width: characters of a full bar
    """
    filled = min(width, max(0, round(fraction * width)))
    return '█' * filled + '░' * (width - filled)


def change(name: str, kind: str, before: float, after: float) -> str:
    """Return a line with a bar for each of two moments.

    :param name: what is filled
    :param kind: with what
    :param before: the fraction that was used first
    :param after: the fraction that is used then
    """
    return (f'{name:<20} {kind:<10} {bar(before)} {before:>6.1%}  ->  '
            f'{bar(after)} {after:>6.1%}')
