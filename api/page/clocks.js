// The service clocks of a case and what keeps its bell shut: how much time is left, in colour, in words, and what may be done about it.

import { beginClock } from "./clock-forms.js";
import { h, keyed } from "./dom.js";
import { serverNow } from "./live.js";
import { at, t, word } from "./say.js";

/** Draw the clocks that run or stand still; `box` has a list and a place for a form. `on.act(verb, note, more)` answers whether it was done. */
export function drawClocks(box, alert, on) {
  if (!box.firstChild) box.append(h("ul.clock-rows"), h("div.form-place"));
  const [list, where] = box.children;
  const rows = (alert.clocks ?? []).filter((clock) => ["running", "paused"].includes(clock.state));
  box.hidden = !rows.length;
  keyed(list, rows, {
    key: (clock) => clock.name,
    stamp: (clock) => JSON.stringify([clock.state, clock.due, clock.colour, clock.matter, alert.over, Date.parse(clock.due) <= serverNow(), document.documentElement.lang]),
    draw: (clock) => row(clock, alert, where, on),
  });
}

function row(clock, alert, where, on) {
  const over = clock.due && Date.parse(clock.due) <= serverNow();
  const verbs = alert.over || over ? [] : clock.state === "paused" ? ["resume"] : ["pause", "extend", ...(clock.name === "close" ? ["agree"] : [])];
  const used = Math.min(100, Math.round(clock.fraction * 100));
  const bar = h("i");
  bar.style.width = used + "%";
  return h("li.clock-row." + clock.colour, {},
    h("b", {}, word("clock", clock.name)),
    h("span.bar", { title: t("clock.used", { n: Math.round(clock.fraction * 100) }) }, bar),
    h("span.left", {},
      clock.state === "paused" ? t("clock.paused") : over ? t("clock.late") : h("span", { "data-left": clock.due }, ""),
      h("span.quiet", {}, clock.state === "paused" && clock.next ? t("clock.goes_on", { at: at(clock.next) }) : t("clock.due", { at: at(clock.due) })),
      clock.colour === "yellow" ? h("b.soon", {}, t("clock.soon")) : null,
      clock.matter ? h("span.quiet", {}, word("matter", clock.matter)) : null),
    h("span.clock-verbs", {}, ...(over && !alert.over ? [h("span.quiet", {}, t("clock.breached"))] : verbs.map((verb) =>
      h("button", { type: "button", "data-focus": verb, onclick: () => beginClock(verb, clock, where, on) }, t("act." + verb))))));
}

/** Why the bell is kept shut and until when; nothing when it is not. */
export function hushed(alert) {
  if (!alert.quiet) return null;
  return h("span.hushed", {}, t("hushed", { why: word("why", alert.quiet.reason), at: at(alert.quiet.until) }));
}
