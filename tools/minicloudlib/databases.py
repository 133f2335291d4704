# SPDX-License-Identifier: Apache-2.0
"""The cloud's own databases in MariaDB, all named minicloud_*."""

from minicloudlib import commands
from minicloudlib import settings as config
from minicloudlib.errors import MinicloudError

# Of all clouds.
OWN = 'minicloud_'
PREFIX = OWN if config.NUMBER == 1 else f'{OWN}{config.NUMBER}_'
CONNECTIONS = 1000
NAMES = (
    'keystone', 'placement', 'glance', 'cinder', 'nova_api', 'nova_cell0',
    'nova')


class Databases:
    """Makes, fills, dumps and drops the databases."""

    def __init__(self, settings):
        self._settings = settings
        self._server = settings.database
        self._log = settings.log / 'databases.log'

    def url(self, name):
        """Return the URL of a database for SQLAlchemy."""
        return (
            f'mysql+pymysql://{self._server.authority}/{PREFIX}{name}'
            '?charset=utf8&ssl_disabled=true')

    def _login(self):
        return [
            '--host', self._server.host, '--port', str(self._server.port),
            '--user', self._server.user, '--protocol', 'tcp']

    def _run(self, argv, **options):
        """Run a client; its password is in the environment only."""
        commands.run(
            argv, self._log, env={'MYSQL_PWD': self._server.password},
            **options)

    def execute(self, statements):
        """Run SQL statements."""
        self._run([
            commands.find('mariadb', 'mysql'), *self._login(),
            '--execute', statements])

    def reachable(self):
        """Tell whether we can log in."""
        try:
            self.execute('SELECT 1')
        except MinicloudError:
            return False
        return True

    def create_all(self):
        """Make all databases anew, empty."""
        self.execute(''.join(
            f'DROP DATABASE IF EXISTS {PREFIX}{name};'
            f'CREATE DATABASE {PREFIX}{name} CHARACTER SET utf8mb3;'
            for name in NAMES))

    def drop_all(self):
        """Remove all databases."""
        self.execute(''.join(
            f'DROP DATABASE IF EXISTS {PREFIX}{name};' for name in NAMES))

    def dump(self, name, path):
        """Write a database to a file."""
        with path.open('wb') as output:
            self._run([
                commands.find('mariadb-dump', 'mysqldump'), *self._login(),
                '--single-transaction', '--no-tablespaces',
                f'{PREFIX}{name}'], stdout=output)

    def load(self, name, path):
        """Fill an empty database from a file that dump wrote."""
        with path.open('rb') as source:
            self._run([
                commands.find('mariadb', 'mysql'), *self._login(),
                f'{PREFIX}{name}'], stdin=source)

    def ensure_access(self):
        """Make sure that we can log in; create our user if need be."""
        if self.reachable():
            return
        if not self._settings.own_database_user:
            raise MinicloudError(
                'Cannot log in to MariaDB with MINICLOUD_DB_URL.',
                log=self._log)
        if not any(self._create_user(argv) for argv in self._root_logins()):
            raise MinicloudError(
                'Cannot create the MariaDB user "minicloud": root needs a '
                'password. Make a user that may create databases and set '
                'MINICLOUD_DB_URL=mysql://USER:PASSWORD@HOST:PORT.',
                log=self._log)

    def raise_limit(self):
        """Let MariaDB take the connections of several clouds, if we may.

        One cloud has about 60 of the 151 that MariaDB takes by default.
        """
        statement = f'SET GLOBAL max_connections = {CONNECTIONS}'
        any(commands.succeeds([*login, '--execute', statement], self._log)
            for login in self._root_logins())

    def _root_logins(self):
        """Return the ways to log in as root without a password."""
        client = commands.find('mariadb', 'mysql')
        over_tcp = [
            client, '--host', self._server.host, '--protocol', 'tcp',
            '--user', 'root']
        over_socket = commands.as_root([client, '--user', 'root'])
        return [over_tcp, *([over_socket] if over_socket else [])]

    def _create_user(self, root_login):
        """Create our user; it owns the databases of all clouds only."""
        pattern = OWN.replace('_', r'\_') + '%'
        statements = ''.join(
            f"CREATE USER IF NOT EXISTS '{self._server.user}'@'{host}' "
            f"IDENTIFIED BY '{config.PASSWORD}';"
            f"GRANT ALL ON `{pattern}`.* TO '{self._server.user}'@'{host}';"
            for host in ('localhost', config.SERVERS_ADDRESS))
        created = commands.succeeds(
            [*root_login, '--execute', statements], self._log)
        return created and self.reachable()

    def map_cells(self, transport_url):
        """Write what `nova-manage cell_v2` would: cell0 and one cell."""
        rows = ','.join(
            f"(NOW(), '{digit * 8}-{digit * 4}-{digit * 4}-{digit * 4}-"
            f"{digit * 12}', '{name}', '{transport}', '{self.url(db)}', 0)"
            for digit, name, transport, db in (
                ('0', 'cell0', 'none:///', 'nova_cell0'),
                ('1', 'cell1', transport_url, 'nova')))
        self.execute(
            f'INSERT INTO {PREFIX}nova_api.cell_mappings (created_at, uuid, '
            'name, transport_url, database_connection, disabled) '
            f'VALUES {rows}')
