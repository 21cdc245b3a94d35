"""Detection rules: what is watched, how, and how bad it is. Read from a strict TOML file; an unknown key is an error with its file and key.

`load_rules` reads the shipped `rules.toml` or a deployment's own file; `RulesFile` notices when a file changed and keeps the old rules
when the new ones are wrong. `docs/rules.md` names the metrics and every key.
"""

from __future__ import annotations

import tomllib
from collections import Counter
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from ingest.events import digest
from streams import canary
from streams.signal import Level

SHIPPED: Final = Path(__file__).with_name("rules.toml")
EVERY: Final = "*"
ALARMS: Final = "*_alarm"

Seconds = Annotated[float, Field(ge=0, le=7 * 86400)]
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,47}$")]


class InvalidRules(ValueError):
    """The rules cannot be used: each line of the message names the file, the key, and what was wrong with it."""


class Section(BaseModel):
    """A table of the rules file: frozen, and an unknown key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    @cached_property
    def version(self) -> str:
        """Changes exactly when what it says does. A signal carries it, so that a case knows by which form of a rule it was opened."""
        return digest("section", self.model_dump_json())[:8]


class Rule(Section):
    """What every rule says: which tracks it watches and what a signal of it is called."""

    id: Name
    kind: Name = Field(title="What the signal is about: fire, gas, flood, tilt, sos, temperature, deviation …")
    metrics: tuple[str, ...] = Field(
        min_length=1, title='Metric names; "*" is every metric that no other rule names, "*_alarm" every such alarm'
    )
    device_kinds: tuple[str, ...] = Field((), title="Only devices of these kinds; empty is every kind")
    except_kinds: tuple[str, ...] = Field((), title="Devices of these kinds are passed over")
    except_metrics: tuple[str, ...] = Field((), title='Metrics that "*" and "*_alarm" do not mean')
    believable: tuple[float, float] | None = Field(
        None, title="Values outside are a broken sensor's and are passed over"
    )
    text: str = Field("", title="Key of the operators' text; empty is the rule's id")

    @cached_property
    def digest(self) -> str:
        """Changes exactly when the rule does: the state of a rule with the same digest is still good."""
        return digest("rule", self.model_dump_json())

    def watches(self, kind: str) -> bool:
        """Whether devices of a kind are meant."""
        return kind not in self.except_kinds and (not self.device_kinds or kind in self.device_kinds)


class Step(Section):
    """One level of a threshold rule: set at or beyond `set` for `hold` seconds, lowered again only beyond `reset`."""

    level: Level
    set: float
    reset: float
    hold: Seconds = 0.0


class ThresholdRule(Rule):
    """A value at or beyond a limit, for a while. Levels are listed from the mildest to the worst."""

    detector: Literal["threshold"]
    levels: tuple[Step, ...] = Field(min_length=1)
    direction: Literal["above", "below"] = "above"
    max_gap: Seconds = Field(600.0, title="Seconds of silence after which a hold is no longer believed to go on")
    crossing: bool = Field(False, title="Only a track that was once on the good side of the mildest reset can ring")

    @model_validator(mode="after")
    def _levels_are_in_order(self) -> ThresholdRule:
        sign = 1 if self.direction == "above" else -1
        for step in self.levels:
            if sign * step.reset > sign * step.set:
                raise ValueError(
                    f"level {step.level}: reset {step.reset} lies beyond set {step.set}; it must be on the good side of it"
                )
        for milder, worse in zip(self.levels, self.levels[1:], strict=False):
            if worse.level.rank <= milder.level.rank or sign * worse.set < sign * milder.set:
                raise ValueError(
                    f"levels go from the mildest to the worst: {milder.level} at {milder.set}, then {worse.level} at {worse.set}"
                )
        return self


class RateRule(Rule):
    """A value that moves by at least `per_minute` over about `window` seconds, and by at least `least` in all."""

    detector: Literal["rate"]
    level: Level
    per_minute: float = Field(gt=0)
    least: float = Field(gt=0, title="The move itself must be at least this much: keeps noise out")
    direction: Literal["above", "below"] = "above"
    window: Annotated[float, Field(ge=10, le=3600)] = 60.0
    confirm: int = Field(2, ge=2, le=5, title="Rows in a row that must say so: one stray row never rings")
    clear_after: Seconds = Field(120.0, title="Seconds without the move after which it is over")
    at_least: float | None = Field(None, title="The value itself must be at or beyond this")


class DeviationRule(Rule):
    """A value far outside what this very device did lately, in robust standard deviations, for several rows."""

    detector: Literal["deviation"]
    level: Level
    sigmas: float = Field(gt=2)
    confirm: int = Field(5, ge=2, le=100, title="Rows in a row that must be outside")
    hold: Seconds = Field(60.0, title="Seconds they must stay outside")
    memory: int = Field(500, ge=20, title="How many rows the device's recent past reaches back")
    warm_up: int = Field(100, ge=20, title="Rows before a device is judged")
    floor: float = Field(
        0.02, ge=0, title="A standard deviation is never taken as smaller than this share of the usual value"
    )


class SilenceRule(Rule):
    """An enrolled device that should have spoken and did not: once per outage, restart or not, also if it never spoke."""

    detector: Literal["silence"]
    level: Level
    gateway_level: Level
    metrics: tuple[str, ...] = (EVERY,)
    factor: float = Field(3.0, ge=1.5, title="Intervals without a word after which a device is silent")
    least: Seconds = Field(60.0, title="Never sooner than this")
    offline_after: Seconds = Field(60.0, title="Seconds after its own or its broker's word that it is offline")
    gateway_text: str = "gateway_silent"


AnyRule = Annotated[ThresholdRule | RateRule | DeviationRule | SilenceRule, Field(discriminator="detector")]


class SightingRule(Section):
    """How a camera's sightings become a signal."""

    id: Name = "camera"
    labels: dict[str, Name] = Field(
        default_factory=dict, title="Camera label → kind of signal; other labels are only counted"
    )
    level: Level = Level.ORANGE
    score: float = Field(default=0.6, ge=0, le=1, title="Sightings below it do not count")
    sure: float = Field(default=0.9, ge=0, le=1, title="One sighting this sure is enough")
    times: int = Field(default=2, ge=1, title="Otherwise this many, at different instants …")
    within: Seconds = Field(default=10.0, title="… within this many seconds")
    clear_after: Seconds = Field(default=300.0, title="Seconds without a sighting after which it is over")
    text: str = "camera_sighting"


