"""``python -m netgen``"""

import sys

from netgen.cli import main

if __name__ == "__main__":
    sys.exit(main())
