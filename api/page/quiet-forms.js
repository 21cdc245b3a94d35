// The forms that make a silence, a maintenance window or a drill. Each shows what it would keep shut just now, and until when, before it does.

import { aboutFields, previewed } from "./about.js";
import { post } from "./api.js";
import { h } from "./dom.js";
import { ends, field, form, instant, local, operator, reason, several, text, tokens } from "./form.js";
import { findPerson, personName } from "./known.js";
import { serverNow } from "./live.js";
import { at, lasting, t } from "./say.js";

const DAYS = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
const LENGTHS = [30, 60, 120, 240, 480, 1440];
const LIMITS = { silence_s: 7200, approved_s: 604800, drill_s: 14400, recurring_s: 31622400 };

/** A form filled in with `values`; `done(rule)` after it was made. */
export function quietForm(sort, values, { cases, limits, off, done }) {
  const about = aboutFields(values.about);
  const told = h("p.outcome", { "aria-live": "polite" });
  const own = { silence, window: maintenance, drill }[sort](values, limits ?? LIMITS);
  const seen = previewed(about.value, { cases, told: () => made.tell() });
  const made = form(t("quiet.new." + sort), [about.element, ...own.parts, told, seen.element], {
    say: () => {
      const said = about.empty() ? "" : own.outcome(about.value());
      told.textContent = said;
      told.hidden = !said;
      return said && seen.known() && own.ready() ? t("quiet.confirm." + sort, { n: seen.known().held, ...own.named() }) : "";
    },
    send: async () => done(await post(own.path, { about: about.value(), by: operator(), ...own.body() })),
    off,
  });
  made.element.addEventListener("input", seen.look);
  seen.look();
  made.tell();
  return made.element;
}

function silence(values, limits) {
  const why = reason(t("field.reason"), t("samples.silence").split("|"), { value: values.reason ?? null, maxlength: 500 });
  const until = ends(t("field.until"), LENGTHS, serverNow, values.longer ? Math.max(serverNow(), Date.parse(values.longer)) + 3600000 : serverNow() + (values.minutes ?? 60) * 60000);
  const from = serverNow();
  if (!values.reason) why.input.dataset.first = "true";
  const seconds = () => (Date.parse(until.value()) - from) / 1000;
  return {
    path: "/silences",
    parts: [values.longer ? h("p.quiet", {}, t("quiet.longer", { at: at(values.longer) })) : null, until.element, why.element],
    body: () => ({ reason: why.input.value.trim(), ends_at: until.value() }),
    named: () => ({ until: at(until.value()) }),
    ready: () => why.input.value.trim().length > 1 && seconds() <= limits.approved_s,
    outcome: () => {
      if (!until.value() || seconds() <= 0) return "";
      if (seconds() > limits.approved_s) return t("outcome.too_long", { most: lasting(limits.approved_s) });
      const how = t("outcome.silence", { until: at(until.value()) });
      return seconds() > limits.silence_s ? how + t("outcome.silence_long", { alone: lasting(limits.silence_s), at: at(from + limits.silence_s * 1000) }) : how;
    },
  };
}

function maintenance(values, limits) {
  const days = several(t("field.days"), DAYS.map((day) => [day, t("day." + day)]), values.days ?? []);
  const start = h("input", { type: "time", required: true, value: "22:00" });
  const stop = h("input", { type: "time", required: true, value: "02:00" });
  const last = h("input", { type: "date", required: true, value: local(serverNow() + 30 * 86400000).slice(0, 10) });
  const why = reason(t("field.reason"), t("samples.window").split("|"));
  const until = () => instant(last.value + "T23:59");
  return {
    path: "/silences/maintenance",
    parts: [days.element, h("div.pair", {}, field(t("field.start"), start), field(t("field.stop"), stop), field(t("field.last"), last)), why.element],
    body: () => ({ days: days.values(), daytime: `${start.value}-${stop.value}`, until_at: until(), reason: why.input.value.trim() }),
    named: () => ({}),
    ready: () => why.input.value.trim().length > 1,
    outcome: (about) => {
      if (!about.kinds.length) return t("outcome.window_kinds");
      if (!days.values().length || !start.value || !stop.value || !last.value || Date.parse(until()) <= serverNow()) return "";
      if (Date.parse(until()) - serverNow() > limits.recurring_s * 1000) return t("outcome.too_long", { most: lasting(limits.recurring_s) });
      return t("outcome.window", { days: days.values().map((day) => t("day." + day)).join(t("list.and")), time: `${start.value}–${stop.value}`, last: last.value });
    },
  };
}

function drill(values, limits) {
  const name = text({ required: true, minlength: 2, maxlength: 120, "data-first": true });
  const people = tokens(t("field.people"), { find: findPerson, show: personName, hint: t("field.people.hint") });
  const start = h("input", { type: "datetime-local", required: true, value: local(serverNow() + 600000) });
  const from = () => Date.parse(instant(start.value) ?? new Date(serverNow()).toISOString());
  const until = ends(t("field.until"), [30, 60, 120, 240], from, from() + 3600000);
  const seconds = () => (Date.parse(until.value()) - from()) / 1000;
  return {
    path: "/silences/drills",
    parts: [field(t("field.drill"), name), people.element, field(t("field.from"), start), until.element],
    body: () => ({ name: name.value.trim(), people: people.values(), starts_at: instant(start.value), ends_at: until.value() }),
    named: () => ({}),
    ready: () => name.value.trim().length > 1 && people.values().length > 0,
    outcome: (about) => {
      if (!about.grids.length && !about.subjects.length && !about.gateways.length) return t("outcome.drill_place");
      if (!start.value || !until.value() || seconds() <= 0) return "";
      if (seconds() > limits.drill_s) return t("outcome.too_long", { most: lasting(limits.drill_s) });
      return t("outcome.drill", { from: at(from()), until: at(until.value()), n: people.values().length });
    },
  };
}
