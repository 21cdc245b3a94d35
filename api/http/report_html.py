"""The page on which somebody reports, and the one that says what became of it, as HTML. Pure: values in, text out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Final

from alerts.alert import Alert
from alerts.notices import CHINA
from alerts.reports import MOST_PICTURES, Filed
from alerts.words import Words
from streams.signal import Origin

SECTION: Final = "report_page"
_TEXT: Final = 1000  # characters of a description


@dataclass(frozen=True, slots=True)
class Page:
    """Whose page it is and where its parts lie: `address` is the page's own path. Without `places` the place is fixed: `here`."""

    origin: Origin
    address: str
    language: str
    who: str = ""  # a grid worker's name
    here: str = ""
    places: tuple[tuple[str, str], ...] = ()


class Pen:
    """Writes pages in one language."""

    def __init__(self, words: Words, page: Page) -> None:
        self._words, self.page = words, page

    def say(self, key: str, **values: object) -> str:
        """Words for HTML."""
        return escape(self._words.text(self.page.language, SECTION, key, **values))

    def kind(self, name: str) -> str:
        """The word for a kind: the page's own, else that of a notice."""
        own = self._words.tables["zh"]["report_kind"]
        return escape(self._words.text(self.page.language, "report_kind" if name in own else "kind", name))

    def whole(self, body: str, *, script: bool = False) -> str:
        """A page around a body."""
        patrol = self.page.origin is Origin.PATROL
        title = self.say("title_patrol" if patrol else "title")
        other = "zh" if self.page.language == "en" else "en"
        module = '\n<script type="module" src="/report.js"></script>' if script else ""
        switch = f'<a class="tongue" href="?lang={other}" lang="{other}">{self.say("other_language")}</a>'
        who = f'<span class="who">{escape(self.page.who)}</span>' if self.page.who else ""
        return (
            f'<!doctype html>\n<html lang="{"en" if self.page.language == "en" else "zh-CN"}">\n<head>\n<meta charset="utf-8">\n'
            '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
            f'<title>{title}</title>\n<link rel="icon" href="/bell.svg">\n<link rel="stylesheet" href="/report.css">{module}\n</head>\n'
            "<body>\n"
            f"<header><h1>{title}</h1>{who}{switch}</header>\n<main>\n{body}\n</main>\n</body>\n</html>\n"
        )

    def form(
        self, kinds: Sequence[str], key: str, own: Sequence[tuple[Filed, Alert | None]] = (), *, wrong: str = ""
    ) -> str:
        """The form, and a grid worker's own reports below it. `wrong` is what `say` made of why the last try was not taken."""
        say, resident = self.say, self.page.origin is Origin.RESIDENT
        said = ("sending", "not_sent", "locating", "located", "coarse", "unlocated", "forget", "remove")
        data = " ".join(f'data-{name.replace("_", "-")}="{self._raw(name)}"' for name in said)
        parts = [
            f'<p class="urgent">{say("urgent")}</p>',
            f'<p class="wrong" role="alert"{"" if wrong else " hidden"}>{wrong}</p>',
            f'<form method="post" enctype="multipart/form-data" action="{escape(self.page.address)}?lang={self.page.language}" {data}>',
            f'<input type="hidden" name="key" value="{escape(key)}">',
            *(f'<input type="hidden" name="{name}">' for name in ("lat", "lon", "accuracy")),
            self._kinds(kinds),
            self._words_of(),
            self._pictures(),
            self._place(),
            self._phone() if resident else "",
            f'<button class="send" type="submit">{say("send")}</button>',
            "</form>",
            self._own(own),
        ]
        return "\n".join(part for part in parts if part)

    def receipt(self, filed: Filed, case: Alert | None) -> str:
        """What became of a report. What an operator wrote about the end is a grid worker's to read; a resident reads what was found."""
        say, report = self.say, filed.report
        state = case.handling.value if case is not None else "waiting"
        over = case is not None and case.handling.over
        learns = {"notice": "told", "desk": "owed"}.get(report.told, "")
        after = [say(learns)] if learns else []
        after += [say("keep")] if learns != "told" else []
        lines = [
            f'<section class="receipt{" over" if over else ""}">',
            f"<h2>{say(state)}</h2>",
            self._result(case) if case is not None and over else "",
            f'<p class="number"><span>{say("number")}</span><b>{escape(filed.id)}</b></p>',
            f"<p>{self.kind(report.kind)} · {self._time(filed)}</p>",
            f'<p class="said">{escape(report.text)}</p>' if report.text else "",
            f"<p>{say('pictured', n=report.pictures)}</p>" if report.pictures else "",
            "" if over else f'<p class="quiet">{" ".join(after)}</p>',
            "</section>",
            f'<a class="again" href="{escape(self.page.address)}?lang={self.page.language}">{say("again")}</a>',
        ]
        return "\n".join(line for line in lines if line)

    def _result(self, case: Alert) -> str:
        found = (
            f"<p>{self.say('finding', finding=self._words.text(self.page.language, SECTION, case.work.finding))}</p>"
        )
        patrol = self.page.origin is Origin.PATROL and case.outcome
        told = f"<p>{self.say('outcome', outcome=case.outcome)}</p>" if patrol else ""
        return (found if case.work.finding and case.work.finding != "test" else "") + told

    def _kinds(self, kinds: Sequence[str]) -> str:
        choices = "\n".join(
            f'<label><input type="radio" name="kind" value="{escape(kind)}" required><i data-icon="{escape(kind)}"></i>'
            f"<span>{self.kind(kind)}</span></label>"
            for kind in kinds
        )
        return f'<fieldset class="kinds"><legend>{self.say("kind")}</legend>\n{choices}\n</fieldset>'

    def _words_of(self) -> str:
        say = self.say
        return (
            f'<label class="words"><span>{say("text")}</span><textarea name="text" rows="3" maxlength="{_TEXT}" '
            f'placeholder="{say("text_hint")}"></textarea></label>'
        )

    def _pictures(self) -> str:
        say = self.say
        return (
            f'<div class="pictures"><label><span>{say("pictures")}</span>'
            f'<input type="file" name="pictures" accept="image/jpeg,image/png" multiple data-most="{MOST_PICTURES}"></label>'
            f'<ul class="previews"></ul><p class="quiet">{say("pictures_hint")}</p></div>'
        )

    def _place(self) -> str:
        say, page = self.say, self.page
        if page.places:
            options = "".join(f'<option value="{escape(code)}">{escape(name)}</option>' for code, name in page.places)
            chosen = f'<select name="grid">{options}<option value="">{say("place_none")}</option></select>'
        else:
            chosen = f"<b>{say('place_here', place=page.here)}</b>"
        return (
            f'<fieldset class="place"><legend>{say("place")}</legend>{chosen}'
            f'<button class="locate" type="button" hidden>{say("locate")}</button><p class="position" role="status"></p>'
            f'<p class="quiet consent" hidden>{say("consent")}</p>'
            f'<label><span>{say("address")}</span><input name="address" maxlength="200" autocomplete="off"></label></fieldset>'
        )

    def _phone(self) -> str:
        say = self.say
        return (
            f'<label class="phone"><span>{say("phone")}</span><input name="phone" type="tel" inputmode="tel" maxlength="32" '
            f'autocomplete="tel" pattern="\\+?[\\d \\-]{{5,31}}"><small class="quiet">{say("phone_hint")}</small></label>'
        )

    def _own(self, own: Sequence[tuple[Filed, Alert | None]]) -> str:
        rows = [
            f'<li><a href="{escape(self.page.address)}/{escape(filed.id)}?lang={self.page.language}"><b>{self.kind(filed.report.kind)}</b>'
            f"<span>{self._time(filed)}</span><span>{self.say(case.handling.value if case else 'waiting')}</span></a></li>"
            for filed, case in own
        ]
        kept = "" if self.page.origin is Origin.PATROL else " data-kept hidden"  # filled by the telephone itself
        if not rows and not kept:
            return ""
        return f'<section class="own"{kept}><h2>{self.say("mine")}</h2><ul>{"".join(rows)}</ul></section>'

    def _time(self, filed: Filed) -> str:
        return filed.report.received_at.astimezone(CHINA).strftime("%m-%d %H:%M")

    def _raw(self, key: str) -> str:
        """Words with their placeholders, for the script to fill."""
        table = self._words.tables.get(self.page.language) or self._words.tables["zh"]
        return escape(table[SECTION][key])
