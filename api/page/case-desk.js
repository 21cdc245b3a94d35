// What the desk adds to a case: its clocks as rows, its whistle, and the buttons that open the forms of both and of a silence.

import { drawClocks } from "./clocks.js";
import { h, still } from "./dom.js";
import { t } from "./say.js";
import { openSheet } from "./sheets.js";
import { beginWhistle, drawWhistle, mayBlow } from "./whistle.js";

/** The places on the case's page; `clocks` and `whistle` go where they are to be seen, `further` beside the verbs. */
export function deskParts() {
  return {
    clocks: h("section.case-clocks", { "aria-label": t("section.clocks"), hidden: true }),
    whistle: h("section.case-whistle", { "aria-label": t("section.whistle"), hidden: true }),
    further: h("div.buttons.further"),
  };
}

export function drawDesk(parts, whole, on) {
  const { alert } = whole;
  drawClocks(parts.clocks, alert, on);
  const again = () => drawDesk(parts, whole, on);
  drawWhistle(parts.whistle, whole, again);
  const blow = mayBlow(alert);
  still(parts.further, [alert.id, alert.over, alert.subjects, blow], () => (alert.over ? [] : [
    h("button", { type: "button", "data-verb": "silence", onclick: () => silence(alert) }, t("quiet.from_case")),
    blow ? h("button", { type: "button", "data-verb": "whistle", onclick: () => beginWhistle(parts.whistle, alert) }, t("whistle.begin")) : null,
  ].filter(Boolean)));
}

/** A silence for what this case is about: its kind from its devices, for an hour. */
function silence(alert) {
  openSheet("silences", { make: "silence", values: { about: { kinds: [alert.kind], subjects: alert.subjects.slice(0, 20), ...(alert.subjects.length ? {} : { grids: [alert.grid].filter(Boolean) }) }, minutes: 60 } });
}
