// Silences, maintenance windows and drills: what keeps bells shut just now, what will, what did, and what may be done about each.

import { get, post } from "./api.js";
import { aboutWords, previewed } from "./about.js";
import { h, keyed, toast } from "./dom.js";
import { form, operator, other, place } from "./form.js";
import { personName } from "./known.js";
import { quietForm } from "./quiet-forms.js";
import { at, t } from "./say.js";
import { readSheet } from "./sheets.js";

const GROUPS = ["unapproved", "soon", "active", "waiting", "over"];
const VERB_ORDER = ["approve", "longer", "end"];

let book = null;
let parts = {};

/** What the sheet needs of the page: `cases()` has every case that is known. */
export function silencesSheet(cases) {
  return {
    count: () => (book ? rules(book).filter((one) => one.standing === "active").length : 0),
    tally: read,
    read: async () => { await read(); draw(cases); },
    build: (box, options) => build(box, options, cases),
  };
}

async function read() {
  book = await get("/silences" + (parts.all?.checked ? "?all=true" : ""));
}

function rules({ silences, maintenance, drills }) {
  return [...silences.map((one) => ({ ...one, sort: "silence" })), ...maintenance.map((one) => ({ ...one, sort: "window" })), ...drills.map((one) => ({ ...one, sort: "drill" }))];
}

function build(box, { make, values }, cases) {
  const all = h("input", { type: "checkbox", onchange: readSheet });
  parts = { all, where: h("div.form-place"), list: h("div.groups"), drawn: "" };
  const begin = (sort, filled) => place(parts.where, quietForm(sort, filled, { cases, limits: book?.limits, off: () => parts.where.replaceChildren(), done: made }));
  parts.begin = begin;
  box.replaceChildren(
    h("div.sheet-bar", {},
      ...["silence", "window", "drill"].map((sort) => h("button", { type: "button", onclick: () => begin(sort, {}) }, t("quiet.new." + sort))),
      h("span.spacer"), h("label.check", {}, all, t("quiet.all"))),
    parts.where, parts.list);
  if (!make) return false;
  // The limits are part of what the form tells, so it waits for them.
  (book ? Promise.resolve() : read()).then(() => { if (parts.where.isConnected) begin(make, values ?? {}); }).catch((error) => toast(error.message, true));
  return true;
}

function made(rule) {
  parts.where.replaceChildren();
  toast(rule.standing === "unapproved" || rule.needs_approval ? t("quiet.made.waits") : t("quiet.made"));
  readSheet();
}

function group(rule) {
  if (rule.standing === "over") return "over";
  if (rule.standing === "unapproved" || (rule.needs_approval && !rule.approved_by)) return "unapproved";
  if (rule.ends_soon) return "soon";
  return rule.standing;
}

function draw(cases) {
  if (!book || !parts.list?.isConnected) return;
  const now = JSON.stringify([book, document.documentElement.lang]);
  if (parts.drawn === now || parts.list.querySelector("form.big")) return; // what has the focus keeps it, and what is being filled in stays
  parts.drawn = now;
  const found = rules(book);
  const shown = GROUPS.map((name) => [name, found.filter((one) => group(one) === name)]).filter(([, some]) => some.length);
  if (!shown.length) {
    parts.list.replaceChildren(h("p.empty", {}, t("quiet.none")));
    return;
  }
  parts.list.querySelector(":scope > .empty")?.remove();
  keyed(parts.list, shown, {
    key: ([name]) => name,
    stamp: ([, some]) => JSON.stringify([some, document.documentElement.lang]),
    draw: ([name, some]) => h("section.group." + name, { "aria-label": t("quiet.group." + name) }, h("h3", {}, t("quiet.group." + name), h("b", {}, String(some.length))), h("ul.rules", {}, ...some.map((rule) => row(rule, cases)))),
  });
}

