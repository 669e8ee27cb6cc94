"""
What the metrics mean: thresholds, the formula of service level, and the words of the report.

Every number here is a convention and has a default; `cdr.toml` says others.

```toml
[definitions]
service_level_s = 30
service_level_formula = "answered_only"

[definitions.profiles.60001]        # one cloud profile, by its id
qualified_call_s = 90

[definitions.words]                 # of call_result and of attempts' dispositions
VOICEMAIL = "connected"
```
"""

from __future__ import annotations

from typing import Annotated, Literal
from zoneinfo import ZoneInfo

import msgspec
from msgspec import Meta

from cdr_engine.errors import ConfigError

__all__ = ["FORMULAS", "WORDS", "Definitions", "Formula", "Outcome", "ProfileDefinitions", "Word"]

Seconds = Annotated[int, Meta(ge=0, le=86_400)]

Deviations = Annotated[float, Meta(ge=0.5, le=100)]

Outcome = Literal["connected", "abandoned", "deflected", "other"]

Formula = Literal[
    "abandons_against",
    "abandons_in_time_left_out",
    "short_abandons_left_out",
    "abandons_in_time_for",
    "answered_only",
]
FORMULAS: dict[Formula, str] = {
    "abandons_against": "answered in X / (answered + abandoned)",
    "abandons_in_time_left_out": "answered in X / (answered + abandoned - abandoned in X)",
    "short_abandons_left_out": "answered in X / (answered + abandoned - short abandons)",
    "abandons_in_time_for": "(answered in X + abandoned in X) / (answered + abandoned)",
    "answered_only": "answered in X / answered",
}
"""
The five formulas of service level that are published (Call Centre Helper, ICMI; Cisco's contact
centre offers three of them as a setting). X is `service_level_s`.
"""


class Word(msgspec.Struct, frozen=True):
    """What a word of call_result or of an attempt's disposition means."""

    outcome: Outcome
    is_line_reached: bool = False
    """The network did its part: answered, busy, or rung in vain (the NER of ITU-T E.425)."""


WORDS: dict[str, Word] = {
    "CONNECTED": Word("connected", is_line_reached=True),
    "ANSWER": Word("connected", is_line_reached=True),
    "ANSWERED": Word("connected", is_line_reached=True),
    "ABANDON": Word("abandoned"),
    "ABANDONED": Word("abandoned"),
    "DEFLECT": Word("deflected"),
    "DEFLECTED": Word("deflected"),
    "BUSY": Word("other", is_line_reached=True),
    "NOANSWER": Word("other", is_line_reached=True),
    "ANSWER-NOT-PERSON": Word("other"),
    "CANCEL": Word("other"),
    "CHANUNAVAIL": Word("other"),
    "CONGESTION": Word("other"),
    "INTERCEPT": Word("other"),
    "MACHINE": Word("other"),
}
"""
Words seen in reports, named in the vendor's platform documents, or in Asterisk's DIALSTATUS. The
vendor has no list, so others will come: they count as `other`, and `data_quality` counts them.
"""


class ProfileDefinitions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Thresholds of one cloud profile; None is as for all."""

    service_level_s: Seconds | None = None
    short_abandon_s: Seconds | None = None
    short_call_s: Seconds | None = None
    qualified_call_s: Seconds | None = None


class Definitions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the views count by."""

    service_level_s: Seconds = 20
    """A call answered after so many seconds of queue_time, or sooner, was answered in time."""
    service_level_formula: Formula = "short_abandons_left_out"
    """Which of the five published formulas `service_level_rate` is."""
    short_abandon_s: Seconds = 5
    """Who gives up sooner than this is a short abandon: a misdial, not a loss."""
    short_call_s: Seconds = 30
    """A connected call that talks less than this is short."""
    qualified_call_s: Seconds = 120
    """A connected call that talks so long, or longer, is qualified: worth paying for."""
    repeat_days: Annotated[int, Meta(ge=1, le=90)] = 7
    """Who calls again within so many days has not been helped."""
    recovery_hours: Annotated[int, Meta(ge=1, le=720)] = 24
    """Who gave up and is connected within so many hours is recovered."""
    small_sample: Annotated[int, Meta(ge=1)] = 30
    """Fewer than this is too few to rank by: `is_small_sample` marks them."""
    uii_time_zone: str = "America/New_York"
    """Zone of the clock that a uii begins with."""
    clock_tolerance_s: Seconds = 120
    """The uii's clock counts where it is no further from enqueue_time than this."""
    spot_response_minutes: Annotated[int, Meta(ge=1, le=240)] = 8
    """Calls so soon after an advertisement was aired are held to be its own."""
    first_touch_days: Annotated[int, Meta(ge=1, le=366)] = 30
    """So many days of calls are held to come from the advertisement that a caller called first."""
    burst_calls: Annotated[int, Meta(ge=1)] = 4
    """Fewer calls than this in five minutes are no burst."""
    burst_z: Deviations = 4.0
    """Deviations above the two hours before from which on calls are a burst."""
    anomaly_z: Deviations = 3.5
    """Deviations from its weekday beyond which a day is an anomaly (Iglewicz and Hoaglin, 1993)."""
    profiles: dict[str, ProfileDefinitions] = {}
    """Thresholds of single cloud profiles, by id."""
    words: dict[str, Outcome] = {}
    """Outcomes of words, beside and before `WORDS`."""

    def check(self) -> None:
        """Raise ConfigError where a value of the right type makes no sense."""
        for profile in self.profiles:
            if not (profile.isascii() and profile.isdecimal()):
                raise ConfigError(
                    f"definitions.profiles.{profile}: write the profile's id, which `cdr profiles` "
                    "and the calls name; names change"
                )
        try:
            ZoneInfo(self.uii_time_zone)
        except (KeyError, ValueError, OSError) as error:
            raise ConfigError(
                f"definitions.uii_time_zone {self.uii_time_zone!r} is no name of the TZ database"
            ) from error

    @property
    def dictionary(self) -> dict[str, Word]:
        """Every word with its meaning, as the views compare them: upper case, trimmed."""
        own = {text.strip().upper(): outcome for text, outcome in self.words.items()}
        return WORDS | {
            text: Word(outcome, is_line_reached=outcome == "connected" or _is_reached(text))
            for text, outcome in own.items()
        }


def _is_reached(text: str) -> bool:
    word = WORDS.get(text)
    return word is not None and word.is_line_reached
