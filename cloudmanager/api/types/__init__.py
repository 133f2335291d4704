# SPDX-License-Identifier: Apache-2.0
"""Resources of the API: complex types of WSME."""
