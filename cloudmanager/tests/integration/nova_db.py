# SPDX-License-Identifier: Apache-2.0
"""What happens to servers behind Nova's back: its database is changed."""

from typing import Any

import pymysql

from cloudmanager.tests.integration import place


def execute(statement: str, *values: Any) -> None:
    """Run a statement that changes something."""
    connection = pymysql.connect(host='127.0.0.1', user='root',
                                 autocommit=True,
                                 database=place.database('nova'))
    try:
        with connection.cursor() as cursor:
            cursor.execute(statement, values)
    finally:
        connection.close()


def update(server_ids: list[str], **values: Any) -> None:
    """Set columns of the rows of some servers."""
    assignments = ', '.join(f'{name} = %s' for name in values)
    marks = ', '.join(['%s'] * len(server_ids))
    execute(f'UPDATE instances SET {assignments} '  # noqa: S608
            f'WHERE uuid IN ({marks})', *values.values(), *server_ids)


def archive_services() -> None:
    """Remove the rows of deleted services, as nova-manage would.

    Nova asks any row of a host's service whether the host is up
    (nova/db/main/models.py, Instance.services), and so lets no server be
    resized off a host that was decommissioned once and has come back.
    """
    execute('DELETE FROM services WHERE deleted != 0')


def silence(host: str, seconds: float) -> None:
    """Date the last heartbeat of a nova-compute back.

    :param seconds: before now
    """
    execute('UPDATE services SET '
            'last_seen_up = UTC_TIMESTAMP() - INTERVAL %s SECOND, '
            'updated_at = UTC_TIMESTAMP() - INTERVAL %s SECOND '
            "WHERE host = %s AND `binary` = 'nova-compute'",
            seconds, seconds, host)


def enable_service(host: str) -> None:
    """Enable the nova-compute of a host that is dead.

    Nova's API would wait a minute for its answer.
    """
    execute('UPDATE services SET disabled = 0, disabled_reason = NULL '
            "WHERE host = %s AND `binary` = 'nova-compute'", host)
