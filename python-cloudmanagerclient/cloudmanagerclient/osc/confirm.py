# SPDX-License-Identifier: Apache-2.0
"""Questions before something that cannot be taken back."""

import argparse
from collections.abc import Sequence
import sys

from osc_lib import exceptions as osc_exc


def add_yes(parser: argparse.ArgumentParser) -> None:
    """Add the option that answers the question."""
    parser.add_argument('--yes', action='store_true',
                        help='Do not ask for the name again as a confirmation')


def ask(what: str, names: Sequence[str]) -> None:
    """Have the user type names before something is done to them.

    :param what: what will be done, as the beginning of a sentence
    :param names: names of what it is done to
    :raises osc_lib.exceptions.CommandError: the answer is another one, or
        nobody is there to answer
    """
    wanted = ' '.join(names)
    if not sys.stdin.isatty():
        raise osc_exc.CommandError(
            f'{what} {wanted} needs a confirmation, and there is no terminal '
            f'to ask at. Give --yes if you mean it.')
    try:
        print(f'{what} {wanted}.\n'
              f'Type the name{"s" if len(names) > 1 else ""} to go on: ',
              end='', file=sys.stderr, flush=True)
        answer = sys.stdin.readline().split()
    except KeyboardInterrupt:
        answer = []
        print(file=sys.stderr)
    if answer != wanted.split():
        raise osc_exc.CommandError('Not confirmed; nothing was done.')
