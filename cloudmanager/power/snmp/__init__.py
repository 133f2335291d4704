# SPDX-License-Identifier: Apache-2.0
"""Power strips by SNMP."""
