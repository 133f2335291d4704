# SPDX-License-Identifier: Apache-2.0
"""Options of nova-compute by which it serves a virtual controller.

They contain passwords, so an operator puts them on the node, in one file for
each controller. nova-compute reads a link to that file. So nothing is copied,
and the operator decides who may read it.
"""

import os
import pathlib
import stat

from oslo_config import cfg

from cloudmanager.common import exception
from cloudmanager.common import private
from cloudmanager.domain import node_modes

CONF = cfg.CONF
OFFERED = frozenset(('read', 'check', 'use', 'remove'))


def path() -> pathlib.Path:
    """Return where nova-compute reads the options."""
    return pathlib.Path(CONF.agent.controller_drop_in)


def source(controller: str) -> pathlib.Path:
    """Return where the options for a controller are.

    :raises Invalid: it is no id
    """
    if not node_modes.UUID.fullmatch(controller):
        raise exception.Invalid(reason='A controller has no such id.')
    return pathlib.Path(CONF.agent.controllers_path) / f'{controller}.conf'


def _trouble(exc: OSError) -> exception.Unavailable:
    return exception.Unavailable(
        reason=f'File {path()} cannot be used: {exc.strerror}.')


def read() -> str | None:
    """Return the controller that nova-compute is to serve, if any.

    :raises Conflict: the file is not ours
    :raises Unavailable: it cannot be read
    """
    try:
        target = pathlib.Path(os.readlink(path()))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as exc:
        if path().exists():
            raise _foreign() from exc
        raise _trouble(exc) from exc
    if (not node_modes.UUID.fullmatch(target.stem)
            or target != source(target.stem)):
        raise _foreign()
    return target.stem


def _foreign() -> exception.Conflict:
    return exception.Conflict(
        reason=f'File {path()} was not made by the agent; it is left alone.')


def check(controller: str) -> None:
    """Check that there are options for a controller.

    :raises Conflict: there are none
    """
    found = source(controller)
    try:
        is_file = stat.S_ISREG(found.lstat().st_mode)
    except OSError:
        is_file = False
    if not is_file:
        raise exception.Conflict(
            reason='The node has no options of nova-compute for controller '
                   f'{controller}: there is no file {found}.')


def use(controller: str) -> None:
    """Have nova-compute serve a controller after its next start.

    :raises Conflict: there are no options for it, or the file is not ours
    :raises Unavailable: it cannot be written
    """
    check(controller)
    read()
    target = path()
    new = target.with_name(f'.{target.name}.new')
    try:
        target.parent.mkdir(mode=0o755, exist_ok=True)
        new.unlink(missing_ok=True)
        new.symlink_to(source(controller))
        os.replace(new, target)
        private.sync_directory(target.parent)
    except OSError as exc:
        raise _trouble(exc) from exc


def remove() -> None:
    """Have nova-compute serve the cloud that it is configured for.

    :raises Conflict: the file is not ours
    :raises Unavailable: it cannot be removed
    """
    if read() is None:
        return
    try:
        path().unlink(missing_ok=True)
        private.sync_directory(path().parent)
    except OSError as exc:
        raise _trouble(exc) from exc
