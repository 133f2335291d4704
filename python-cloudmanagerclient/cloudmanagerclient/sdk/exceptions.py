# SPDX-License-Identifier: Apache-2.0
"""Errors of the service, as exceptions.

Each is also the exception that openstacksdk has for its status, so that
``except openstack.exceptions.NotFoundException`` works here too.
"""

import re
from typing import Any

from openstack import exceptions
import requests

_UUID = re.compile(r'[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}')


class CloudManagerError(exceptions.HttpException):
    """The service refused a request.

    :ivar code: stable name of the error, such as
        ``cloudmanager.node.not_found``
    :ivar errors: all errors of the answer, as the service wrote them; more
        than one if several lines of a body are wrong
    :ivar detail: what is wrong, in words
    :ivar status_code: HTTP status
    :ivar request_id: id of the request, as in the log of the service
    """

    def __init__(self, response: requests.Response) -> None:
        self.errors = _errors(response)
        first = self.errors[0] if self.errors else {}
        self.code = str(first.get('code', ''))
        self.detail = '\n'.join(
            str(error.get('detail') or error.get('title') or '')
            for error in self.errors) or (
                f'{response.status_code} {response.reason}, and the answer '
                f'does not say why')
        super().__init__(self.detail, response=response)

    def __str__(self) -> str:
        return self.detail


class BadRequest(CloudManagerError, exceptions.BadRequestException):
    """400: the request is not valid."""


class Forbidden(CloudManagerError, exceptions.ForbiddenException):
    """403: policy does not allow it."""


class NotFound(CloudManagerError, exceptions.NotFoundException):
    """404: there is no such object."""


class NoSuchObject(exceptions.NotFoundException):
    """No object has such an id or name.

    :ivar kind: what was looked for, such as ``power_control``
    """

    def __init__(self, kind: str, name_or_id: str) -> None:
        self.kind = kind
        super().__init__(
            f'There is no {kind.replace("_", " ")} {name_or_id}.')


class Conflict(CloudManagerError, exceptions.ConflictException):
    """409: the state of something does not allow it."""

    @property
    def task_id(self) -> str | None:
        """Id of the task that is in the way, if it is one."""
        if self.code != 'cloudmanager.task.conflict':
            return None
        found = _UUID.search(self.detail)
        return found.group() if found else None


class NotImplementedByService(CloudManagerError):
    """501: this version of the service cannot do it."""


class Unavailable(CloudManagerError):
    """503: something that is needed is out of reach; try again later."""


class TaskFailed(exceptions.ResourceFailure):
    """A task ended, and not with success.

    :ivar task: the task as it ended
    """

    def __init__(self, task: Any) -> None:
        self.task = task
        super().__init__(
            f'Task {task.id} ended {task.status}: '
            f'{task.result or "it does not say why"}')


_CLASSES: dict[int, type[CloudManagerError]] = {
    400: BadRequest, 403: Forbidden, 404: NotFound, 409: Conflict,
    501: NotImplementedByService, 503: Unavailable}


def check(response: requests.Response) -> None:
    """Raise what an answer says.

    :raises CloudManagerError: its status is that of an error
    """
    if response.status_code >= 400:
        raise _CLASSES.get(response.status_code, CloudManagerError)(response)


def _errors(response: requests.Response) -> list[dict[str, Any]]:
    try:
        found = response.json()['errors']
    except (ValueError, KeyError, TypeError):
        # Another program answered: a proxy, or a WSGI server.
        return []
    if not isinstance(found, list):
        return []
    return [error for error in found if isinstance(error, dict)]

