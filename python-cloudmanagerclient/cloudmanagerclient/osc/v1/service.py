# SPDX-License-Identifier: Apache-2.0
"""Commands for the service itself, and for domains of Keystone."""

import argparse
import json
from typing import Any

from cloudmanagerclient.osc import base
from cloudmanagerclient.osc import names


class ShowInfo(base.ShowOne):
    """Show the version of the service"""

    def take_action(self, parsed_args: argparse.Namespace) -> base.Shown:
        return base.shown(self.client.get_info())


class ShowHealth(base.ShowOne):
    """Show how the service does"""

    def take_action(self, parsed_args: argparse.Namespace) -> base.Shown:
        return base.shown(self.client.get_health())


class ListVersion(base.Lister):
    """List the versions of the API"""

    def take_action(self, parsed_args: argparse.Namespace) -> base.Listed:
        return ('ID', 'Status', 'URL'), [
            (found['id'], found['status'], _url(found))
            for found in self.client.versions()]


class ShowVersion(base.ShowOne):
    """Show the version of the API that is used"""

    def take_action(self, parsed_args: argparse.Namespace) -> base.Shown:
        found = self.client.get_version()
        return base.shown({'id': found['id'], 'status': found['status'],
                           'url': _url(found)})


def _url(found: dict[str, Any]) -> str | None:
    for link in found.get('links') or ():
        if link.get('rel') == 'self':
            return str(link['href'])
    return None


class ShowOpenAPI(base.Command):
    """Print the OpenAPI document of the service"""

    def take_action(self, parsed_args: argparse.Namespace) -> None:
        json.dump(self.client.get_openapi(), self.app.stdout, indent=2)
        self.app.stdout.write('\n')


class ShowDomainStore(base.ShowOne):
    """Show where Keystone keeps the configuration of domains"""

    def take_action(self, parsed_args: argparse.Namespace) -> base.Shown:
        return ('store',), (self.client.get_domain_store(),)


class ConfigureDomain(base.Command):
    """Load the configuration of a domain from its file to Keystone"""

    question = 'To replace in Keystone the configuration of domain'
    asked = 'domain'

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        parser.add_argument('domain', metavar='<domain>',
                            help='domain: name or id')
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> None:
        self.client.configure_domain(
            self.id_of(names.domain, parsed_args.domain))


class ShowDomainTOTP(base.ShowOne):
    """Show whether one-time passwords may be sent"""

    def take_action(self, parsed_args: argparse.Namespace) -> base.Shown:
        return ('totp_allowed',), (self.client.is_totp_allowed(),)
