# SPDX-License-Identifier: Apache-2.0
"""Texts of others, before they reach logs, terminals and the database."""


def printable(text: str, most: int) -> str:
    """Return the beginning of a text, with blanks for what cannot be shown.

    Control characters would write lines of their own into a log and move the
    cursor of a terminal, and half of a surrogate pair has no encoding.

    :param most: how many characters are kept
    """
    text = text[:most]
    # Nearly all texts can be shown as they are.
    return text if text.isprintable() else ''.join(
        letter if letter.isprintable() else ' ' for letter in text)
