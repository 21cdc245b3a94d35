// The service clocks of a case and what keeps its bell shut: how much time is left, in colour, icon and words.

import { h } from "./dom.js";
import { at, t, word } from "./say.js";

/** A chip for each clock that runs or stands; those that have stopped are history and stand on the timeline. */
export function clocks(alert) {
  return (alert.clocks ?? []).filter((clock) => ["running", "paused"].includes(clock.state)).map((clock) =>
    h("span.clock." + clock.colour, { title: t("clock.used", { n: Math.round(clock.fraction * 100) }) },
      h("b", {}, word("clock", clock.name)),
      clock.state === "paused" ? t("clock.paused") : clock.fraction >= 1 ? t("clock.late") : t("clock.due", { at: at(clock.due) })));
}

/** Why the bell is kept shut and until when; nothing when it is not. */
export function hushed(alert) {
  if (!alert.quiet) return null;
  return h("span.hushed", {}, t("hushed", { why: word("why", alert.quiet.reason), at: at(alert.quiet.until) }));
}
