# SPDX-License-Identifier: Apache-2.0
"""Where the cloud lives, what it connects to, and how large it is."""

from dataclasses import asdict
from dataclasses import dataclass
from dataclasses import replace
import json
import os
from pathlib import Path
import urllib.parse

from minicloudlib.errors import MinicloudError

# Several clouds can run beside each other: each has a number, an address of
# the loopback network and databases of its own.
NUMBER = int(os.environ.get('MINICLOUD_NUMBER') or '1')
ADDRESS = f'127.0.0.{NUMBER}'
# Where MariaDB and RabbitMQ listen, unless told otherwise.
SERVERS_ADDRESS = '127.0.0.1'
PASSWORD = 'secret'
REGION = 'RegionOne'
AUTH_URL = f'http://{ADDRESS}:5000/v3'
MIN_COMPUTES = 2
MAX_COMPUTES = 8
PACKAGE = Path(__file__).resolve().parent

# The users of the cloud and the project each of them works in.
USERS = {
    'admin': 'admin',
    'cloudmanager': 'service',
    'demo': 'demo',
    'reader': 'demo',
}


@dataclass(frozen=True)
class Server:
    """A MariaDB or RabbitMQ server: the parts of its URL."""

    host: str
    port: int
    user: str
    password: str

    @classmethod
    def parse(cls, url, port):
        """Read scheme://user:password@host:port; port is the default."""
        parts = urllib.parse.urlsplit(url)
        if not parts.hostname or not parts.username:
            raise MinicloudError(
                f'Not a URL of the form scheme://user:password@host: {url}')
        return cls(
            host=parts.hostname,
            port=parts.port or port,
            user=urllib.parse.unquote(parts.username),
            password=urllib.parse.unquote(parts.password or ''))

    @property
    def authority(self):
        """The user:password@host:port part for another URL."""
        user = urllib.parse.quote(self.user, safe='')
        password = urllib.parse.quote(self.password, safe='')
        return f'{user}:{password}@{self.host}:{self.port}'


@dataclass(frozen=True)
class Settings:
    """What the environment variables say."""

    base: Path
    database: Server
    own_database_user: bool
    rabbit: Server

    @classmethod
    def from_environment(cls, environ=os.environ):
        """Read the MINICLOUD_* variables."""
        base = environ.get('MINICLOUD_DIR') or '~/.minicloud'
        database = environ.get('MINICLOUD_DB_URL')
        rabbit = environ.get('MINICLOUD_RABBIT_URL')
        own = f'mysql://minicloud:{PASSWORD}@{SERVERS_ADDRESS}'
        return cls(
            base=Path(base).expanduser().absolute(),
            database=Server.parse(database or own, port=3306),
            own_database_user=not database,
            rabbit=Server.parse(
                rabbit or f'rabbit://guest:guest@{SERVERS_ADDRESS}',
                port=5672))

    @property
    def venv(self):
        """The virtual environment that holds OpenStack, for all clouds."""
        return self.base / 'venv'

    @property
    def home(self):
        """Everything that belongs to this cloud."""
        return self.base if NUMBER == 1 else self.base / f'cloud{NUMBER}'

    @property
    def state(self):
        """Everything that belongs to the running cloud."""
        return self.home / 'state'

    @property
    def etc(self):
        """Rendered configuration files."""
        return self.state / 'etc'

    @property
    def log(self):
        """Log files of this start."""
        return self.state / 'log'

    @property
    def run(self):
        """Pid files, and the socket of what forks computes."""
        return self.state / 'run'

    @property
    def snapshot(self):
        """The seeded empty cloud, to start from."""
        return self.home / 'snapshot'

    def program(self, name):
        """Return the path of a program of the virtual environment."""
        return str(self.venv / 'bin' / name)


@dataclass(frozen=True)
class Layout:
    """How large the cloud is and how its computes behave."""

    computes: int = 4
    slow_computes: tuple = ()
    max_live_migrations: int | None = None

    @property
    def names(self):
        """The names of the computes."""
        return tuple(f'cmp{n}' for n in range(1, self.computes + 1))

    def change(self, **options):
        """Return a copy with the options that are given (not None)."""
        given = {k: v for k, v in options.items() if v is not None}
        if given.get('slow_computes') == ('all',):
            size = given.get('computes', self.computes)
            given['slow_computes'] = replace(self, computes=size).names
        elif given.get('slow_computes') == ('none',):
            given['slow_computes'] = ()
        changed = replace(self, **given)
        unknown = set(changed.slow_computes) - set(changed.names)
        if unknown:
            raise MinicloudError(
                f'No such compute: {", ".join(sorted(unknown))}.')
        return changed

    def save(self, path):
        """Remember this layout for the other commands."""
        path.write_text(json.dumps(asdict(self)))

    @classmethod
    def load(cls, path):
        """Return the layout of the last start, or the default."""
        try:
            values = json.loads(path.read_text())
        except FileNotFoundError:
            return cls()
        values['slow_computes'] = tuple(values['slow_computes'])
        return cls(**values)
