# SPDX-License-Identifier: Apache-2.0
"""JSON schemas of the options that devices may have, by kind.

Apart from the drivers, since who only checks options needs none of their
libraries.
"""

from collections.abc import Mapping
from typing import Any

Schemas = Mapping[str, Mapping[str, Any]]

_BYTE = '[0-9A-Fa-f]{2}'

TLS: Schemas = {
    'verify': {
        'type': 'boolean', 'default': True,
        'description': 'Whether the certificate of the device must be '
                       'signed by a CA that is trusted. Without it anybody '
                       'on the way can read the password.'},
    'ca': {
        'type': 'string', 'maxLength': 16000,
        'pattern': '^-----BEGIN CERTIFICATE-----',
        'description': 'Certificates of the CA in PEM, instead of '
                       '[power] ca_file.'},
    'fingerprint': {
        'type': 'string', 'pattern': f'^{_BYTE}(:?{_BYTE}){{31}}$',
        'description': 'SHA-256 of the only certificate that the device '
                       'may have, in hexadecimal; for certificates that no '
                       'CA signed.'},
}

AMT: Schemas = {
    **TLS,
    'tls': {
        'type': 'boolean',
        'description': 'Whether to speak HTTPS. By default with port 16993 '
                       'and no other.'},
}

REDFISH: Schemas = {
    **TLS,
    'scheme': {
        'enum': ['https', 'http'], 'default': 'https',
        'description': 'Plain HTTP lets anybody on the way read the '
                       'password; for laboratories.'},
    'auth': {
        'enum': ['auto', 'session', 'basic'], 'default': 'auto',
        'description': 'How to log in: with a session, with the password in '
                       'each request, or with a session where the device '
                       'has such.'},
}

SSH: Schemas = {
    'host_key': {
        'type': 'string', 'maxLength': 4000, 'minLength': 1,
        'description': 'Host keys of the hypervisor, one a line: public '
                       'keys as in known_hosts ("ssh-ed25519 AAAA...") or '
                       'fingerprints ("SHA256:..."). Instead of [power] '
                       'ssh_known_hosts.'},
    'uri': {
        'type': 'string', 'maxLength': 255, 'default': 'qemu:///system',
        # No transport but the local socket: others run programs and lead
        # to other machines.
        'pattern': r'^[a-z]{2,16}(\+unix)?:///[A-Za-z0-9_./-]*'
                   r'(\?(socket|mode)=[A-Za-z0-9_./-]+)?$',
        'description': 'Connection URI of libvirt on the hypervisor.'},
}