class LapseRule(Section):
    """How bad it is when messages of a gateway are missing, or may be."""

    gap: Level = Field(Level.YELLOW, title="Numbers of a gateway are missing (gateway_gap)")
    session: Level = Field(Level.YELLOW, title="The MQTT broker had forgotten our session (gateway_session_lost)")
    noise: Level = Field(
        Level.YELLOW, title="A source reconnects all the time or shouts and is kept out (noisy_source)"
    )


CANARY: Final = ThresholdRule(
    id=canary.KIND,
    kind=canary.KIND,
    metrics=(canary.METRIC,),
    detector="threshold",
    levels=(Step(level=Level.RED, set=1, reset=1),),
)


class Rules(Section):
    """Everything a rules file says. `parse_rules` adds the canary's rule, which no file can change."""

    rule: tuple[AnyRule, ...] = ()
    sightings: SightingRule = SightingRule()
    lapses: LapseRule = LapseRule()

    @model_validator(mode="after")
    def _names_are_single(self) -> Rules:
        twice = [name for name, n in Counter(r.id for r in self.rule).items() if n > 1]
        if twice:
            raise ValueError(f"rule id {twice[0]!r} is used twice; every rule needs an id of its own")
        ours = [r.id for r in self.rule if canary.KIND in {r.id, r.kind} or canary.METRIC in r.metrics]
        ours += [label for label, kind in self.sightings.labels.items() if kind == canary.KIND]
        if ours:
            raise ValueError(
                f"{ours[0]}: {canary.KIND} and {canary.METRIC} are the system's own, nobody is told of them; use other names"
            )
        return self

    @cached_property
    def fingerprint(self) -> str:
        """Changes exactly when a rule does."""
        return digest("rules", self.model_dump_json())

    @cached_property
    def by_id(self) -> dict[str, Rule]:
        """The rules by their id."""
        return {rule.id: rule for rule in self.rule}

    @cached_property
    def named_metrics(self) -> frozenset[str]:
        """The metrics that some rule names: `"*"` and `"*_alarm"` mean others."""
        return frozenset(m for r in self.rule for m in r.metrics if m not in {EVERY, ALARMS})

    def mean(self, rule: Rule, metric: str) -> bool:
        """Whether a rule watches a metric.

        An alarm may carry its source's own name behind its class, `fire_alarm:Hall.FireAlarm`: rules for the class mean it.
        """
        family = metric.partition(":")[0]
        alarm = family.endswith("_alarm")
        names = {metric, family} if alarm else {metric}
        if not names.isdisjoint(rule.metrics):
            return True
        if not names.isdisjoint(self.named_metrics) or not names.isdisjoint(rule.except_metrics):
            return False
        if alarm and any(ALARMS in one.metrics and names.isdisjoint(one.except_metrics) for one in self.rule):
            return ALARMS in rule.metrics
        return EVERY in rule.metrics


