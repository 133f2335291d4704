# SPDX-License-Identifier: Apache-2.0
"""iSCSI by open-iscsi's ``iscsiadm`` and the kernel's view of sessions.

os-brick is not used: it passes CHAP passwords to ``iscsiadm`` as arguments,
where every user of the node can read them; it needs a helper of its own with
all of root's powers; and after a failed login it leaves records behind.
"""

import pathlib
import socket
import threading

from oslo_config import cfg

from cloudmanager.agent import commands
from cloudmanager.agent import privileged
from cloudmanager.common import clock
from cloudmanager.common import exception
from cloudmanager.conf import nas as conf_nas
from cloudmanager.domain import iscsi
from cloudmanager.domain.iscsi import Path
from cloudmanager.domain.iscsi import Portal

CONF = cfg.CONF
SESSIONS = pathlib.Path('/sys/class/iscsi_session')
#: Exit statuses of iscsiadm.
SESSION_EXISTS = 15
NO_OBJECTS = 21
#: Its exit status for a discovery that it has no record of.
NO_DISCOVERY = 6
_REASONS = {
    4: 'it cannot be connected',
    8: 'it did not answer in time',
    11: 'it did not answer in time',
    19: 'it has no such target, or none for this node',
    20: 'iscsid does not run on the node',
    24: 'the storage and the node do not accept each other\'s credentials '
        '(CHAP)',
}
#: Seconds within which a portal must accept a connection.
_CONNECT_SECONDS = 5.0
#: Seconds that one attempt of a login takes at most, as iscsid counts them.
_LOGIN_SECONDS = 16
_POLL_SECONDS = 0.2
# Held while a discovery needs a record.
_recording = threading.Lock()


def _run(*words: str, codes: tuple[int, ...] = (0,),
         timeout: float | None = None) -> commands.Result:
    """Run iscsiadm.

    :raises CommandFailed: it failed, with a reason that says why
    """
    found = commands.run('iscsiadm', *words, codes=None, timeout=timeout)
    if found.code not in codes:
        said = _REASONS.get(found.code or 0)
        if said is None:
            lines = (found.error.strip() or found.out.strip()).splitlines()
            said = f'status {found.code}: {" ".join(lines)[:500]}'
        raise exception.CommandFailed(program='iscsiadm', reason=f'{said}.')
    return found


def _words(path: Path) -> tuple[str, ...]:
    """Return the words that name a target on a portal."""
    return ('--mode', 'node', '--targetname', path.target,
            '--portal', path.portal.address)


def resolve(portal: Portal) -> Portal:
    """Return a portal with its address in place of its name.

    Records and sessions have addresses, so a name could not be found there.

    :raises Unavailable: the name cannot be resolved
    """
    try:
        found = socket.getaddrinfo(portal.host, portal.port,
                                   type=socket.SOCK_STREAM)
        return iscsi.portal(Portal(
            str(sorted(found)[0][4][0]), portal.port).address)
    except (OSError, ValueError) as exc:
        raise exception.Unavailable(
            reason=f'The name {portal.host} is not known on the node.'
        ) from exc


def probe(portal: Portal) -> None:
    """Check that a portal accepts connections; iscsid would try for longer.

    :raises Unavailable: it does not
    """
    try:
        socket.create_connection((portal.host, portal.port),
                                 _CONNECT_SECONDS).close()
    except OSError as exc:
        raise exception.Unavailable(
            reason=f'Portal {portal} takes no connection: '
                   f'{exc.strerror or "timed out"}.') from exc


def sessions() -> list[iscsi.Session]:
    """Return all sessions.

    :raises CommandFailed: iscsiadm is not installed, or fails
    """
    found = _run('--mode', 'session', codes=(0, NO_OBJECTS))
    if found.is_cut:
        raise exception.CommandFailed(program='iscsiadm',
                                      reason='it tells too much.')
    return iscsi.sessions(found.out)


