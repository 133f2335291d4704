# SPDX-License-Identifier: Apache-2.0
"""JSON schemas of the options that devices may have, by kind.

Apart from the drivers, since who only checks options needs none of their
libraries.
"""

from collections.abc import Mapping
from typing import Any

Schemas = Mapping[str, Mapping[str, Any]]

#: Octets of a name and of a password that IPMI 2.0 has room for.
IPMI_LONGEST_LOGIN, IPMI_LONGEST_PASSWORD = 16, 20
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
        'type': 'string', 'enum': ['https', 'http'], 'default': 'https',
        'description': 'Plain HTTP lets anybody on the way read the '
                       'password; for laboratories.'},
    'auth': {
        'type': 'string', 'enum': ['auto', 'session', 'basic'],
        'default': 'auto',
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

IPMI: Schemas = {
    'cipher_suites': {
        'type': 'array', 'minItems': 1, 'uniqueItems': True,
        'items': {'type': 'integer', 'enum': [3, 17]}, 'default': [17, 3],
        'description': 'Cipher suites that may be used; of both, 3 only '
                       'where the BMC refuses 17.'},
    'privilege': {
        'type': 'string',
        'enum': ['automatic', 'user', 'operator', 'administrator'],
        'default': 'automatic',
        'description': 'Privilege level of the session. A user may read, an '
                       'operator switch; automatic is the highest that the '
                       'account has, of administrator and operator.'},
    'min_command_interval': {
        'type': 'number', 'minimum': 0, 'maximum': 10, 'default': 0,
        'description': 'Seconds between the end of a session and the begin '
                       'of the next, for BMCs that bear no more.'},
    'boot_mode': {
        'type': 'string', 'enum': ['bios', 'uefi'], 'default': 'uefi',
        'description': 'How the machine boots from a device that is '
                       'chosen.'},
}

MODBUS: Schemas = {
    'unit': {
        'type': 'integer', 'minimum': 1, 'maximum': 255, 'default': 1,
        'description': 'Number of the unit.'},
    'first_coil': {
        'type': 'integer', 'minimum': 0, 'maximum': 65528, 'default': 0,
        'description': 'Address of the coil of output 1; the others follow '
                       'it.'},
    'inverted': {
        'type': 'boolean', 'default': False,
        'description': 'An output is on when its coil is off, as with '
                       'relays that are closed without current.'},
}


def pins(*ports: str) -> list[str]:
    """Return the pins of ports of a DAEnetIP2, such as ``P3.1``."""
    return [f'{port}.{number}' for port in ports for number in range(1, 9)]


def _outputs(default: list[str]) -> Mapping[str, Any]:
    return {
        'type': 'array', 'minItems': 1, 'maxItems': len(default),
        'uniqueItems': True,
        'items': {'type': 'string', 'pattern': r'^P[35]\.[1-8]$'},
        'default': default,
        'description': 'The pin of each output, that of output 1 first.'}


_DAENET: Schemas = {
    'version': {
        'type': 'string', 'enum': ['1', '2c'], 'default': '1',
        'description': 'Version of SNMP.'},
    'identity': {
        'type': 'string', 'maxLength': 255, 'default': 'DAEnetIP',
        'description': 'What the sysDescr of the board contains; nothing '
                       'is looked for when empty.'},
}

DAENET: Schemas = {
    **_DAENET,
    'outputs': _outputs(pins('P3', 'P5')),
    'inverted': {
        'type': 'boolean', 'default': False,
        'description': 'An output is on when its pin is 0, as with relays '
                       'that are closed without current.'},
}

DAENET_ACPI: Schemas = {
    **_DAENET,
    'outputs': _outputs(pins('P3')),
    'inverted': {
        'type': 'boolean', 'default': False,
        'description': 'A button is pressed when its pin is 0.'},
    'sense_inputs': {
        'type': 'array', 'maxItems': 8, 'default': [],
        'items': {'type': ['integer', 'null'], 'minimum': 1, 'maximum': 8},
        'description': 'The input of P6 that tells the state of each '
                       'output, that of output 1 first; null for none. '
                       'Without one the state is unknown.'},
    'sense_off_below': {
        'type': 'integer', 'minimum': 1, 'maximum': 1023, 'default': 256,
        'description': 'A machine is off when its input reads less.'},
    'sense_on_above': {
        'type': 'integer', 'minimum': 0, 'maximum': 1022, 'default': 767,
        'description': 'A machine is on when its input reads more. What '
                       'lies between is unknown.'},
    'sense_inverted': {
        'type': 'boolean', 'default': False,
        'description': 'A machine is on when its input reads little.'},
    'short_press_ms': {
        'type': 'integer', 'minimum': 100, 'maximum': 2000, 'default': 500,
        'description': 'Milliseconds of a press that switches on or asks '
                       'for a shutdown.'},
    'long_press_ms': {
        'type': 'integer', 'minimum': 1000, 'maximum': 15000,
        'default': 6000,
        'description': 'Milliseconds of a press that cuts the power.'},
    'blind_power_on': {
        'type': 'boolean', 'default': False,
        'description': 'Switch on without knowing the state. A machine '
                       'that is on is shut down by it.'},
}
