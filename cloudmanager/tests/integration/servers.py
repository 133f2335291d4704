# SPDX-License-Identifier: Apache-2.0
"""Restarts of the database and message bus servers of this machine."""

import pathlib
import shutil
import subprocess

import pymysql

from cloudmanager.tests.integration import cloud
from cloudmanager.tests.integration import processes


def _run(argv: list[str], seconds: float = 60) -> None:
    subprocess.run(argv, check=True, timeout=seconds, capture_output=True,
                   stdin=subprocess.DEVNULL)


def restart_rabbitmq() -> None:
    """Stop the broker inside its node and start it again."""
    for command in ('stop_app', 'start_app'):
        _run(['rabbitmqctl', command], 120)


def _answers() -> bool:
    try:
        processes.mysql('SELECT 1')
    except pymysql.err.OperationalError:
        return False
    return True


def _command_line(pid: int) -> list[str]:
    words = pathlib.Path(f'/proc/{pid}/cmdline').read_bytes().split(b'\0')
    return [word.decode() for word in words if word]


def restart_mariadb() -> None:
    """End MariaDB and start it as it was started."""
    connection = pymysql.connect(host='127.0.0.1', user='root')
    with connection.cursor() as cursor:
        cursor.execute('SELECT @@pid_file, @@datadir')
        name, data = cursor.fetchone()
        pid_file = pathlib.Path(data, name)
        argv = _command_line(int(pid_file.read_text()))
        cursor.execute('SHUTDOWN')
    cloud.wait(lambda: not _answers(), 60, 'MariaDB has ended')
    cloud.wait(lambda: not pid_file.exists(), 60, 'MariaDB has ended')
    daemon = shutil.which('start-stop-daemon') or '/sbin/start-stop-daemon'
    _run([daemon, '--start', '--oknodo', '--background', '--exec', argv[0],
          '--', *argv[1:]])
    cloud.wait(_answers, 60, 'MariaDB answers')
