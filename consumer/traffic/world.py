"""The companies, stations and people of the simulation: invented, in the shapes that the documents show."""

from typing import Any

from msgspec import Struct

UNIT = 100_000  # the sender's money: integers in 1/100000 of the currency unit


class Location(Struct, frozen=True):
    """A station as ``shiftLocation`` describes it; ``offset`` in minutes is only presentation."""

    payload: dict[str, Any]
    offset: int

    @property
    def names_currency(self) -> bool:
        return "primaryCurrencyCode" in self.payload


class Agency(Struct, frozen=True):
    agency_id: str
    name: str


class Account(Struct, frozen=True):
    """A company that sells certificates; ``tax_rate`` in 1/1000 %, ``face_values`` in whole units."""

    account_id: str
    currency: str
    symbol: str
    tax_name: str
    tax_rate: int
    face_values: tuple[int, ...]
    locations: tuple[Location, ...]
    agencies: tuple[Agency, ...]
    names_currency: bool  # whether its definitions carry a currencyCode
    users: tuple[str, ...]


class Person(Struct, frozen=True):
    first_name: str
    last_name: str
    email: str


def station(
    company: tuple[str, str, str],
    station_id: str,
    place: tuple[str, str, str, str],
    position: tuple[str, str],
    zone: tuple[str, int],
) -> Location:
    """Describe a station; ``company`` is (id, name, currency), ``place`` (name, country, province, code)."""
    company_id, company_name, currency = company
    name, country, province, shortcode = place
    payload = {
        "stationId": station_id,
        "name": name,
        "country": country,
        "province": province,
        "shortcode": shortcode,
        "latitude": position[0],
        "longitude": position[1],
        "costCenter": f"CC-{shortcode}",
        "operatingCompanyId": company_id,
        "operatingCompanyName": company_name,
        "locationPurchaseLimits": {},
        "primaryCurrencyCode": currency,
        "acceptedCurrencies": [],
        "externalId": "",
        "timeZone": zone[0],
    }
    return Location(payload, zone[1])


def old_station(station_id: str, name: str) -> Location:
    """Describe a station as older accounts do: nothing but its id and name."""
    return Location({"stationId": station_id, "name": name}, 0)


NO_AGENCY = Agency("", "")
ONLINE = Location({}, 0)  # nobody had a shift open: the certificate was bought or used on a web site

_CANADA = ("5b10f00d2c1a4e0001000001", "Érable Coach Lines", "CAD")
_GERMANY = ("5b10f00d2c1a4e0001000002", "Rheinbus GmbH", "EUR")
_MEXICO = ("5b10f00d2c1a4e0001000003", "Autobuses del Águila", "MXN")

CANADIAN = Account(
    account_id="5b10f00d2c1a4e0001000011",
    currency="CAD",
    symbol="$",
    tax_name="HST",
    tax_rate=13_000,
    face_values=(25, 40, 50, 75, 100, 150),
    locations=(
        station(
            _CANADA,
            "5b10f00d2c1a4e0001000101",
            ("Toronto Coach Terminal", "Canada", "Ontario", "TOR"),
            ("43.6558", "-79.3849"),
            ("America/Toronto", -300),
        ),
        station(
            _CANADA,
            "5b10f00d2c1a4e0001000102",
            ("Gare d'autocars de Montréal", "Canada", "Québec", "MTL"),
            ("45.5163", "-73.5646"),
            ("America/Toronto", -300),
        ),
        station(
            _CANADA,
            "5b10f00d2c1a4e0001000103",
            ("Vancouver Pacific Central", "Canada", "British Columbia", "VAN"),
            ("49.2737", "-123.0977"),
            ("America/Vancouver", -480),
        ),
    ),
    agencies=(
        Agency("5b10f00d2c1a4e0001000201", "Voyages Laurentides"),
        Agency("5b10f00d2c1a4e0001000202", "West Coast Travel"),
    ),
    names_currency=False,
    users=("5b10f00d2c1a4e0001000311", "5b10f00d2c1a4e0001000312"),
)
GERMAN = Account(
    account_id="5b10f00d2c1a4e0001000012",
    currency="EUR",
    symbol="€",
    tax_name="USt.",
    tax_rate=7_000,
    face_values=(20, 30, 50, 100),
    locations=(
        station(
            _GERMANY,
            "5b10f00d2c1a4e0001000111",
            ("Köln/Bonn Flughafen", "Germany", "Nordrhein-Westfalen", "CGN"),
            ("50.8789", "7.1202"),
            ("Europe/Berlin", 60),
        ),
        station(
            _GERMANY,
            "5b10f00d2c1a4e0001000112",
            ("München ZOB", "Germany", "Bayern", "MUC"),
            ("48.1424", "11.5501"),
            ("Europe/Berlin", 60),
        ),
    ),
    agencies=(Agency("5b10f00d2c1a4e0001000211", "Reisebüro Müßig & Söhne"),),
    names_currency=True,
    users=("5b10f00d2c1a4e0001000321", "5b10f00d2c1a4e0001000322"),
)
MEXICAN = Account(
    account_id="5b10f00d2c1a4e0001000013",
    currency="MXN",
    symbol="$",
    tax_name="IVA",
    tax_rate=16_000,
    face_values=(250, 500, 1000),
    locations=(
        station(
            _MEXICO,
            "5b10f00d2c1a4e0001000121",
            ("México Central del Norte", "Mexico", "Ciudad de México", "MEX"),
            ("19.4790", "-99.1406"),
            ("America/Mexico_City", -360),
        ),
        station(
            _MEXICO,
            "5b10f00d2c1a4e0001000122",
            ("Querétaro", "Mexico", "Querétaro", "QRO"),
            ("20.5640", "-100.3690"),
            ("America/Mexico_City", -360),
        ),
    ),
    agencies=(Agency("5b10f00d2c1a4e0001000221", "Viajes Ñandú"),),
    names_currency=False,
    users=("5b10f00d2c1a4e0001000331", "5b10f00d2c1a4e0001000332"),
)
# An older account: no time zone, no currency of the station. Only displayCurrency tells what the money is.
OLD = Account(
    account_id="4f10f00d2c1a4e0001000014",
    currency="USD",
    symbol="$",
    tax_name="Sales tax",
    tax_rate=6_250,
    face_values=(20, 50),
    locations=(
        old_station("4f10f00d2c1a4e0001000131", "Amarillo"),
        old_station("4f10f00d2c1a4e0001000132", "Lubbock Depot"),
    ),
    agencies=(),
    names_currency=False,
    users=("4f10f00d2c1a4e0001000341", "4f10f00d2c1a4e0001000342"),
)

# Repeated as often as they trade.
ACCOUNTS = (CANADIAN, CANADIAN, CANADIAN, CANADIAN, GERMAN, GERMAN, MEXICAN, MEXICAN, OLD)

FIRST_NAMES = (
    "Zoë",
    "José",
    "Anna",
    "Łukasz",
    "Müjde",
    "Liam",
    "Noémie",
    "小龍",
    "Priya",
    "Renée",
    "Søren",
    "Ana María",
)
LAST_NAMES = (
    "Lévesque",
    "Núñez",
    "Weiß",
    "O'Brien",
    "Wójcik",
    "Çelik",
    "李",
    "Smith",
    "García Ñ.",
    "d'Arcy",
    "Østergård",
)
OFFERS = (
    "Ride and give 🎁",
    "Geschenk für Reisende",
    "Regala un viaje",
    "Cadeau de Noël",
    "Gift of travel",
    "",
)
