# SPDX-License-Identifier: Apache-2.0
"""Intel AMT by WS-Management."""
