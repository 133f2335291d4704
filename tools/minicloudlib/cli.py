# SPDX-License-Identifier: Apache-2.0
"""The command line."""

import argparse
import signal

from minicloudlib import cloud
from minicloudlib import faults
from minicloudlib import interrupts
from minicloudlib import locks
from minicloudlib import packages
from minicloudlib import processes
from minicloudlib import settings as config
from minicloudlib.console import report
from minicloudlib.console import say
from minicloudlib.errors import MinicloudError

DESCRIPTION = """\
A small real OpenStack on this machine: Keystone, Placement, Glance, Nova
with its fake virtualisation driver, and Cinder. Neutron is a stub that only
remembers what is created. All listens on the loopback network only. What is
missing is installed.
"""

EPILOG = """\
environment variables:
  MINICLOUD_DIR         where all is kept (default: $HOME/.minicloud)
  MINICLOUD_NUMBER      1 to 9: which of several clouds on this machine; it
                        listens on 127.0.0.NUMBER (default: 1)
  MINICLOUD_DB_URL      mysql://USER:PASSWORD@HOST:PORT of a MariaDB user who
                        may create databases named minicloud_* (default: own
                        user "minicloud", made when root has no password)
  MINICLOUD_RABBIT_URL  rabbit://USER:PASSWORD@HOST:PORT
                        (default: rabbit://guest:guest@127.0.0.1:5672)

Each start after a stop begins with an empty cloud. Users: admin,
cloudmanager, demo, reader; the password of all is "secret".
Use it:  eval "$(minicloud env)"; $HOME/.minicloud/venv/bin/openstack ...
"""


def install(settings, options):
    """Install what is missing, and start nothing."""
    packages.ensure(settings)
    return 0


def start(settings, options):
    """Start the cloud, or complete one that runs in part."""
    present = cloud.Cloud.existing(settings)
    running = present.running()
    base = present.layout if running else config.Layout()
    layout = base.change(
        computes=options.computes,
        slow_computes=options.live_migrate_driver,
        max_live_migrations=options.max_live_migrations)
    if running and not _extends(layout, present.layout):
        raise MinicloudError(
            'The cloud runs with other options. Stop it first.')
    if running and options.fresh:
        raise MinicloudError('--fresh: the cloud is running. Stop it first.')
    wanted = cloud.Cloud(settings, layout)
    if wanted.complete():
        wanted.save_layout()
        say('already running')
        return 0
    packages.ensure(settings)
    try:
        wanted.start(fresh=options.fresh)
    except interrupts.Interrupted:
        if not running:
            interrupts.ignore()
            wanted.stop()
        raise
    return 0


def _extends(layout, present):
    """Tell whether a running cloud can become one of this layout."""
    return (
        layout.computes >= present.computes
        and layout.max_live_migrations == present.max_live_migrations)


def stop(settings, options):
    """End all services."""
    ended = cloud.Cloud.existing(settings).stop()
    say(f'stopped {len(ended)} services' if ended else 'nothing was running')
    return 0


def purge(settings, options):
    """Stop, and remove the databases, the snapshot and all other state."""
    cloud.Cloud.existing(settings).purge()
    say('purged; only the virtual environment is left')
    return 0


def status(settings, options):
    """Print a table; succeed only if every service is up."""
    present = cloud.Cloud.existing(settings)
    memory = processes.group_memory()
    total = 0
    print(f'{"SERVICE":<18} {"STATE":<7} {"PID":>8} {"RSS MB":>7} PORT')
    for name, service in present.services.items():
        pid = present.supervisor.pid(name)
        resident = memory.get(pid, 0) // 1024
        total += resident
        line = (
            f'{name:<18} {present.supervisor.state(name):<7} '
            f'{pid or "-":>8} {resident:>7} {service.port or ""}')
        print(line.rstrip())
    print(f'{"total":<35} {total:>7}')
    return 0 if present.complete() else 1


def env(settings, options):
    """Print export lines for the shell."""
    values = {
        'OS_AUTH_TYPE': 'password',
        'OS_AUTH_URL': config.AUTH_URL,
        'OS_USERNAME': options.user,
        'OS_PASSWORD': config.PASSWORD,
        'OS_PROJECT_NAME': config.USERS[options.user],
        'OS_USER_DOMAIN_NAME': 'Default',
        'OS_PROJECT_DOMAIN_NAME': 'Default',
        'OS_IDENTITY_API_VERSION': '3',
        'OS_REGION_NAME': config.REGION,
        'OS_COMPUTE_API_VERSION': '2.95',
        'OS_VOLUME_API_VERSION': '3.70',
    }
    for name, value in values.items():
        print(f'export {name}={value}')
    return 0


