# SPDX-License-Identifier: Apache-2.0
"""Tests. The runtime is chosen here as the programs choose it."""

from oslo_service import backend

backend.init_backend(backend.BackendType.THREADING)
