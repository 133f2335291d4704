# SPDX-License-Identifier: Apache-2.0
"""The kinds of devices that the service knows by itself.

The API reads them, so nothing but their descriptions belongs here. Drivers
take their ``options_schema`` from where it is.
"""

from cloudmanager.domain.power_types import PowerType
from cloudmanager.power import checks
from cloudmanager.power import options

ET7067 = PowerType('ET7067', 'modbus', 8, 502, options.MODBUS)
DAENETIP2 = PowerType('DaenetIP2', 'snmp', 16, 161, options.DAENET)
DAENETIP2_ACPI = PowerType('DaenetIP2_ACPI', 'snmp', 8, 161,
                           options.DAENET_ACPI)
SSH_DEVICE = PowerType('SshDevice', 'ssh', None, 22, options.SSH,
                       takes_ssh_key=True,
                       checks={'options.host_key': checks.host_keys})
INTEL_AMT = PowerType('IntelAMT', 'intel_amt', 1, 16992, options.AMT)
SUPERMICRO_RACK_DEVICE = PowerType(
    'SupermicroRackDevice', 'ipmi', 1, 623, options.IPMI, checks={
        'login': checks.octets(options.IPMI_LONGEST_LOGIN),
        'password': checks.octets(options.IPMI_LONGEST_PASSWORD)})
REDFISH = PowerType('Redfish', 'redfish', None, 443, options.REDFISH)
FAKE_DEVICE = PowerType('FakeDevice', 'fake', 8, 1)