def find(path: Path) -> iscsi.Session | None:
    """Return the session of a target on a portal, if there is one."""
    return next((session for session in sessions()
                 if session.path == path), None)


def discover(portal: Portal) -> list[Path]:
    """Ask a portal for its targets, and leave no records of them.

    :raises Unavailable: it does not answer
    """
    probe(portal)
    words = ('--mode', 'discoverydb', '--type', 'sendtargets', '--portal',
             portal.address)
    if not conf_nas.credentials(CONF, portal.host)['chap_discovery']:
        return _ask(words)
    with _recording:
        # Removing the record of a discovery also removes the records of
        # its targets. So a record that somebody else has made stays.
        is_new = _run(*words,
                      codes=(0, NO_DISCOVERY, NO_OBJECTS)).code != 0
        if is_new:
            _run(*words, '--op', 'new')
        try:
            privileged.call('iscsi_records', 'set_discovery', portal.host,
                            portal.port)
            return _ask(words)
        finally:
            if is_new:
                _run(*words, '--op', 'delete', codes=(0, NO_OBJECTS))


def _ask(words: tuple[str, ...]) -> list[Path]:
    found = _run(*words, '--op', 'nonpersistent', '--discover',
                 timeout=CONF.nas.discovery_timeout)
    return iscsi.found(found.out)


def has_record(path: Path) -> bool:
    """Tell whether open-iscsi has a record of a target on a portal."""
    return _run(*_words(path), codes=(0, NO_OBJECTS)).code == 0


def add_record(path: Path) -> None:
    """Create a record, if there is none."""
    _run(*_words(path), '--op', 'new')


def set_record(path: Path, startup: str) -> None:
    """Write the credentials of the node into a record of ours.

    :param startup: whether the node logs in by itself when it starts
    """
    privileged.call('iscsi_records', 'set_node', path.portal.host,
                    path.portal.port, path.target,
                    {'startup': startup,
                     'retries': str(CONF.nas.login_retries)})


def remove_record(path: Path) -> None:
    """Remove a record, if it is there."""
    _run(*_words(path), '--op', 'delete', codes=(0, NO_OBJECTS))


def login_seconds() -> float:
    """Return the seconds after which iscsid gives up a login."""
    return float(_LOGIN_SECONDS * (CONF.nas.login_retries + 2))


def log_in(path: Path) -> None:
    """Log in to a target.

    iscsid gives up before the timeout of iscsiadm, so no attempt goes on
    after this has failed.

    :raises CommandFailed: the login failed
    """
    _run(*_words(path), '--login', codes=(0, SESSION_EXISTS),
         timeout=login_seconds())


def log_out(path: Path) -> None:
    """Log out from a target, if there is a session."""
    _run(*_words(path), '--logout', codes=(0, NO_OBJECTS), timeout=60)


def disks(session: iscsi.Session) -> list[str]:
    """Return the names of the disks that the kernel has for a session."""
    return sorted(path.name for path in SESSIONS.glob(
        f'session{session.number}/device/target*/*/block/*'))


def _is_well(session: iscsi.Session) -> bool:
    """Tell whether the storage of a session answers."""
    try:
        text = (SESSIONS / f'session{session.number}' / 'state').read_text()
    except OSError:
        # The session has just ended.
        return False
    return text.strip() == 'LOGGED_IN'


def await_disks(path: Path) -> list[str]:
    """Return the disks of a target, as soon as there are any.

    :raises Unavailable: no disk appears in time, or the storage does not
        answer
    """
    until = clock.monotonic() + CONF.nas.device_timeout
    while True:
        session = find(path)
        is_well = session is not None and _is_well(session)
        found = disks(session) if session is not None and is_well else []
        if found:
            return found
        if clock.monotonic() > until:
            raise exception.Unavailable(
                reason='The login was accepted, but no disk of the target '
                       f'appeared within {CONF.nas.device_timeout:g} s.'
                if is_well else
                'There is a login, but the storage does not answer.')
        clock.sleep(_POLL_SECONDS)
