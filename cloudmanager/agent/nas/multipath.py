# SPDX-License-Identifier: Apache-2.0
"""multipath: what it is to know of storages, and disks with several paths."""

import re
import shutil

from oslo_config import cfg

from cloudmanager.agent import commands
from cloudmanager.agent import privileged
from cloudmanager.agent.privileged import files
from cloudmanager.agent.privileged import programs
from cloudmanager.common import exception

CONF = cfg.CONF
#: Vendor and product of a storage, as its disks name them.
Kind = tuple[str, str]
_PURPOSE = 'multipath'
# As SCSI has them: 8 and 16 printable characters; longer ones never match.
# None of these means anything within the quotes of multipath.conf.
_WORD = re.compile(r'[A-Za-z0-9][A-Za-z0-9 ._/+-]{0,63}')
_DEVICE = re.compile(r'^ +vendor "\^(.+)\$"\n +product "\^(.+)\$"$',
                     re.MULTILINE)
_NO_WORD = re.compile(r'\[(.)\]')
_SETTING = re.compile('[a-z_]+')


def is_installed() -> bool:
    """Tell whether multipath is on the node."""
    return shutil.which('multipath',
                        path=programs.environment()['PATH']) is not None


def check(vendor: object, product: object) -> Kind | None:
    """Return the kind of storage that a request names, if it does.

    :raises Invalid: it does not name one by both, or not by such words
    """
    if vendor is None and product is None:
        return None
    if (isinstance(vendor, str) and isinstance(product, str)
            and _WORD.fullmatch(vendor) and _WORD.fullmatch(product)):
        return vendor.strip(), product.strip()
    raise exception.Invalid(
        reason='vendor and product must both be there, of letters, digits, '
               'spaces and ._/+-')


def _pattern(word: str) -> str:
    """Return the regular expression that a word and nothing else matches.
    """
    return '^' + re.sub('[.+]', lambda found: f'[{found[0]}]', word) + '$'


def render(kinds: list[Kind]) -> str:
    """Return the part of multipath.conf about some kinds of storages.

    :raises Misconfigured: the settings cannot be
    """
    for name in CONF.nas.multipath_settings:
        if not _SETTING.fullmatch(name):
            raise exception.Misconfigured(
                setting='[nas] multipath_settings',
                reason='there is a name that multipath cannot have')
    lines = ['devices {']
    for vendor, product in sorted(set(kinds)):
        lines += ['    device {', f'        vendor "{_pattern(vendor)}"',
                  f'        product "{_pattern(product)}"']
        lines += [f'        {name} "{value}"' for name, value in sorted(
            CONF.nas.multipath_settings.items())]
        lines.append('    }')
    return '\n'.join([*lines, '}', ''])


def parse(content: str | None) -> list[Kind]:
    """Return the kinds of storages that ``render`` has made a text of."""
    return [(_NO_WORD.sub(r'\1', vendor), _NO_WORD.sub(r'\1', product))
            for vendor, product in _DEVICE.findall(content or '')]


def _wanted(kind: Kind) -> str | None:
    """Return what the file has to be; ``None`` if it is so already."""
    content: str | None = privileged.call('files', 'read', _PURPOSE)
    text = render([*parse(content), kind])
    return None if text == content else text


def plan(kind: Kind | None) -> list[str]:
    """Return what would be written and run.

    :raises Conflict: multipath is not there, or the file is not ours
    """
    if not is_installed():
        if kind is None:
            return []
        raise exception.Conflict(
            reason='multipath is not installed on the node, so settings for '
                   'a vendor and product cannot be made.')
    text = _wanted(kind) if kind is not None else None
    steps = ['run: multipath -v 1']
    if text is not None:
        steps[:0] = [f'write: {files.path_of(_PURPOSE)}\n{text}',
                     'run: multipathd reconfigure']
    return steps


def set_kind(kind: Kind) -> None:
    """Let multipath know a kind of storage, which bears being done twice.

    :raises Conflict: the file is somebody else's
    :raises CommandFailed: multipathd does not take it
    """
    text = _wanted(kind)
    if text is not None:
        privileged.call('files', 'write', _PURPOSE, text)
    # Also when the file was there: a crash may have come in between. It
    # fails where no multipathd runs, which reads the file when it starts.
    commands.run('multipathd', 'reconfigure', codes=None)


def rescan(disks: list[str]) -> None:
    """Let multipath join the paths to the same disks.

    :param disks: names of disks with more than one path. multipath may be
        told to leave alone what it was not told of before
    :raises CommandFailed: it could not
    """
    if not is_installed():
        return
    for disk in disks:
        commands.run('multipath', '-a', f'/dev/{disk}')
    commands.run('multipath', '-v', '1', timeout=60)
