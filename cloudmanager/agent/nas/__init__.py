# SPDX-License-Identifier: Apache-2.0
"""Finding targets of storages, and attaching them to the node."""
