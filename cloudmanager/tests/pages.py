# SPDX-License-Identifier: Apache-2.0
"""What pages of the documentation say, for tests that hold the code to it."""

import pathlib
import re

import cloudmanager

_DOC = pathlib.Path(cloudmanager.__file__).parents[1] / 'doc/source'


def text(page: str) -> str:
    """Return the source of a page.

    :param page: its path below ``doc/source``, without suffix
    """
    return (_DOC / f'{page}.rst').read_text()


def table(page: str, title: str) -> list[list[str]]:
    """Return the cells of a list table by rows, without its header."""
    below = text(page).split(f'.. list-table:: {title}\n')[1]
    rows = re.split(r'\n   \* - ', re.split(r'\n\n(?! )', below)[0])
    return [re.split(r'\n     - ', row) for row in rows[2:]]


def names(words: str) -> list[str]:
    """Return what stands in double backquotes."""
    return re.findall('``(.+?)``', words)
