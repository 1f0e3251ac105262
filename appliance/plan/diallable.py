"""Which numbers may be called back, and how a number is written: E.164, or not at all.

The numbering plans are those of the library `phonenumbers`. What costs the caller or us more than
a plain call, and what no person answers, is never called.
"""

import phonenumbers
from phonenumbers import PhoneNumberFormat, PhoneNumberType

#: longest text that may be a number at all (RFC 3966 §5.1.4 allows separators in 15 digits)
MAX_TEXT = 32
#: a person may answer there, for the price of a plain call
_PLAIN = frozenset(
    {
        PhoneNumberType.FIXED_LINE,
        PhoneNumberType.MOBILE,
        PhoneNumberType.FIXED_LINE_OR_MOBILE,
        PhoneNumberType.VOIP,
    }
)


def is_country(country: str) -> bool:
    """Tell whether *country* is one whose numbers are known: two capital letters (ISO 3166-1)."""
    return country in phonenumbers.SUPPORTED_REGIONS


def normalised(text: str, country: str, also: tuple[str, ...] = ()) -> str:
    """Return the number *text*, as dialled in *country*, as `+` and digits.

    Empty where it is no number, none of *country* or *also*, or none that may be called.
    """
    if not text or len(text) > MAX_TEXT:
        return ""
    try:
        number = phonenumbers.parse(text, country)
    except phonenumbers.NumberParseException:
        return ""
    region = phonenumbers.region_code_for_number(number)
    if region not in (country, *also) or number.extension:
        return ""
    if phonenumbers.number_type(number) not in _PLAIN:
        return ""
    return phonenumbers.format_number(number, PhoneNumberFormat.E164)


def is_plain(number: str) -> bool:
    """Tell whether *number* is written as `normalised` does and may be called, in any country."""
    try:
        region = phonenumbers.region_code_for_number(phonenumbers.parse(number))
    except phonenumbers.NumberParseException:
        return False
    return region is not None and normalised(number, region) == number
