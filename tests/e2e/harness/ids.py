"""Opaque ids as a partner makes and checks them (README of the services: DeriveId), and valid document numbers.

    setting_id = ids.derive("setting", "cafe", "17")
    ids.mistyped(setting_id)     # one character is another: the check character does not fit
    ids.resident_id(4711)        # 18 digits, another for each number
"""

import hashlib

_CROCKFORD = "0123456789abcdefghjkmnpqrstvwxyz"
_CHECK = "0123456789abcdefghijklmnopqrstuvwxyz"


def _check_character(body):
    """ISO 7064 MOD 37,36."""
    product = 36
    for character in body:
        total = (product + _CHECK.index(character)) % 36 or 36
        product = total * 2 % 37
    return _CHECK[(37 - product) % 36]


def derive(prefix, *parts):
    """The id that these parts stand for."""
    digest = hashlib.sha256()
    for part in parts:
        data = part.encode()
        digest.update(len(data).to_bytes(8, "big") + data)
    number = int.from_bytes(digest.digest()[:16], "big")
    body = "".join(_CROCKFORD[number >> shift & 31] for shift in range(125, -1, -5))
    return f"{prefix}_{body}{_check_character(body)}"


def mistyped(some_id):
    """The id with its last but one character changed."""
    wrong = "0" if some_id[-2] != "0" else "1"
    return some_id[:-2] + wrong + some_id[-1]


def with_check_digit(digits):
    """A resident identity number (GB 11643) from its first 17 digits."""
    remainder = sum(int(digit) * pow(2, 17 - place, 11) for place, digit in enumerate(digits)) % 11
    return digits + "10X98765432"[remainder]


def resident_id(number):
    """A valid resident identity number; `number` is 0 to 9,999,999."""
    days, sequence = divmod(number, 1000)
    year, day_of_year = divmod(days, 28 * 12)
    month, day = divmod(day_of_year, 28)
    return with_check_digit(f"440106{1960 + year:04d}{month + 1:02d}{day + 1:02d}{sequence:03d}")