def parse_rules(text: str, source: str = "rules") -> Rules:
    """The rules in a TOML text. Raises `InvalidRules` with every error, each with its source and key."""
    try:
        rules = Rules.model_validate(tomllib.loads(text))
        return rules.model_copy(update={"rule": (*rules.rule, CANARY)})
    except tomllib.TOMLDecodeError as error:
        raise InvalidRules(f"{source}: not TOML: {error}") from error
    except ValidationError as error:
        raise InvalidRules(
            "\n".join(f"{source}: {_key(e['loc'], text)}: {e['msg']}" for e in error.errors())
        ) from error


def _key(location: tuple[int | str, ...], text: str) -> str:
    """Where in the file an error is, with the rule's id where it has one."""
    if len(location) < 2 or location[0] != "rule" or not isinstance(location[1], int):
        return ".".join(map(str, location)) or "(whole file)"
    rule: Any = tomllib.loads(text)["rule"][location[1]]
    rest = [str(part) for part in location[2:] if part != rule.get("detector")]
    return ".".join([f"rule[{location[1] + 1}] {rule.get('id', '(no id)')}", *rest])


def load_rules(path: Path | None = None) -> Rules:
    """The rules in a file, or the shipped ones. Raises `InvalidRules`, also when the file cannot be read."""
    path = path or SHIPPED
    try:
        return parse_rules(path.read_text(encoding="utf-8"), str(path))
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidRules(f"{path}: cannot be read: {error}; check the path in worker.rules") from error


class RulesFile:
    """A rules file that is looked at from time to time. A file that has become wrong leaves the old rules in force."""

    def __init__(self, path: Path | None = None) -> None:
        self.path = path or SHIPPED
        self._stamp = self._look()
        self.rules = load_rules(self.path)

    def _look(self) -> tuple[int, int] | None:
        try:
            stat = self.path.stat()
        except OSError:
            return None
        return stat.st_mtime_ns, stat.st_size

    def changed(self) -> Rules | None:
        """The new rules when the file changed since the last look, else None.

        Raises `InvalidRules` once per change when they cannot be used; `rules` stays what it was.
        """
        stamp = self._look()
        if stamp == self._stamp:
            return None
        self._stamp = stamp
        rules = load_rules(self.path)
        if rules.fingerprint == self.rules.fingerprint:
            return None
        self.rules = rules
        return rules
