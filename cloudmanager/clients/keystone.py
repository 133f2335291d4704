# SPDX-License-Identifier: Apache-2.0
"""Keystone: domains and their configuration."""

from collections.abc import Iterable
import dataclasses
from urllib import parse

from keystoneauth1 import adapter
from keystoneauth1.session import Session

from cloudmanager.clients import keystone_files
from cloudmanager.clients import retry
from cloudmanager.clients import session as cm_session
from cloudmanager.common import exception
from cloudmanager.common.json_types import JsonObject

NAME = 'Keystone'


@dataclasses.dataclass(frozen=True, slots=True)
class Domain:
    id: str
    name: str


class Keystone:
    """Keystone's API.

    :param session: a keystoneauth session, ours by default
    """

    def __init__(self, session: Session | None = None) -> None:
        self._http = adapter.Adapter(
            session or cm_session.get_session(), service_type='identity',
            version='3',
            **(cm_session.endpoint_filter() if session is None else {}))

    def domain(self, domain_id: str) -> Domain | None:
        """Return a domain, or ``None`` when there is none."""
        try:
            answer = retry.call(
                retry.Kind.READ, NAME, 'show domain', self._http.get,
                f'/domains/{parse.quote(domain_id, safe="")}')
        except exception.NotFound:
            return None
        found = answer.json()['domain']
        return Domain(id=found['id'], name=found['name'])

    def projects_with_tag(self, tag: str) -> list[JsonObject]:
        """Return the projects that have a tag, with all their properties."""
        answer = retry.call(
            retry.Kind.READ, NAME, 'list projects', self._http.get,
            f'/projects?{parse.urlencode({"tags": tag})}')
        found: list[JsonObject] = answer.json()['projects']
        return found

    def set_domain_config(self, domain_id: str,
                          found: keystone_files.DomainFile) -> None:
        """Replace the configuration of a domain in Keystone's database.

        :param found: what is to be the configuration; never logged
        :raises NotFound: there is no such domain
        :raises CloudRequestRefused: Keystone does not take it
        """
        try:
            retry.call(
                retry.Kind.IDEMPOTENT, NAME, 'configure domain',
                self._http.put,
                f'/domains/{parse.quote(domain_id, safe="")}/config',
                json={'config': found.config}, log=False)
        except exception.CloudRequestRefused as exc:
            refused = exception.CloudRequestRefused(
                _mask(exc.message, found.secrets))
            refused.http_status = exc.http_status
            raise refused from None


def _mask(text: str, secrets: Iterable[str]) -> str:
    """Hide secrets in a text, the longest first."""
    for value in sorted(filter(None, secrets), key=len, reverse=True):
        text = text.replace(value, '***')
    return text
