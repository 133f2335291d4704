# SPDX-License-Identifier: Apache-2.0
"""WSGI entry point: cloudmanager.wsgi.api:application.

The configuration is found where oslo.config looks for it by default, or in
the files that OS_CLOUDMANAGER_CONFIG_FILES names, separated by colons.
"""

import os

from cloudmanager.common import runtime

runtime.choose()

from cloudmanager.api import app  # noqa: E402  the runtime is chosen first
from cloudmanager.common import setup  # noqa: E402
from cloudmanager.db import api as db_api  # noqa: E402

_files = os.environ.get('OS_CLOUDMANAGER_CONFIG_FILES')
setup.prepare([], files=_files.split(':') if _files else None)
db_api.configure()
application = app.build()
setup.settle()
