"""
The synthetic contact centre: accounts, profiles, destinations, numbers and their media codes.

Everything here is drawn once from (seed, account id) with the standard library's generator, so a
centre is the same on every machine and in every process. The ids of the vendor's published
request (accounts 13670001 and 15300001, group 111 and none, profiles 1111 to 4444) exist, so that
request works as it stands.
"""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

__all__ = [
    "ROUTES_EACH",
    "TRIED_EACH",
    "Account",
    "Destination",
    "Group",
    "Media",
    "Number",
    "Profile",
    "build_account",
]

ROUTES_EACH = 3
"""Routes of a destination: the one it is known by, then two that override it for some numbers."""

TRIED_EACH = 5
"""Destinations a profile routes to, in order of rank."""

AREA_CODES = (202, 206, 212, 231, 248, 303, 312, 404, 415, 512, 585, 602, 617, 631, 702, 786, 917)
TOLL_FREE = ("800", "833", "844", "855", "866", "877", "888")

_TRADES = ("Roofing", "Solar", "Dental", "Legal", "Auto", "Energy", "Travel", "Loans", "Health")
_QUEUES = ("Sales", "IT TFN", "Claims", "DTE", "Renewals", "Intake", "Billing", "Español", "Leads")
_CITIES = ("Denver", "Tampa", "Boise", "Omaha", "Reno", "Austin", "Dayton", "Provo", "Macon")
_PEOPLE = ("Ortiz, Dana", "Nguyen, Kim", "O'Hara, Sean", "Müller, Jana", "Silva, Rui")
_NETWORKS = ("Harbor TV", "Summit News", "KBLU", "WQRX", "Prairie Radio", "Lakeside Sports")
_MARKETS = ("New York", "Dallas-Ft. Worth", "Detroit", "Phoenix", "Seattle-Tacoma", "National")
_FORMATS = (("TV", "30"), ("TV", "60"), ("TV", "120"), ("RADIO", "60"), ("CTV", "15"))


@dataclass(frozen=True, slots=True)
class Group:
    """A group of profiles or destinations; no id and no name stand for "ungrouped"."""

    group_id: int | None
    name: str | None


@dataclass(frozen=True, slots=True)
class Profile:
    """A cloud profile: numbers that are routed alike, and to whom, by rank."""

    profile_id: int
    name: str
    group: Group
    destinations: tuple[int, ...]
    """Positions in the account's destinations."""


@dataclass(frozen=True, slots=True)
class Destination:
    """Who takes calls: phone numbers, a SIP address, or a number with an extension."""

    destination_id: int
    name: str
    group: Group
    routes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Media:
    """The advertisement that shows a number; `length` is in seconds, as text."""

    isci: str
    network: str
    market: str
    code: str
    format: str
    version: str
    length: str


@dataclass(frozen=True, slots=True)
class Number:
    """A number that can be dialled; `weight` is its share of calls that no spot caused."""

    dnis: str
    profile: int
    """Position in the account's profiles."""
    media: Media | None
    weight: float


@dataclass(frozen=True, slots=True)
class Account:
    """A sub-account and all that its calls can refer to; `index` is unique within a history."""

    account_id: str
    name: str
    index: int
    profiles: tuple[Profile, ...]
    destinations: tuple[Destination, ...]
    numbers: tuple[Number, ...]


def build_account(seed: int, index: int, account_id: str) -> Account:
    """Draw the account `account_id`, the `index`-th of its history, from the seed."""
    random = Random(f"{seed}/{account_id}")
    destinations = _destinations(random, index)
    profiles = _profiles(random, index, len(destinations))
    return Account(
        account_id=account_id,
        name=f"{random.choice(_CITIES)} {random.choice(_TRADES)}",
        index=index,
        profiles=profiles,
        destinations=destinations,
        numbers=_numbers(random, len(profiles)),
    )


def _groups(first_id: int, names: tuple[str, ...]) -> tuple[Group, ...]:
    named = (Group(first_id + step, name) for step, name in enumerate(names))
    return (*named, Group(None, None))


def _profiles(random: Random, index: int, destinations: int) -> tuple[Profile, ...]:
    groups = _groups(100 * index + 111, ("Sales", "Service, after hours"))
    first, second = 1111 * (2 * index + 1), 1111 * (2 * index + 2)
    ids = (first, second, *range(first + 1, first + 7))
    names = random.sample(_QUEUES, len(ids))
    ungrouped = (0, 1) if index else (1,)
    return tuple(
        Profile(
            profile_id=profile_id,
            name=names[position],
            group=groups[-1] if position in ungrouped else groups[position % len(groups)],
            destinations=tuple(random.sample(range(destinations), TRIED_EACH)),
        )
        for position, profile_id in enumerate(ids)
    )


def _destinations(random: Random, index: int) -> tuple[Destination, ...]:
    groups = _groups(100 * index + 151, ("Partners", "In house"))
    cities = [f"{city} {random.choice(_TRADES)}" for city in random.sample(_CITIES, 7)]
    names = (*cities, *random.sample(_PEOPLE, 3), "Overflow")
    return tuple(
        Destination(
            destination_id=4446 + 200 * index + 7 * position,
            name=name,
            group=groups[position % len(groups)],
            routes=_routes(random, position),
        )
        for position, name in enumerate(names)
    )


def _routes(random: Random, position: int) -> tuple[str, ...]:
    stem = _phone(random, str(random.choice(AREA_CODES)))[:8]
    endings = random.sample(range(100), ROUTES_EACH)
    numbers = [f"{stem}{ending:02d}" for ending in endings]
    if position % 5 == 3:
        return tuple(f"sip:{number}@edge{position}.sip.example:5061" for number in numbers)
    if position % 5 == 4:
        return tuple(
            f"1{number}*{ending + 100}" for number, ending in zip(numbers, endings, strict=True)
        )
    return tuple(numbers)


def _numbers(random: Random, profiles: int) -> tuple[Number, ...]:
    numbers = []
    for profile in range(profiles):
        for position in range(random.randint(2, 5)):
            media = _media(random) if position % 2 else None
            dnis = _phone(random, random.choice(TOLL_FREE))
            numbers.append(Number(dnis, profile, media, weight=0.2 + random.random()))
    return tuple(numbers)


def _media(random: Random) -> Media:
    kind, length = random.choice(_FORMATS)
    serial = random.randrange(10_000)
    return Media(
        isci=f"CDRX{serial:04d}{'H' if kind == 'TV' else 'R'}",
        network=random.choice(_NETWORKS),
        market=random.choice(_MARKETS),
        code=f"{random.choice('ABCDEFGH')}{serial % 997:03d}",
        format=kind,
        version=random.choice("ABC"),
        length=length,
    )


def _phone(random: Random, prefix: str) -> str:
    return f"{prefix}{random.randrange(2_000_000, 10_000_000)}"
