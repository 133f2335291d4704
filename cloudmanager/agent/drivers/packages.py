# SPDX-License-Identifier: Apache-2.0
"""Upgrades of the distribution's packages, by apt or dnf."""

import pathlib
import shutil

from oslo_config import cfg

from cloudmanager.agent import commands
from cloudmanager.agent import privileged
from cloudmanager.agent.privileged import jobs
from cloudmanager.agent.privileged import programs
from cloudmanager.common import exception
from cloudmanager.common.json_types import JsonObject

CONF = cfg.CONF
#: Programs, in the order in which they are looked for.
_MANAGERS = {'apt-get': 'upgrade-apt', 'dnf': 'upgrade-dnf'}
_DNF_UPDATES_THERE = 100


def manager() -> str | None:
    """Return the program that upgrades packages here, if there is one."""
    path = programs.environment()['PATH']
    return next((name for name in _MANAGERS
                 if shutil.which(name, path=path)), None)


def _kind() -> str:
    """Return the kind of job that upgrades packages on this node.

    :raises Conflict: neither apt nor dnf is there
    """
    found = manager()
    if found is None:
        raise exception.Conflict(
            reason='The node has neither apt-get nor dnf.')
    return _MANAGERS[found]


def begin(job_id: str) -> None:
    """Begin an upgrade, unless it was begun before."""
    privileged.call('jobs', 'begin', job_id, _kind())


def status(job_id: str) -> JsonObject:
    """Return the state of an upgrade, and whether a restart is needed."""
    found: JsonObject = privileged.call('jobs', 'status', job_id)
    return {**found, 'reboot_required': reboot_required()}


def plan() -> dict[str, list[str]]:
    """Return the commands of an upgrade, and the packages to upgrade.

    The lists of packages are not refreshed for this.

    :returns: ``commands`` and ``packages``
    """
    kind = _kind()
    return {'commands': [' '.join(words) for words in jobs.KINDS[kind]],
            'packages': (_apt_packages() if kind == 'upgrade-apt'
                         else _dnf_packages())}


def _apt_packages() -> list[str]:
    found = commands.run('apt-get', '--simulate', '--quiet', '--yes',
                         'upgrade', '--with-new-pkgs')
    return sorted(line.split()[1] for line in found.out.splitlines()
                  if line.startswith('Inst ') and len(line.split()) > 1)


def _dnf_packages() -> list[str]:
    found = commands.run('dnf', '--cacheonly', '--quiet', 'check-update',
                         codes=(0, _DNF_UPDATES_THERE))
    words = (line.split() for line in found.out.splitlines())
    return sorted(line[0] for line in words if len(line) == 3)


def reboot_required(ask: bool = True) -> bool | None:
    """Tell whether the upgraded packages require a restart of the node.

    :param ask: whether dnf may be asked, which takes seconds
    :returns: ``None`` when that cannot be found out
    """
    if pathlib.Path(CONF.agent.reboot_required_file).exists():
        return True
    if manager() != 'dnf':
        return False
    if not ask:
        return None
    try:
        found = commands.run('dnf', 'needs-restarting', '--reboothint',
                             codes=(0, 1))
    except exception.CommandFailed:
        return None
    return found.code == 1
