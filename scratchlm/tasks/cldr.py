"""What the world's things are called: CLDR's names, read through Babel."""

import importlib.metadata
import unicodedata

from .packages import require

_NOTHING = {"territory/ZZ", "language/und", "script/Zzzz", "currency/XXX"}  # "Unknown Region" and its like


def babel_in_words() -> str:
    """The release of Babel and the licences of its data, which change the data of a task."""
    return f"Babel {importlib.metadata.version('babel')} (BSD-3-Clause; its CLDR data: Unicode License)"


def names(language: str, needed_by: str) -> dict[str, str]:
    """Names in a language by key: {"territory/DE": "Germany", "city/Europe/Paris": "Paris", …}.

    Territories, languages, scripts, currencies, units, and the cities that time zones are called after. Names
    with digits (currencies of certain years) or without letters are left out.

        >>> names("zh", "example")["currency/EUR"]
        '欧元'

    Raises:
        DataError: the package babel is missing.
    """
    locale = require("babel", needed_by).Locale(language)
    units = locale.unit_display_names
    found = {
        **{f"territory/{code}": name for code, name in locale.territories.items()},
        **{f"language/{code}": name for code, name in locale.languages.items()},
        **{f"script/{code}": name for code, name in locale.scripts.items()},
        **{f"currency/{code}": name for code, name in locale.currencies.items()},
        **{f"unit/{unit}": forms.get("long") or forms["short"] for unit, forms in units.items()},
        **{f"city/{zone}": city for zone, city in cities(language, needed_by).items()},
    }
    return {
        key: unicodedata.normalize("NFC", name)
        for key, name in sorted(found.items())
        if key not in _NOTHING and any(map(str.isalpha, name)) and not any(map(str.isdigit, name))
    }


def cities(language: str, needed_by: str) -> dict[str, str]:
    """The cities that time zones are called after: {"Europe/Paris": "Paris", …}; errors as `names`."""
    location = require("babel.dates", needed_by).get_timezone_location
    zones = require("babel.core", needed_by).get_global("zone_territories")
    return {
        zone: location(zone, locale=language, return_city=True)
        for zone in sorted(zones)
        if not zone.startswith("Etc/")
    }
