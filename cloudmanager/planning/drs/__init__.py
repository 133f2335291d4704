# SPDX-License-Identifier: Apache-2.0
"""How the load of some hosts is balanced by moving few servers."""
