# SPDX-License-Identifier: Apache-2.0
"""Client of CloudManager: a service of openstacksdk, and commands."""
