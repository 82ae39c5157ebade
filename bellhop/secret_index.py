"""Finds known secrets in text, in the forms in which programs write them.

A door code is found as a string and as a number (`048394` as 48394), with separators (`48-39-4`,
`['4', '8', …]`), in escapes, percent-encoding, hex, base64 and UTF-16; letters in either case.

A code of at most five digits also stands, by chance, in ids, times and counters. It is looked for
only where a number of exactly these digits stands by itself: not inside of a UUID, a time, a line
number of a traceback, a fraction, a longer number, or an id in which digits and letters alternate.
What has fewer than three characters is no secret that could be kept.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import Final, NamedTuple

from bellhop.events.masking import DOTS
from bellhop.spellings import decoded, lowered, readings, unescaped, written_forms

_SHORTEST: Final = 3
_LONG_NUMBER: Final = 6
"""From so many digits on, a code is masked inside of a longer number, too."""
_LONG_WORD: Final = 8
"""From so many characters on, a secret is masked inside of a longer word, too."""
_LONGEST_SEPARATOR: Final = 10
_LONGEST_SPELLED: Final = 16
"""Up to so many characters, a code is also looked for with separators between them."""
_MOST_LAYERS: Final = 3
"""How often what was decoded is decoded again."""

_NUMBERS: Final = re.compile(
    r"""
    (?<![0-9A-Fa-f])[0-9A-Fa-f]{8}-(?:[0-9A-Fa-f]{4}-){3}[0-9A-Fa-f]{12}(?![0-9A-Fa-f])  # a UUID
    | (?<!\d)\d{4}-[01]\d-[0-3]\d(?!\d)                        # a date, and its time
      (?:[Tt\ ][0-2]\d:[0-5]\d(?::[0-6]\d(?:[.,]\d+)?)?)?
    | (?<![\d:])[0-2]\d:[0-5]\d(?::[0-6]\d(?:[.,]\d+)?)?(?![\d:])
    | ",\ line\ \d+
    | (?P<part>[0-9]+)
    """,
    re.VERBOSE | re.ASCII,
)
_WORDS: Final = re.compile(r"(?P<part>[0-9A-Za-z]+)", re.ASCII)
_ALTERNATING: Final = re.compile(r"[0-9]+|[A-Za-z]+", re.ASCII)

_Span = tuple[int, int]


class _Derived(NamedTuple):
    """What is computed of all secrets, of which version of them."""

    version: int
    needles: tuple[str, ...]
    lengths: tuple[int, ...]
    longest: int


class SecretIndex:
    """A collection of secrets, and their masks. Looks at each text once, however many there are.

    What is added twice has to be removed twice.
    """

    def __init__(self) -> None:
        self._numbers: Counter[str] = Counter()
        self._words: Counter[str] = Counter()
        self._texts: Counter[str] = Counter()
        self._version = 0
        self._derived = _Derived(0, (), (), 0)

    def __bool__(self) -> bool:
        return bool(self._numbers or self._words or self._texts)

    def add(self, secrets: Iterable[str]) -> None:
        """Mask these from now on."""
        for kind, form in self._forms(secrets):
            kind[form] += 1
        self._version += 1

    def remove(self, secrets: Iterable[str]) -> None:
        """Mask these no more."""
        for kind, form in self._forms(secrets):
            kind[form] -= 1
            if kind[form] <= 0:
                del kind[form]
        self._version += 1

    def mask(self, text: str) -> str:
        """Return a text in which every secret is dots."""
        if not self:
            return text
        if self._derived.version != self._version:
            self._derive()
        plain = unescaped(text)
        if plain != text and len(list(self._spans(plain, 0))) > len(list(self._spans(text, 0))):
            text = plain
        masked, end = [], 0
        for start, stop in sorted(self._spans(text, 0)):
            if start >= end:
                masked += [text[end:start], DOTS]
            end = max(end, stop)
        return "".join([*masked, text[end:]]) if masked else text

    def _derive(self) -> None:
        # Replaced in one step: a thread that masks meanwhile does the same, and misses no secret.
        version = self._version
        codes = (*self._numbers, *self._words)
        lengths = {len(code) for code in tuple(self._numbers)}
        self._derived = _Derived(
            version,
            tuple(self._texts),
            tuple(one for one in lengths if one >= _LONG_NUMBER),
            min(max(map(len, codes), default=0), _LONGEST_SPELLED),
        )

    def _forms(self, secrets: Iterable[str]) -> Iterator[tuple[Counter[str], str]]:
        for secret in secrets:
            digits = re.sub(r"[\W_]", "", secret.removesuffix(".0"), flags=re.ASCII)
            if len(digits) < _SHORTEST and len(secret) < _SHORTEST:
                continue
            is_number = digits.isascii() and digits.isdecimal() and len(digits) >= _SHORTEST
            if is_number:
                yield from ((self._numbers, one) for one in {digits, digits.lstrip("0")} if one)
            elif digits == secret and len(secret) <= _LONGEST_SPELLED:
                yield self._words, secret.lower()
            if not is_number or digits != secret:
                yield from ((self._texts, one.lower()) for one in written_forms(secret))

    def _spans(self, text: str, layer: int) -> Iterator[_Span]:
        """Yield where secrets stand, in any order, perhaps one over the other."""
        for reading in readings(text):
            folded = lowered(reading)
            yield from self._text_spans(folded)
            if self._numbers:
                yield from self._spelled(reading, _NUMBERS, self._numbers)
            if self._words:
                yield from self._spelled(folded, _WORDS, self._words)
        if layer < _MOST_LAYERS:
            for start, stop, said in decoded(text):
                if any(True for _ in self._spans(said, layer + 1)):
                    yield start, stop

    def _text_spans(self, folded: str) -> Iterator[_Span]:
        for needle in self._derived.needles:
            at = folded.find(needle)
            while at >= 0:
                stop = at + len(needle)
                inside = _is_alnum(folded[at - 1 : at]) or _is_alnum(folded[stop : stop + 1])
                if not inside or len(needle) >= _LONG_WORD:
                    yield at, stop
                at = folded.find(needle, at + 1)

    def _spelled(self, text: str, parts: re.Pattern[str], known: Counter[str]) -> Iterator[_Span]:
        """Yield where codes stand, in one piece or in several with equal separators."""
        found = [match.span("part") for match in parts.finditer(text)]
        gaps = [_gap(text[end:begins]) for (_, end), (begins, _) in pairwise(found)]
        numbers = parts is _NUMBERS
        for first, (start, end) in enumerate(found):
            if start < 0:
                continue
            part = text[start:end]
            if self._is_known(part, known):
                if not numbers or len(part) >= _LONG_NUMBER or _stands_alone(text, start, end):
                    yield start, end
                    continue
            elif numbers and len(part) > _LONG_NUMBER:
                yield from self._inside(part, start)
            if first < len(gaps) and gaps[first]:
                yield from self._in_pieces(text, found, gaps, first, known)

    def _in_pieces(
        self, text: str, found: list[_Span], gaps: list[str], first: int, known: Counter[str]
    ) -> Iterator[_Span]:
        start, end = found[first]
        joined = text[start:end]
        for place in range(first, len(gaps)):
            begins, ends = found[place + 1]
            if not gaps[place] or begins < 0 or len(joined) + ends - begins > self._derived.longest:
                return
            joined, end = joined + text[begins:ends], ends
            if joined in known and (
                len(joined) >= _LONG_NUMBER
                or (
                    len({*gaps[first : place + 1]}) == 1
                    and not _goes_on(text, start, end, gaps[first])
                )
            ):
                yield start, end

    def _is_known(self, part: str, known: Counter[str]) -> bool:
        return part in known or (len(rest := part.lstrip("0")) >= _SHORTEST and rest in known)

    def _inside(self, number: str, offset: int) -> Iterator[_Span]:
        for length in self._derived.lengths:
            for at in range(len(number) - length + 1):
                if number[at : at + length] in self._numbers:
                    yield offset + at, offset + at + length


def _stands_alone(text: str, start: int, end: int) -> bool:
    """Tell whether a number is one by itself, and no fraction and no part of an id."""
    if text[start - 1 : start] == "." and text[start - 2 : start - 1].isdecimal():
        return False
    while start and _is_alnum(text[start - 1]):
        start -= 1
    while end < len(text) and _is_alnum(text[end]):
        end += 1
    return len(_ALTERNATING.findall(text, start, end)) <= 3  # letters, the number, letters


def _gap(text: str) -> str:
    """Return what separates two parts of a code, or nothing if it is too much for that."""
    return "" if len(text) > _LONGEST_SEPARATOR or _ALTERNATING.search(text) else text


def _goes_on(text: str, start: int, end: int, separator: str) -> bool:
    """Tell whether a row of numbers with that separator has more of them at either end."""
    before, after = start - len(separator), end + len(separator)
    return (text[before:start] == separator and text[before - 1 : before].isdecimal()) or (
        text[end:after] == separator and text[after : after + 1].isdecimal()
    )


def _is_alnum(char: str) -> bool:
    return char.isascii() and char.isalnum()
