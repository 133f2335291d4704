#!/usr/bin/python
# SPDX-License-Identifier: Apache-2.0
"""Stands for the modules of kolla-ansible that ask a container engine.

A test writes it below the names of these modules, with NAME and LOG filled
in. Each call is a line of the log. A container runs from when it was started
until it was stopped, and nothing else happens. Because of the word WANT_JSON
Ansible hands over arguments of any name, in a file.
"""

import fcntl
import json
import re
import sys

NAME = '@NAME@'
LOG = '@LOG@'
_EFFECTS = {'start_container': True, 'recreate_or_restart_container': True,
            'stop_container': False}


def _running(calls, host):
    """Return the images of what runs on a host, by name."""
    found = {}
    for call in calls:
        arguments = call['arguments']
        if call['host'] != host or arguments.get('detach') is False:
            continue
        effect = _EFFECTS.get(arguments.get('action'))
        if effect:
            found[arguments['name']] = arguments['image']
        elif effect is False:
            found.pop(arguments['name'], None)
    return found


def main():
    with open(sys.argv[1]) as stream:
        arguments = json.load(stream)
    # The directory for temporary files tells on which host this is.
    host = re.search('/hosts/([^/]+)/', sys.argv[1])[1]
    with open(LOG, 'a+') as log:
        fcntl.flock(log, fcntl.LOCK_EX)
        log.seek(0)
        running = _running([json.loads(line) for line in log], host)
        log.write(json.dumps({'module': NAME, 'host': host,
                              'arguments': arguments}) + '\n')
    answer = {'changed': NAME != 'kolla_container_facts'}
    if arguments.get('action') == 'compare_container':
        # Those of other roles are as they should be.
        answer['changed'] = arguments['name'].startswith('cloudmanager') and (
            running.get(arguments['name']) != arguments['image'])
    elif NAME == 'kolla_container_facts':
        answer['containers'] = {
            name: {'Status': 'Up 2 seconds (healthy)'}
            for name in arguments['name'] if name in running}
    print(json.dumps(answer))


main()