def _chosen(present, options):
    """Return the services that were named, or fail."""
    unknown = set(options.services) - set(present.services)
    if unknown:
        raise MinicloudError(
            f'No such service: {", ".join(sorted(unknown))}. There are: '
            f'{", ".join(present.services)}.')
    return options.services


def kill(settings, options):
    """End services at once, as a crash would."""
    present = cloud.Cloud.existing(settings)
    for name in _chosen(present, options):
        present.supervisor.kill(name)
    return 0


def run(settings, options):
    """Start services that were ended."""
    present = cloud.Cloud.existing(settings)
    names = _chosen(present, options)
    for name in names:
        present.supervisor.start(name)
    for name in names:
        present.wait_for_api(name)
    return 0


def restart(settings, options):
    """Stop services gently and start them again."""
    present = cloud.Cloud.existing(settings)
    present.supervisor.stop(_chosen(present, options))
    return run(settings, options)


def power(settings, options):
    """Do to a compute what the power of its machine would do."""
    present = cloud.Cloud.existing(settings)
    name, = _chosen(present, options)
    if options.change in ('off', 'reset'):
        present.supervisor.kill(name)
    if options.change in ('on', 'reset'):
        present.supervisor.start(name)
    return 0


def _signal(settings, options, number):
    present = cloud.Cloud.existing(settings)
    for name in _chosen(present, options):
        if not present.supervisor.signal(name, number):
            raise MinicloudError(f'{name} does not run.')
    return 0


def pause(settings, options):
    """Freeze services: they are there, but do not answer."""
    return _signal(settings, options, signal.SIGSTOP)


def resume(settings, options):
    """Thaw services."""
    return _signal(settings, options, signal.SIGCONT)


def fault(settings, options):
    """Have a web service answer an HTTP error for some seconds."""
    present = cloud.Cloud.existing(settings)
    _chosen(present, options)
    faults.answer_with(
        present, options.services[0], options.http_status, options.seconds)
    return 0


def _add_start(commands):
    command = commands.add_parser('start', help=start.__doc__)
    command.set_defaults(function=start, lock=True)
    command.add_argument(
        '--computes', type=int, metavar='N',
        choices=range(config.MIN_COMPUTES, config.MAX_COMPUTES + 1),
        help=f'{config.MIN_COMPUTES} to {config.MAX_COMPUTES}, default 4')
    command.add_argument(
        '--fresh', action='store_true',
        help='build the cloud anew instead of restoring its snapshot')
    command.add_argument(
        '--slow-migrations', dest='live_migrate_driver', metavar='HOSTS',
        type=lambda text: tuple(text.split(',')),
        help='computes, "all" or "none", whose live migrations last until '
             'they are aborted or forced (default: as the running cloud)')
    command.add_argument(
        '--max-live-migrations', type=int, metavar='N',
        help='live migrations that a compute starts at a time; 0: no '
             'limit (default: Nova\'s own, 1)')


def _add_on_services(commands):
    for function in (kill, run, restart, pause, resume):
        command = commands.add_parser(
            function.__name__, help=function.__doc__)
        command.set_defaults(function=function, lock=True)
        command.add_argument('services', nargs='+', metavar='SERVICE')
    command = commands.add_parser('power', help=power.__doc__)
    command.set_defaults(function=power, lock=True)
    command.add_argument('services', nargs=1, metavar='COMPUTE')
    command.add_argument('change', choices=('on', 'off', 'reset'))
    command = commands.add_parser('fault', help=fault.__doc__)
    command.set_defaults(function=fault, lock=True)
    command.add_argument('services', nargs=1, metavar='SERVICE')
    command.add_argument('http_status', type=int, metavar='STATUS')
    command.add_argument('seconds', type=float, metavar='SECONDS')


def _parser():
    parser = argparse.ArgumentParser(
        prog='minicloud', description=DESCRIPTION, epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True, metavar='COMMAND')
    _add_start(commands)
    for function in (install, stop, purge):
        command = commands.add_parser(
            function.__name__, help=function.__doc__)
        command.set_defaults(function=function, lock=True)
    command = commands.add_parser('status', help=status.__doc__)
    command.set_defaults(function=status, lock=False)
    command = commands.add_parser('env', help=env.__doc__)
    command.set_defaults(function=env, lock=False)
    command.add_argument(
        'user', nargs='?', default='admin', choices=sorted(config.USERS))
    _add_on_services(commands)
    return parser


def main(argv=None):
    """Carry out one command; return the exit code."""
    options = _parser().parse_args(argv)
    interrupts.heed()
    try:
        settings = config.Settings.from_environment()
        if not options.lock:
            return options.function(settings, options)
        with locks.locked(settings.home / 'lock'):
            return options.function(settings, options)
    except MinicloudError as exc:
        return report(exc)
