# SPDX-License-Identifier: Apache-2.0
"""Find or make a record of the mini cloud's Keystone; prints its id."""

import os
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(os.environ['REPOSITORY'], 'tools')))

from minicloudlib import rest  # noqa: E402  it is beside the tools

CLIENT = rest.Client()
DOMAIN = 'default'


def call(method, path, document=None):
    arguments = () if document is None else (document,)
    return getattr(CLIENT, method)(rest.IDENTITY, f'/v3/{path}', *arguments)


def find(kind, name):
    found = call('get', f'{kind}?name={name}')[kind]
    return found[0]['id'] if found else None


def record(kind, name, **values):
    """Return the id of what has this name."""
    there = find(kind, name)
    if there:
        return there
    one = kind[:-1]
    made = call('post', kind, {one: {'name': name, **values}})
    return made[one]['id']


def user(name, password):
    return record('users', name, password=password, domain_id=DOMAIN)


def role(name):
    return record('roles', name)


def service(name, kind, description):
    return record('services', name, type=kind, description=description)


def grant(role_name, user_name, project):
    call('put', 'projects/{}/users/{}/roles/{}'.format(
        find('projects', project), find('users', user_name),
        find('roles', role_name)))
    return role_name


def endpoint(service_name, region, url):
    owner = find('services', service_name)
    there = call('get', f'endpoints?service_id={owner}&interface=public')
    for found in there['endpoints']:
        if found['region_id'] == region:
            return found['id']
    return call('post', 'endpoints', {'endpoint': {
        'service_id': owner, 'region_id': region, 'interface': 'public',
        'url': url}})['endpoint']['id']


CLIENT.login()
print(globals()[sys.argv[1]](*sys.argv[2:]))