function row(rule, cases) {
  const asking = h("div.form-place");
  const history = h("ul.history");
  const may = { approve: rule.standing !== "over" && group(rule) === "unapproved", longer: rule.sort === "silence" && rule.standing !== "over", end: rule.standing !== "over" };
  const act = { approve: () => place(asking, approving(rule, asking)), longer: () => parts.begin("silence", { about: rule.about, reason: rule.reason, longer: rule.until }), end: () => place(asking, ending(rule, asking, cases)) };
  return h("li.rule." + rule.sort, {},
    h("div.rule-line", {},
      h("span.chip", {}, t("quiet.sort." + rule.sort)),
      h("b", {}, rule.sort === "drill" ? `${rule.name} · ${aboutWords(rule.about)}` : aboutWords(rule.about)),
      h("span.spacer"),
      rule.standing === "active" && rule.sort !== "window" ? h("span.left", { "data-left": rule.until }, "") : null),
    h("p.quiet", {}, [when(rule), rule.reason, t("quiet.by", { by: rule.by }), ...approvals(rule), rule.ended_by ? t("quiet.ended_by", { by: rule.ended_by }) : ""].filter(Boolean).join(" · ")),
    h("div.rule-verbs", {},
      ...VERB_ORDER.filter((verb) => may[verb]).map((verb) => h("button", { type: "button", "data-focus": verb, onclick: act[verb] }, t("quiet.do." + verb))),
      h("details", { ontoggle: (event) => { if (event.target.open) tell(rule, history); } }, h("summary", {}, t("quiet.history")), history)),
    asking);
}

function when(rule) {
  if (rule.sort === "window") return t("quiet.when.window", { days: rule.days.map((day) => t("day." + day)).join(t("list.and")), time: rule.daytime, until: at(rule.until_at) });
  return t("quiet.when", { from: at(rule.starts_at), until: at(rule.until) });
}

function approvals(rule) {
  if (rule.sort === "drill") return [rule.approved_by.length ? t("approved", { by: rule.approved_by.join(t("list.and")) }) : "", rule.missing ? t("quiet.missing", { n: rule.missing }) : "", t("quiet.people", { people: rule.people.map(personName).join(t("list.and")) })];
  if (rule.sort === "silence" && rule.approved_by) return [t("approved", { by: rule.approved_by })];
  return rule.sort === "silence" && rule.needs_approval ? [t("quiet.until_approved", { at: at(rule.ends_at) })] : [];
}

async function tell(rule, list) {
  try {
    const { changes } = await get("/silences/" + rule.id);
    list.replaceChildren(...changes.map((one) => h("li", {}, h("time", {}, at(one.at)), " ", t("quiet.change." + one.what), " ", one.by)));
  } catch (error) {
    list.replaceChildren(h("li.wrong", {}, error.message));
  }
}

function approving(rule, where) {
  const known = [rule.by, ...[rule.approved_by].flat()].filter(Boolean);
  const who = other(t("field.approved_by"), () => known, known.includes(operator()) ? "" : operator());
  const off = () => where.replaceChildren();
  return form(t("quiet.do.approve"), [h("p.outcome", {}, outcomeOfApproval(rule)), who.element], {
    say: () => (who.value() ? t("confirm.do", { what: t("quiet.do.approve") }) : ""),
    send: async () => { await post(`/silences/${rule.id}/approve`, { by: who.value() }); off(); readSheet(); },
    off,
  }).element;
}

function outcomeOfApproval(rule) {
  if (rule.sort !== "drill") return t("outcome.approve", { until: at(rule.ends_at) });
  return rule.missing > 1 ? t("outcome.approve_first") : t("outcome.approve_drill", { n: rule.people.length });
}

function ending(rule, where, cases) {
  const seen = previewed(() => rule.about, { cases, told: () => made.tell(), ending: true });
  const off = () => where.replaceChildren();
  const made = form(t("quiet.do.end"), [h("p.outcome", {}, t(rule.standing === "active" ? "outcome.end" : "outcome.end_early")), rule.standing === "active" ? seen.element : null], {
    say: () => t("confirm.do", { what: t("quiet.do.end") }),
    send: async () => { await post(`/silences/${rule.id}/end`, { by: operator() }); off(); readSheet(); },
    off,
  });
  if (rule.standing === "active") seen.look();
  return made.element;
}
