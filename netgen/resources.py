"""Files that stand at the top of the checkout and inside the installed package: grammars, templates."""

from __future__ import annotations

import os

_HERE = os.path.dirname(os.path.abspath(__file__))
_HOMES = (os.path.join(_HERE, "_data"), os.path.dirname(_HERE))


def read(kind: str, name: str) -> str:
    """The text of ``<kind>/<name>``, from the installed wheel's data or else from the checkout."""
    tried = [os.path.join(home, kind, name) for home in _HOMES]
    for path in tried:
        try:
            with open(path, encoding="utf-8") as file:
                return file.read()
        except FileNotFoundError:
            continue
    raise FileNotFoundError(f"netgen's own file {kind}/{name} is missing; looked at {' and '.join(tried)}")
