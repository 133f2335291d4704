# SPDX-License-Identifier: Apache-2.0
"""Power devices: one interface, one file a kind of device."""
