# SPDX-License-Identifier: Apache-2.0
"""Answers of agents, taken apart.

An agent may be of another version, and whoever has taken over its node answers
in its place. So what it answers is checked before it is used.
"""

from collections.abc import Iterable

from cloudmanager.common import exception


def malformed(host: str) -> exception.Unavailable:
    """Return the error for an answer that is not of the expected form."""
    return exception.Unavailable(
        reason=f'The agent on host {host} gave an answer of an unknown form. '
               'Bring it to the version of the conductors.')


def lists(host: str, answer: object,
          names: Iterable[str] = ()) -> dict[str, list[str]]:
    """Return an answer that has a list of texts for each name.

    :param names: those that must be there
    :raises Unavailable: it has another form
    """
    if (not isinstance(answer, dict) or not answer.keys() >= set(names)
            or not all(isinstance(found, list)
                       and all(isinstance(text, str) for text in found)
                       for found in answer.values())):
        raise malformed(host)
    return answer


def objects(host: str, answer: object,
            names: Iterable[str]) -> dict[str, dict[str, object]]:
    """Return the objects of an answer.

    :param names: those that must be there; others are left out
    :raises Unavailable: it has another form
    """
    found: dict[str, dict[str, object]] = {}
    for name in names:
        one = answer.get(name) if isinstance(answer, dict) else None
        if not isinstance(one, dict):
            raise malformed(host)
        found[name] = one
    return found
