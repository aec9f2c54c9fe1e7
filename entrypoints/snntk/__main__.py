"""``python -m snntk`` is the command ``snntk``."""

import sys

from snntk.cli.main import main

sys.exit(main())
