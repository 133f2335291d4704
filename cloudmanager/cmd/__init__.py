# SPDX-License-Identifier: Apache-2.0
"""Programs. The runtime is chosen here, before anything else is imported."""

import warnings

from oslo_service import backend

# A library of ours imports eventlet though nothing of it is used.
warnings.filterwarnings('ignore', message=r'\s*Eventlet is deprecated')
backend.init_backend(backend.BackendType.THREADING)
