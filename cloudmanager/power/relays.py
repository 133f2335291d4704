# SPDX-License-Identifier: Apache-2.0
"""What the drivers of relay boards have in common."""

import abc

from cloudmanager.power import base
from cloudmanager.power import exceptions


class RelayDriver(base.PowerDriver):
    """Outputs that cut what feeds a node, read together in one visit."""

    def state(self, device: base.Device, output: str) -> str:
        return self.states(device, [output])[output]

    def power_on(self, device: base.Device, output: str) -> None:
        self.switch(device, output, True)

    def power_off(self, device: base.Device, output: str,
                  soft: bool = False) -> None:
        if soft:
            raise exceptions.PowerUnsupported(device=device,
                                              request='a soft shutdown')
        self.switch(device, output, False)

    @abc.abstractmethod
    def switch(self, device: base.Device, output: str, on: bool) -> None:
        """Ask for an output to be on or off.

        :raises PowerError: the device did not take the request
        """
