# SPDX-License-Identifier: Apache-2.0
"""Operations on targets of storages that conductors request."""

from collections.abc import Callable
from collections.abc import Iterable
import dataclasses
import pathlib
import threading
from typing import Protocol
from typing import TypeVar

from oslo_config import cfg
from oslo_log import log as logging

from cloudmanager.agent import operations
from cloudmanager.agent.nas import iscsi
from cloudmanager.agent.nas import logins
from cloudmanager.agent.nas import multipath
from cloudmanager.agent.operations import Json
from cloudmanager.agent.operations import operation
from cloudmanager.agent.store import Store
from cloudmanager.common import exception
from cloudmanager.common import parallel
from cloudmanager.domain import iscsi as names
from cloudmanager.domain import node_modes

CONF = cfg.CONF
LOG = logging.getLogger(__name__)
VERSION = '1.0'
#: How many targets and portals a request may name.
MAX_PATHS = 256
MAX_PORTALS = 64
#: How many requests are remembered.
_MAX_KEPT = 64
_MAX_REQUEST = 128
#: A portal and a target, as a request names them.
Asked = tuple[str, str]
Paths = dict[names.Path, list[Asked]]
T = TypeVar('T')


@dataclasses.dataclass
class Request:
    """A request to attach targets.

    :ivar outcomes: for each portal and target, as requested, why it could
        not be attached, or ``None``; those that are missing are in progress
    :ivar error: why multipath could not be configured, if so
    :ivar is_running: whether the request is in progress
    """

    outcomes: dict[Asked, str | None] = dataclasses.field(
        default_factory=dict)
    error: str | None = None
    is_running: bool = True


class Targets:
    """The requests to attach targets that this agent knows.

    :param directory: the agent's own directory
    """

    def __init__(self, directory: pathlib.Path) -> None:
        self._logins = logins.Logins(directory)
        self._lock = threading.Lock()
        self._requests: dict[str, Request] = {}

    def tidy(self) -> None:
        """Complete or undo the logins that a crash has interrupted."""
        self._logins.tidy()

    def begin(self, name: str, paths: Paths,
              kind: multipath.Kind | None) -> Request:
        """Begin a request, unless it was begun before.

        :param name: the name of the request
        """
        with self._lock:
            known = self._requests.get(name)
            if known is not None:
                return known
            request = self._requests[name] = Request()
            for old in list(self._requests)[:-_MAX_KEPT]:
                del self._requests[old]
        self._start(request, paths, kind)
        return request

    def _start(self, request: Request, paths: Paths,
               kind: multipath.Kind | None) -> None:
        threading.Thread(target=self._run, args=(request, paths, kind),
                         daemon=True, name='attach-targets').start()

    def _run(self, request: Request, paths: Paths,
             kind: multipath.Kind | None) -> None:
        try:
            with self._logins.lock:
                # multipath must know the storage before its disks appear.
                request.error = _why(lambda: self._prepare(kind))
                parallel.run(
                    lambda path: self._attach(request, path, paths[path]),
                    list(paths), CONF.nas.parallel_logins)
                request.error = request.error or _why(
                    lambda: _join(paths, kind))
        except Exception:
            # Boundary of the thread: the caller must not wait for ever.
            LOG.exception('Attaching targets failed.')
            request.error = operations.INTERNAL
        finally:
            request.is_running = False

    @staticmethod
    def _prepare(kind: multipath.Kind | None) -> None:
        if kind is not None:
            multipath.set_kind(kind)

    def _attach(self, request: Request, path: names.Path,
                asked: list[Asked]) -> None:
        why = _why(lambda: self._logins.attach(
            names.Path(iscsi.resolve(path.portal), path.target)))
        if why is not None:
            LOG.warning('Target %(path)s could not be attached: %(why)s',
                        {'path': path, 'why': why})
        request.outcomes.update(dict.fromkeys(asked, why))


def _why(function: Callable[[], object]) -> str | None:
    """Call a function; return why it failed, if it did."""
    try:
        function()
    except exception.CloudManagerException as exc:
        return exc.message
    except OSError as exc:
        return f'The node could not note it down: {exc.strerror}.'
    return None


def _join(paths: Iterable[names.Path],
          kind: multipath.Kind | None) -> None:
    """Let multipath join the disks of targets that have several portals.
    """
    wanted = {path.target for path in paths}
    found = [session for session in iscsi.sessions()
             if session.path.target in wanted]
    several = {target for target in wanted if kind is not None or sum(
        session.path.target == target for session in found) > 1}
    disks = [disk for session in found if session.path.target in several
             for disk in iscsi.disks(session)]
    if disks:
        multipath.rescan(disks)


