# SPDX-License-Identifier: Apache-2.0
"""Programs. The runtime is chosen here, before anything else is imported."""

from oslo_service import backend

backend.init_backend(backend.BackendType.THREADING)
