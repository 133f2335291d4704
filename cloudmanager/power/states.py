# SPDX-License-Identifier: Apache-2.0
"""Power states, as drivers name them."""

from cloudmanager.domain.power_states import of_node as of_node
from cloudmanager.domain.power_states import POWER_OFF as POWER_OFF
from cloudmanager.domain.power_states import POWER_ON as POWER_ON
from cloudmanager.domain.power_states import UNKNOWN as UNKNOWN
