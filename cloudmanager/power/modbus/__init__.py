# SPDX-License-Identifier: Apache-2.0
"""Relay outputs by Modbus/TCP."""
