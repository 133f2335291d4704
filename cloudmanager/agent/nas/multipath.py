# SPDX-License-Identifier: Apache-2.0
"""Configuring multipath for storages, and joining the paths to disks."""

import contextlib
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
# SCSI allows 8 and 16 printable characters; longer words never match. None of
# these characters has a meaning within the quotes of multipath.conf.
_WORD = re.compile(r'[A-Za-z0-9][A-Za-z0-9 ._/+-]{0,63}')
_DEVICE = re.compile(r'^ +vendor "\^(.+)\$"\n +product "\^(.+)\$"$',
                     re.MULTILINE)
_NO_WORD = re.compile(r'\[(.)\]')
_SETTING = re.compile('[a-z_]+')
_SETTLE_SECONDS = 20


def is_installed() -> bool:
    """Tell whether multipath is installed on the node."""
    return shutil.which('multipath',
                        path=programs.environment()['PATH']) is not None


def check(vendor: object, product: object) -> Kind | None:
    """Return the kind of storage that a request names, if it names one.

    :raises Invalid: only one of the two is given, or it is not a valid word
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
    """Return the kinds of storages in a text of ``render``."""
    return [(_NO_WORD.sub(r'\1', vendor), _NO_WORD.sub(r'\1', product))
            for vendor, product in _DEVICE.findall(content or '')]


def _wanted(kind: Kind) -> str | None:
    """Return the new content of the file; ``None`` for no change."""
    content: str | None = privileged.call('files', 'read', _PURPOSE)
    text = render([*parse(content), kind])
    return None if text == content else text


def plan(kind: Kind | None) -> list[str]:
    """Return what would be written and run.

    :raises Conflict: multipath is not installed, or the file is not ours
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
    """Configure multipath for a kind of storage; twice does no harm.

    :raises Conflict: the file is not ours
    :raises CommandFailed: multipathd does not accept it
    """
    text = _wanted(kind)
    if text is not None:
        privileged.call('files', 'write', _PURPOSE, text)
    # Also if the file was there already, since a crash may have come in
    # between. This fails if multipathd does not run; it will then read the
    # file when it starts.
    commands.run('multipathd', 'reconfigure', codes=None)


def rescan(disks: list[str]) -> None:
    """Let multipath join the paths to the same disks.

    :param disks: names of disks with more than one path; they must be named,
        since multipath may be configured to ignore disks that it was not
        told about
    :raises CommandFailed: multipath failed
    """
    if not is_installed():
        return
    # multipath leaves out a disk that udev has not identified yet.
    with contextlib.suppress(exception.CommandFailed):
        commands.run('udevadm', 'settle', f'--timeout={_SETTLE_SECONDS}',
                     timeout=2 * _SETTLE_SECONDS)
    for disk in disks:
        commands.run('multipath', '-a', f'/dev/{disk}')
    commands.run('multipath', '-v', '1', timeout=60)