def _checked(what: str, check: Callable[[], T]) -> T:
    """Return what a check of input returns.

    :raises Invalid: the input is wrong
    """
    try:
        return check()
    except ValueError as exc:
        raise exception.Invalid(reason=f'{what} {exc}.') from exc


def _portal(text: object) -> names.Portal:
    return _checked('A portal', lambda: names.portal(text))


def _target(text: object) -> str:
    return _checked('A target', lambda: names.full_name(
        text, CONF.nas.target_prefix))


def _paths(targets: object) -> Paths:
    """Return the paths that a request names, and their names in it.

    :raises Invalid: the request is malformed
    """
    if not isinstance(targets, dict):
        raise exception.Invalid(reason='targets must be an object.')
    found: Paths = {}
    for portal, listed in sorted(targets.items()):
        if not isinstance(listed, list):
            raise exception.Invalid(reason='targets must have lists.')
        where = _portal(portal)
        for name in listed:
            path = names.Path(where, _target(name))
            found.setdefault(path, []).append((portal, name))
    if not 0 < len(found) <= MAX_PATHS:
        raise exception.Invalid(
            reason=f'There must be 1 to {MAX_PATHS} targets.')
    return found


class Agent(Protocol):
    """What these operations need of the agent."""

    store: Store
    targets: 'Targets'


def _check_dcc(agent: Agent, kind: multipath.Kind | None) -> None:
    """Check that multipath may be configured, if the request requires it.

    :raises Conflict: dynamic component configuration is off
    """
    if kind is not None and not node_modes.dcc_is_on(agent.store.settings):
        raise exception.Conflict(
            reason='Dynamic component configuration of the node is off; '
                   'enable it (enable-dcc) to name vendor and product.')


@operation('nas.sessions', version=VERSION)
def sessions(agent: Agent) -> Json:
    """Return the targets that the node is logged in to, by portal."""
    return {'targets': names.by_portal(
        session.path for session in iscsi.sessions())}


@operation('nas.discover', version=VERSION)
def discover(agent: Agent, portals: list[str]) -> Json:
    """Ask portals for their targets, all at the same time.

    :returns: ``targets``, without their usual prefix, by the portals that
        the storage names; ``errors`` by portals that did not answer
    """
    if not isinstance(portals, list) or not 0 < len(portals) <= MAX_PORTALS:
        raise exception.Invalid(
            reason=f'There must be 1 to {MAX_PORTALS} portals.')
    asked = sorted({_portal(portal) for portal in portals})
    found: set[names.Path] = set()
    errors: dict[str, str] = {}

    def ask(portal: names.Portal) -> None:
        try:
            found.update(iscsi.discover(iscsi.resolve(portal)))
        except exception.Unavailable as exc:
            errors[str(portal)] = exc.message

    parallel.run(ask, asked, len(asked))
    return {'targets': names.by_portal(found, CONF.nas.target_prefix),
            'errors': errors}


@operation('nas.plan', version=VERSION)
def plan(agent: Agent, targets: dict[str, list[str]],
         vendor: str | None = None, product: str | None = None) -> Json:
    """Return what attaching targets would write and run.

    :raises Conflict: the node cannot do it
    :raises CommandFailed: open-iscsi is not installed
    """
    kind = multipath.check(vendor, product)
    paths = _paths(targets)
    there = {session.path for session in iscsi.sessions()}
    _check_dcc(agent, kind)
    steps = multipath.plan(kind)
    return {'steps': [f'log in: {path}' for path in paths
                      if path not in there] + steps,
            'attached': [str(path) for path in paths if path in there]}


@operation('nas.attach', version=VERSION)
def attach(agent: Agent, request: str, targets: dict[str, list[str]],
           vendor: str | None = None, product: str | None = None) -> Json:
    """Begin to attach targets, once for each request; return the progress.

    :param request: name of the request, chosen by the caller
    :returns: ``running``; ``outcomes``: for each finished target, the portal,
        the target, and why it could not be attached or ``None``; ``error``:
        why multipath could not be configured, if so
    """
    if not isinstance(request, str) or not 0 < len(request) <= _MAX_REQUEST:
        raise exception.Invalid(reason='request must be a short text.')
    kind = multipath.check(vendor, product)
    paths = _paths(targets)
    _check_dcc(agent, kind)
    known = agent.targets.begin(request, paths, kind)
    # Read this first: all outcomes are stored before the request ends.
    running = known.is_running
    return {'running': running, 'error': known.error, 'outcomes': [
        [portal, target, why]
        for (portal, target), why in sorted(dict(known.outcomes).items())]}
