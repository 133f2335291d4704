# SPDX-License-Identifier: Apache-2.0
"""Running programs; the agent runs none in any other way."""

from collections.abc import Iterator
import dataclasses
import subprocess

from oslo_config import cfg

from cloudmanager.agent import privileged
from cloudmanager.agent.privileged import programs
from cloudmanager.common import exception

CONF = cfg.CONF
MAX_WORDS = 256
MAX_WORD = 4096


@dataclasses.dataclass(frozen=True)
class Result:
    """The result of a program.

    :ivar code: its exit status; ``None`` when it was ended at its timeout
    :ivar out: its standard output, or the beginning of it
    :ivar error: its standard error, or the beginning of it
    :ivar is_cut: whether either of them was cut
    """

    code: int | None
    out: str
    error: str
    is_cut: bool = False


def _check(words: tuple[str, ...]) -> None:
    """Check the words of a command.

    :raises Invalid: there are too many, or one is too long or has control
        characters
    """
    if not words or len(words) > MAX_WORDS:
        raise exception.Invalid(reason='A command has too many words.')
    for word in words:
        if not isinstance(word, str) or len(word) > MAX_WORD:
            raise exception.Invalid(
                reason='A word of a command is too long.')
        if any(ord(character) < 32 or ord(character) == 127
               for character in word):
            raise exception.Invalid(
                reason='A word of a command has control characters.')


def run(*words: str, timeout: float | None = None,
        codes: tuple[int, ...] | None = (0,)) -> Result:
    """Run a program with privileges and wait for its end.

    No shell is involved. The program's messages are in English
    (``LC_ALL=C``), and its standard input is empty.

    :param words: one of the programs that ``privileged.programs`` lists, by
        its name alone, and its arguments
    :param timeout: seconds after which the program is ended, with all
        processes that it has started; ``[agent] command_timeout`` when
        ``None``
    :param codes: exit statuses that are no failure; ``None`` for all
    :raises Invalid: the words are not allowed
    :raises CommandFailed: there is no such program, it did not end in time,
        or ended with another status
    """
    _check(words)
    limit = timeout or CONF.agent.command_timeout
    code, out, error, is_cut = privileged.call('programs', 'run',
                                               list(words), limit)
    result = Result(code, out, error, is_cut)
    if code is None:
        raise exception.CommandFailed(
            program=words[0], reason=f'it did not end within {limit:g} s')
    if codes is not None and code not in codes:
        said = (error.strip() or out.strip()).splitlines()
        raise exception.CommandFailed(
            program=words[0],
            reason=f'status {code}: {" ".join(said)[:500]}')
    return result


class Follower:
    """Runs a program without privileges that reports events as they occur.

    :param words: as for ``run``
    :raises Invalid: the words are not allowed
    :raises CommandFailed: there is no such program, or it cannot be started
    """

    def __init__(self, *words: str) -> None:
        _check(words)
        try:
            self._child = subprocess.Popen(  # noqa: S603  one of PROGRAMS
                [programs.find(words[0]), *words[1:]],
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL, env=programs.environment(),
                cwd='/')
        except OSError as exc:
            raise exception.CommandFailed(
                f'Program {words[0]} could not be started: '
                f'{exc.strerror}') from exc

    def lines(self) -> Iterator[bytes]:
        """Yield the lines that the program writes, until it ends."""
        with self._child as child:
            if child.stdout is None:
                raise AssertionError('a pipe was asked for')
            while line := child.stdout.readline(MAX_WORD):
                yield line

    def end(self) -> None:
        """End the program."""
        self._child.kill()
