# SPDX-License-Identifier: Apache-2.0
"""cloudmanager-manage: the database, encryption keys, and agents."""

import argparse
import sys
from typing import Any

from oslo_config import cfg

from cloudmanager.agent import keys as agent_keys
from cloudmanager.cmd import runner
from cloudmanager.common import clock
from cloudmanager.common import context as cm_context
from cloudmanager.common import exception
from cloudmanager.common import secrets
from cloudmanager.common import setup
from cloudmanager.common import signing
from cloudmanager.conductor.engine import persistence
from cloudmanager.db import agents
from cloudmanager.db import api as db_api
from cloudmanager.db import migration
from cloudmanager.db import power_controls
from cloudmanager.db import services
from cloudmanager.db import tasks
from cloudmanager.domain import host_names

CONF = cfg.CONF
_CONDUCTOR = 'cloudmanager-conductor'


def db_upgrade() -> None:
    """Bring our tables and TaskFlow's to the newest form."""
    migration.upgrade(getattr(CONF.command, 'revision', None) or 'head')
    persistence.upgrade()
    print(f'The database is at revision {migration.version()}.')


def db_version() -> None:
    """Print the revision of the database."""
    print(migration.version() or 'none')


def db_revision() -> None:
    """Write a new migration from the difference to the models."""
    migration.revise(CONF.command.message, autogenerate=True)


def db_purge() -> None:
    """Remove tasks that ended long ago."""
    days = CONF.command.days or CONF.tasks.retention_days
    total = 0
    while found := tasks.purge(cm_context.admin_context(), days):
        total += found
    print(f'{total} tasks removed.')


def create_key() -> None:
    """Add an encryption key; the newest one encrypts."""
    print(f'Created {secrets.create_key()}.')


def rotate() -> None:
    """Add a key and encrypt all stored secrets with it."""
    create_key()
    reencrypt()


def reencrypt() -> None:
    """Encrypt all stored secrets with the newest key."""
    context = cm_context.admin_context()
    count = power_controls.reencrypt(context)
    of_agents = agents.reencrypt(context)
    print(f'{count} power controls re-encrypted, and the keys of {of_agents} '
          'agents. Old keys can be removed with secrets prune.')


def prune() -> None:
    """Remove all keys but the newest two."""
    for path in secrets.prune_keys():
        print(f'Removed {path}.')


def enrol_agent() -> None:
    """Make a key for the agent on a host, and say where it goes."""
    host, key = CONF.command.node, signing.new_key()
    is_new = agents.enrol(cm_context.admin_context(), host, key)
    print(f'# {CONF.agent.key_file} on {host}: mode 0600, owned by the user '
          'that the agent works as.\n'
          f'# The agent needs [DEFAULT] host = {host} and transport_url in '
          'its configuration.')
    if not is_new:
        print('# The old key stays valid until the agent has used this one.')
    print(agent_keys.line(key))


def revoke_agent() -> None:
    """Forget the agent on a host."""
    try:
        agents.revoke(cm_context.admin_context(), CONF.command.node)
    except exception.AgentNotFound as exc:
        sys.exit(exc.message)
    print(f'The agent on {CONF.command.node} is revoked.')


def list_agents() -> None:
    """Print all agents, with what they and conductors have refused."""
    context = cm_context.admin_context()
    found = agents.list_agents(context)
    for agent in found:
        print(agent['host'], clock.isoformat(agent['contact_at']) or 'never',
              agent['version'] or '-',
              'rotating' if agent['next_key_id'] else 'enrolled')
    for agent in found:
        counts = agent['refused'] or {}
        if any(counts.values()):
            print(f'# refused by the agent on {agent["host"]}: requests:',
                  _counts(counts))
    for conductor in services.list_services(context, _CONDUCTOR):
        refused = (conductor['report'] or {}).get('agents', {}).get(
            'refused', {})
        for what, counts in sorted(refused.items()):
            print(f'# refused by {conductor["host"]}: {what}:',
                  _counts(counts))


def _counts(counts: dict[str, int]) -> str:
    return ' '.join(f'{why}={count}'
                    for why, count in sorted(counts.items()))


def _host(text: str) -> str:
    try:
        return host_names.canonical(text)
    except ValueError as exc:
        raise argparse.ArgumentTypeError(str(exc)) from exc


def _days(text: str) -> int:
    days = int(text)
    if days < 1:
        raise argparse.ArgumentTypeError('must be at least 1')
    return days


def _commands(subparsers: Any) -> None:
    db = subparsers.add_parser('db').add_subparsers(required=True)
    upgrade = db.add_parser('upgrade')
    upgrade.add_argument('revision', nargs='?')
    upgrade.set_defaults(function=db_upgrade)
    db.add_parser('version').set_defaults(function=db_version)
    revision = db.add_parser('revision')
    revision.add_argument('message')
    revision.set_defaults(function=db_revision)
    purge = db.add_parser('purge')
    purge.add_argument('--days', type=_days)
    purge.set_defaults(function=db_purge)
    keys = subparsers.add_parser('secrets').add_subparsers(required=True)
    keys.add_parser('create-key').set_defaults(function=create_key)
    keys.add_parser('rotate').set_defaults(function=rotate)
    keys.add_parser('reencrypt').set_defaults(function=reencrypt)
    keys.add_parser('prune').set_defaults(function=prune)
    of_agents = subparsers.add_parser('agent').add_subparsers(required=True)
    for name, function in (('enrol', enrol_agent),
                           ('revoke', revoke_agent)):
        command = of_agents.add_parser(name)
        command.add_argument('node', metavar='host', type=_host)
        command.set_defaults(function=function)
    of_agents.add_parser('list').set_defaults(function=list_agents)


@runner.program
def main() -> None:
    """Carry out one command."""
    CONF.register_cli_opt(cfg.SubCommandOpt(
        'command', title='commands', handler=_commands))
    setup.prepare(sys.argv[1:], prints=True)
    db_api.configure()
    CONF.command.function()


if __name__ == '__main__':
    sys.exit(main())
