# SPDX-License-Identifier: Apache-2.0
"""The helper processes, by oslo.privsep, each with its capabilities.

They run as root, but without root's powers. Each one only runs functions of
its own modules.
"""

import os
import pathlib
import pwd
from typing import Any

from oslo_config import cfg
from oslo_privsep import capabilities as caps
from oslo_privsep import priv_context

from cloudmanager.agent.privileged import functions
from cloudmanager.common import exception

CONF = cfg.CONF
_PREFIX = 'cloudmanager.agent.privileged'

# Root writes its own files without any capability; directories of
# configuration may belong to the users of their programs.
files_context = priv_context.PrivContext(
    _PREFIX, cfg_section='agent_files',
    pypath=f'{_PREFIX}.contexts.files_context',
    capabilities=[caps.CAP_DAC_OVERRIDE])
# A program that root starts gets root's powers from the kernel, so the helper
# needs none of them. To end a program that runs as another user, it does.
programs_context = priv_context.PrivContext(
    _PREFIX, cfg_section='agent_programs',
    pypath=f'{_PREFIX}.contexts.programs_context',
    capabilities=[caps.CAP_KILL])
_ALL = (files_context, programs_context)


@files_context.entrypoint
def files(name: str, *arguments: Any) -> Any:
    """Carry out a function of ``privileged.files``."""
    return functions.run('files', name, *arguments)


@files_context.entrypoint
def controllers(name: str, *arguments: object) -> object:
    """Carry out a function of ``privileged.controllers``."""
    return functions.run('controllers', name, *arguments)


@files_context.entrypoint
def iscsi_records(name: str, *arguments: object) -> object:
    """Carry out a function of ``privileged.iscsi_records``."""
    return functions.run('iscsi_records', name, *arguments)


@programs_context.entrypoint
def programs(name: str, *arguments: Any) -> Any:
    """Carry out a function of ``privileged.programs``."""
    return functions.run('programs', name, *arguments)


@programs_context.entrypoint
def jobs(name: str, *arguments: Any) -> Any:
    """Carry out a function of ``privileged.jobs``."""
    return functions.run('jobs', name, *arguments)


ENTRY_POINTS = {'files': files, 'controllers': controllers,
                'iscsi_records': iscsi_records, 'programs': programs,
                'jobs': jobs}


def start() -> None:
    """Start the helpers, and give up the privileges that only they need.

    Call this before there are threads. If the process is not root, the
    ``helper_command`` of each group, by default ``sudo privsep-helper``,
    starts the helper when it is first needed.

    :raises Misconfigured: the configured user does not exist
    """
    if os.geteuid() != 0:
        return
    for context in _ALL:
        context.start(priv_context.Method.FORK)
    if CONF.agent.user:
        _become(CONF.agent.user)


def _become(name: str) -> None:
    """Go on as another user."""
    try:
        user = pwd.getpwnam(name)
    except KeyError as exc:
        raise exception.Misconfigured(
            setting='[agent] user',
            reason=f'there is no user {name!r}') from exc
    _hand_over(pathlib.Path(CONF.state_path) / 'agent', user)
    os.initgroups(name, user.pw_gid)
    os.setgid(user.pw_gid)
    os.setuid(user.pw_uid)


def _hand_over(directory: pathlib.Path, user: pwd.struct_passwd) -> None:
    """Give the agent's own directory to the user that it becomes.

    Whoever has the directory already could have put links to files of others
    there, so its files go along only if it was root's.

    :raises Misconfigured: that cannot be done
    """
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        if directory.lstat().st_uid != os.geteuid():
            return
        for path in (*directory.iterdir(), directory):
            os.chown(path, user.pw_uid, user.pw_gid, follow_symlinks=False)
    except OSError as exc:
        raise exception.Misconfigured(
            setting=f'[DEFAULT] state_path ({directory})',
            reason=str(exc.strerror)) from exc


def is_alive() -> bool:
    """Tell whether the helpers that were started still run.

    One that was forked cannot be started again by a process that is no
    longer root.
    """
    return all(context.channel is None or context.channel.running
               for context in _ALL)
