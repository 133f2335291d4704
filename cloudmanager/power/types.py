# SPDX-License-Identifier: Apache-2.0
"""The kinds of devices that the service knows by itself.

The API reads them, so nothing but their descriptions belongs here. Drivers
take their ``options_schema`` from here.
"""

from collections.abc import Mapping
from typing import Any

from cloudmanager.common.power_types import PowerType
from cloudmanager.power import options

_Schema = Mapping[str, Mapping[str, Any]]


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


ET7067 = PowerType('ET7067', 'modbus', 8, 502, {
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
})

_DAENET: _Schema = {
    'version': {
        'type': 'string', 'enum': ['1', '2c'], 'default': '1',
        'description': 'Version of SNMP.'},
    'identity': {
        'type': 'string', 'maxLength': 255, 'default': 'DAEnetIP',
        'description': 'What the sysDescr of the board contains; nothing '
                       'is looked for when empty.'},
}

DAENETIP2 = PowerType('DaenetIP2', 'snmp', 16, 161, {
    **_DAENET,
    'outputs': _outputs(pins('P3', 'P5')),
    'inverted': {
        'type': 'boolean', 'default': False,
        'description': 'An output is on when its pin is 0, as with relays '
                       'that are closed without current.'},
})

DAENETIP2_ACPI = PowerType('DaenetIP2_ACPI', 'snmp', 8, 161, {
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
})

SSH_DEVICE = PowerType('SshDevice', 'ssh', None, 22, options.SSH,
                       takes_ssh_key=True)
INTEL_AMT = PowerType('IntelAMT', 'intel_amt', 1, 16992, options.AMT)
SUPERMICRO_RACK_DEVICE = PowerType('SupermicroRackDevice', 'ipmi', 1, 623)
REDFISH = PowerType('Redfish', 'redfish', None, 443)
FAKE_DEVICE = PowerType('FakeDevice', 'fake', 8, 1)
