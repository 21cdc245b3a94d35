// The forms that move the limit of a service clock: what each needs, and the limit that comes of it, before it is said (docs/clocks.md).

import { h } from "./dom.js";
import { choice, ends, field, form, operator, other, place, reason } from "./form.js";
import { serverNow } from "./live.js";
import { at, t, word } from "./say.js";

const UNITS = ["hours", "days", "working_hours", "working_days"];
const MINUTES = { hours: 60, days: 1440 };
const FORMS = { pause, extend, agree };

/** Begin a verb on a clock: a resumption is said at once, the others ask in `where`. */
export function beginClock(verb, clock, where, on) {
  if (verb === "resume") on.act("resume", "", { clock: clock.name });
  else place(where, FORMS[verb](clock, where, on));
}

/** What all three need: a reason, and the approval of somebody else. */
function asked(verb, clock, where, on, { parts, more, outcome }) {
  const why = reason(t("field.reason"), t("samples." + verb).split("|"));
  const who = other(t("field.approved_by"), () => [operator()]);
  const told = h("p.outcome", { "aria-live": "polite" });
  const off = () => where.replaceChildren();
  const made = form(`${t("act." + verb)} · ${word("clock", clock.name)}`, [...parts, why.element, who.element, told], {
    say: () => {
      const said = outcome();
      told.textContent = said || t("outcome.missing");
      return said && why.input.value.trim().length > 1 && who.value() ? t("confirm.do", { what: t("act." + verb) }) : "";
    },
    send: async () => { if (await on.act(verb, why.input.value.trim(), { clock: clock.name, approved_by: who.value(), ...more() })) off(); },
    off,
  });
  return made.element;
}

function pause(clock, where, on) {
  const until = ends(t("field.until"), [60, 240, 1440, 4320], serverNow, null);
  until.input.dataset.first = "true";
  return asked("pause", clock, where, on, {
    parts: [until.element],
    more: () => ({ until: until.value() }),
    outcome: () => (until.value() && Date.parse(until.value()) > serverNow() ? t("outcome.pause", { due: at(clock.due), until: at(until.value()) }) : ""),
  });
}

function extend(clock, where, on) {
  const amount = h("input", { type: "number", min: 0.5, max: 8784, step: 0.5, value: 2, required: true, "data-first": true });
  const unit = choice(t("field.unit"), UNITS.map((one) => [one, t("per." + one)]), "hours");
  return asked("extend", clock, where, on, {
    parts: [field(t("field.amount"), amount), unit.element],
    more: () => ({ amount: Number(amount.value), unit: unit.value() }),
    outcome: () => {
      if (!(Number(amount.value) > 0)) return "";
      const minutes = MINUTES[unit.value()];
      const due = at(clock.due);
      return minutes ? t("outcome.extend", { due, next: at(Date.parse(clock.due) + Number(amount.value) * minutes * 60000) }) : t("outcome.extend_working", { due, n: amount.value, unit: t("per." + unit.value()) });
    },
  });
}

function agree(clock, where, on) {
  const date = h("input", { type: "date", required: true, "data-first": true });
  return asked("agree", clock, where, on, {
    parts: [field(t("field.date"), date)],
    more: () => ({ date: date.value }),
    outcome: () => (date.value && Date.parse(date.value + "T23:59:59+08:00") > serverNow() ? t("outcome.agree", { due: at(clock.due), date: date.value }) : ""),
  });
}
