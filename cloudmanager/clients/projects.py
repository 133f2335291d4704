# SPDX-License-Identifier: Apache-2.0
"""Work in the projects of tenants, under the roles that we have there.

What is created belongs to the project of the token it was asked for with.
The token of the service is exchanged for one of the project, which Keystone
gives to nobody without a role there. Users and roles are never made here.
"""

import threading

from keystoneauth1 import session as ks_session
from keystoneauth1.identity import generic
from keystoneauth1.session import Session

from cloudmanager.clients import retry
from cloudmanager.clients import session as cm_session
from cloudmanager.common import clock
from cloudmanager.common import exception

#: Seconds for which a session is used. Its token lives as long as the one it
#: was exchanged for, which keystoneauth renews two minutes before its end.
_FRESH_SECONDS = 60
_NO_ACCESS = (401, 403, 404)


class Projects:
    """Sessions in other projects, each made when it is needed.

    :param session: a keystoneauth session, ours by default
    """

    def __init__(self, session: Session | None = None) -> None:
        self._session = session or cm_session.get_session()
        self._lock = threading.Lock()
        self._known: dict[str, tuple[float, Session]] = {}

    def session(self, project_id: str) -> Session:
        """Return a session in a project.

        :raises ProjectClosed: we have no role there
        :raises CloudUnreachable: Keystone did not answer
        """
        with self._lock:
            made, found = self._known.get(project_id, (0.0, None))
            if found is None or clock.monotonic() - made > _FRESH_SECONDS:
                found = self._enter(project_id)
                self._known[project_id] = (clock.monotonic(), found)
            return found

    def _enter(self, project_id: str) -> Session:
        try:
            return retry.call(retry.Kind.READ, 'Keystone',
                              'exchange the token', self._exchange,
                              project_id)
        except (exception.CloudUnreachable, exception.CloudRequestRefused,
                exception.NotFound) as exc:
            if getattr(exc, 'http_status', 404) in _NO_ACCESS:
                raise exception.ProjectClosed(project=project_id) from exc
            raise

    def _exchange(self, project_id: str) -> Session:
        ours = self._session
        url = getattr(ours.auth, 'auth_url', None)
        if url is None:
            # We do not log in to Keystone at all.
            raise exception.ProjectClosed(project=project_id)
        auth = generic.Token(url, ours.get_token() or '',
                             project_id=project_id)
        made = ks_session.Session(auth=auth, verify=ours.verify,
                                  cert=ours.cert, timeout=ours.timeout)
        made.get_token()
        return made
