// One case: how far it is, what may be done, why it is believed, who answers for the place, and everything that happened.

import { ask, callers, fieldsOf } from "./ask.js";
import { band } from "./bands.js";
import { deskParts, drawDesk } from "./case-desk.js";
import { hushed } from "./clocks.js";
import { h, keyed, still } from "./dom.js";
import { icon, shape } from "./icons.js";
import { orders } from "./orders.js";
import { chip, countdown, place, raised } from "./queue.js";
import { drawReports } from "./reported.js";
import { at, lasting, stateWord, t, word } from "./say.js";
import { beginTriage, drawSending, sendingParts } from "./sending.js";

const STEPS = ["raised_at", "acked_at", "dispatched_at", "accepted_at", "on_scene_at", "handled_at", "verified_at", "closed_at"];
const VERBS = [
  "acknowledge", "undo", "dispatch", "give-back", "accept", "contact", "arrive", "check-in", "handle", "verify", "close", "rate", "reopen", "split",
  "triage", "grade", "merge", "void", "false-alarm",
];
const RARE = ["split", "triage", "grade", "merge", "void", "false-alarm"]; // at the end of the row
const FIRST = { new: "acknowledge", acknowledged: "dispatch", dispatched: "accept", accepted: "arrive", on_scene: "handle", handled: "verify", verified: "close" };

let drawn = "";
let parts = {};

/** Draw the chosen case; `on` has act(verb, note) and back(). With nothing chosen, say what one can do. */
export function drawCase(pane, whole, on) {
  if (!whole) {
    drawn = "";
    pane.replaceChildren(h("div.empty", {}, icon("check", "big"), h("span", {}, t("empty.case"))));
    return;
  }
  const name = whole.alert.id + document.documentElement.lang;
  if (drawn !== name) skeleton(pane, whole, on);
  drawn = name;
  const { alert } = whole;
  pane.dataset.level = alert.level;
  parts.head.replaceChildren(...head(alert));
  parts.steps.replaceChildren(...steps(alert));
  actions(alert, on);
  drawSending(parts, whole, (to) => unfold("dispatch", alert, on, { to }));
  drawDesk(parts, whole, on);
  drawReports(parts.reports, whole);
  still(parts.orders, [alert.orders, alert.area, alert.members], () => orders(alert));
  still(parts.owed, [alert.owed, alert.may], () => callers(alert, (call, content) => say("call-back", on, { call, content })));
  still(parts.evidence, [alert.origins, alert.text, alert.count, alert.value, alert.subjects, alert.placed_by, alert.rules, alert.policy], () => evidence(alert));
  still(parts.ladder, [whole.ladder, whole.notices], () => ladder(whole));
  const names = people(whole);
  keyed(parts.timeline, [...whole.timeline].reverse(), {
    key: (entry) => String(entry.seq),
    stamp: () => Object.keys(names).length + document.documentElement.lang,
    draw: (entry) => line(entry, names),
  });
}

function skeleton(pane, whole, on) {
  const note = h("input.note", { maxlength: 2000, placeholder: t("note.placeholder"), "aria-label": t("note.placeholder"), autocomplete: "off" });
  parts = {
    head: h("header.case-head"), steps: h("ol.steps"), buttons: h("div.buttons"), asking: h("div"), owed: h("div"), orders: h("div"), reports: h("section.reported"), note,
    evidence: h("div.evidence"), ladder: h("ol.ladder"), timeline: h("ol.timeline"), may: "", ...deskParts(), ...sendingParts(),
  };
  note.addEventListener("keydown", (event) => {
    // Enter that ends an input method's composition is not an order.
    if (event.key === "Enter" && !event.isComposing && event.keyCode !== 229) say("note", on);
  });
  pane.replaceChildren(
    h("button.back", { type: "button", onclick: on.back }, icon("back"), t("back")),
    parts.head,
    h("section", { "aria-label": t("section.steps") }, parts.steps), parts.scene,
    h("section.acting", {}, h("div.verbs", {}, parts.buttons, parts.further), parts.asking, parts.sending, h("div.noting", {}, note, h("button", { type: "button", onclick: () => say("note", on) }, t("act.note")))),
    parts.clocks, parts.whistle, parts.reports, parts.orders, parts.owed,
    h("div.columns", {},
      h("section", {}, h("h3", {}, t("section.evidence")), parts.evidence),
      h("section", {}, h("h3", {}, t("section.ladder")), parts.ladder)),
    h("section", {}, h("h3", {}, t("section.timeline")), parts.timeline),
  );
  pane.scrollTop = 0;
}

function head(alert) {
  return [
    h("div.title", {},
      h("span.badge.large", {}, shape(alert.level), h("b", {}, word("level", alert.level))),
      icon(alert.kind, "kind"), h("h2", {}, `${word("kind", alert.kind)} · ${place(alert)}`),
      h("span.spacer"), band("band", alert.elapsed), h("time.age.large", alert.over ? {} : { "data-since": raised(alert) }, "")),
    h("p.quiet.facts", {},
      chip(alert), h("span.condition." + alert.condition, {}, word("condition", alert.condition)),
      h("span", {}, alert.grid_names.join(" › ")), h("span", {}, t("since", { at: at(alert.stages.event_at ?? raised(alert)) })),
      standing(alert), hushed(alert)),
  ];
}

function standing(alert) {
  if (alert.over) return alert.outcome ? h("span", {}, alert.outcome) : null;
  if (alert.handling !== "new") return h("span", {}, t("quiet"));
  return countdown(alert) ?? (alert.steps ? h("span", {}, t("next.ended")) : null);
}

function steps(alert) {
  const last = Math.max(...STEPS.map((stage, index) => (alert.stages[stage] ? index : -1)));
  return STEPS.map((stage, index) => {
    const reached = alert.stages[stage];
    const state = reached ? "reached" : index < last ? "skipped" : "ahead";
    return h("li." + state, {}, h("i", {}, reached ? icon("check") : ""), h("b", {}, t("stage." + stage)), h("time", {}, reached ? at(reached).split(" ").pop() : ""));
  });
}

function actions(alert, on) {
  const may = JSON.stringify([alert.may, alert.handling, alert.owed.length > 0]);
  if (parts.may === may) return;
  parts.may = may;
  parts.buttons.replaceChildren(
    ...VERBS.filter((verb) => alert.may.includes(verb)).map((verb) => {
      const kind = verb === FIRST[alert.handling] ? ".primary" : RARE.includes(verb) ? ".last" : "";
      const begin = () => (verb === "triage" ? questions(alert, on) : fieldsOf(verb, alert).length ? unfold(verb, alert, on) : say(verb, on));
      return h("button" + kind, { type: "button", "data-verb": verb, onclick: begin }, t("act." + verb));
    }),
  );
}

function questions(alert, on) {
  const note = () => parts.note.value.trim();
  const act = (verb, words, more) => on.act(verb, words, more).then((done) => { if (done) parts.note.value = ""; return done; });
  beginTriage(parts.asking, alert, { act }, note).catch((error) => console.warn("questions", error.message));
}

function unfold(verb, alert, on, values = {}) {
  const off = () => parts.asking.replaceChildren();
  parts.asking.replaceChildren(ask(verb, alert, { values, on: (more) => say(verb, on, more).then((done) => { if (done) off(); }), off }));
}

function say(verb, on, more = {}) {
  const words = parts.note.value.trim();
  if (verb === "note" && !words) {
    parts.note.focus();
    return Promise.resolve(false);
  }
  return on.act(verb, words, more).then((done) => {
    if (done) parts.note.value = "";
    return done;
  });
}

function evidence(alert) {
  return [
    h("ul.senses", {}, ...["sensor", "camera", "hotline", "patrol", "resident", "system"].filter((o) => o !== "system" || alert.origins.includes(o)).map((origin) =>
      h("li" + (alert.origins.includes(origin) ? ".on" : ""), {}, icon(origin), word("origin", origin)))),
    alert.text ? h("p", {}, word("text", alert.text)) : null,
    h("p.quiet", {}, [alert.count > 1 ? t("count", { n: alert.count }) : "", alert.value === null ? "" : t("value", { value: Math.round(alert.value * 1000) / 1000 })].filter(Boolean).join(" · ")),
    h("p.codes", {}, ...alert.subjects.slice(0, 12).map((subject) => h("code", {}, subject))),
    h("p.quiet", {}, [t("placed." + alert.placed_by), alert.rules.join(", "), alert.policy ? t("policy", { policy: alert.policy }) : ""].filter(Boolean).join(" · ")),
  ].filter(Boolean);
}

function ladder(whole) {
  const newest = new Map();
  for (const notice of whole.notices) if (notice.reason !== "resolved") newest.set(notice.person + notice.channel, notice);
  return whole.ladder.map((rung) =>
    h("li", {},
      h("b", {}, rung.name), h("span.quiet", {}, word("grid", rung.level)),
      rung.people.length
        ? h("ul", {}, ...rung.people.map((person) => h("li", {},
            h("span", {}, person.name), h("span.quiet", {}, `${word("role", person.role)} ${person.phone}`),
            ...["sms", "voice", "log"].map((channel) => newest.get(person.id + channel)).filter(Boolean).map((notice) =>
              h("span.who." + notice.state, {}, icon(notice.channel), stateWord(notice.channel, notice.state))))))
        : h("span.vacant", {}, t("vacant"))));
}

function people(whole) {
  const names = {};
  for (const rung of whole.ladder) for (const person of rung.people) names[person.id] = person.name;
  for (const notice of whole.notices) names[notice.person] = notice.name || names[notice.person];
  for (const rung of whole.ladder) names[rung.code] = rung.name;
  return names;
}

const BY_PEOPLE = [
  "acknowledged", "undone", "confirmed", "dispatched", "given_back", "accepted", "contacted", "arrived", "handled", "verified", "called_back", "closed",
  "rated", "false_alarm", "voided", "graded", "triaged", "checked_in", "merged", "split", "took_in", "let_go", "reopened", "note",
];
const TONE = { worse: "bad", raised: "bad", returned: "bad", failed: "bad", not_told: "bad", check_in_due: "bad", check_in_missed: "bad", cleared: "good", closed: "good", answered: "good", shown: "faint", sent: "faint", sending: "faint", delivered: "faint" };

function line(entry, names) {
  const tone = TONE[entry.what] ?? (BY_PEOPLE.includes(entry.what) ? "person" : "");
  const by = entry.by && entry.by !== "tocsin" && entry.what !== "shown" ? names[entry.by] ?? entry.by : "";
  return h("li" + (tone ? "." + tone : ""), {},
    h("time", {}, at(entry.at)),
    h("div", {}, h("b", {}, word("what", entry.what)), by ? h("span.by", {}, by) : null, h("span", {}, told(entry, names)), h("span.quiet", {}, reason(entry))));
}

function reason(entry) {
  const quiet = entry.detail.quiet && entry.detail.quiet !== entry.why ? entry.detail.quiet : "";
  return [entry.why && entry.what !== "told" ? word("why", entry.why) : "", quiet ? word("why", quiet) : ""].filter(Boolean).join("；");
}

/** What an entry has to add, in words. */
function told(entry, names) {
  const { detail } = entry;
  if (entry.what === "told") {
    const by = new Map();
    for (const [person, channel] of detail.told ?? []) by.set(person, [...(by.get(person) ?? []), word("channel", channel)]);
    return word("reason", detail.reason) + " → " + [...by].map(([person, channels]) => `${names[person] ?? person} ${channels.join("+")}`).join("，");
  }
  const said = [];
  if (detail.origin) said.push(word("origin", detail.origin), detail.subject);
  else if (detail.subject) said.push(detail.subject);
  if (detail.from && detail.level) said.push(`${word("level", detail.from)} → ${word("level", detail.level)}`);
  if (detail.from && detail.to) said.push(`${word("level", detail.from)} → ${word("level", detail.to)}`);
  if (detail.value !== undefined && detail.value !== null) said.push(String(Math.round(detail.value * 1000) / 1000));
  if (detail.person) said.push(names[detail.person] ?? detail.person);
  if (detail.channel) said.push(word("channel", detail.channel));
  if (entry.what === "skipped" && detail.what) said.push(names[detail.what] ?? word("channel", detail.what));
  if (detail.to && !detail.from) said.push(names[detail.to] ?? detail.to);
  if (detail.via && detail.via !== "desk") said.push(t("via", { via: word("channel", detail.via) }));
  if (detail.approved_by) said.push(t("approved", { by: detail.approved_by }));
  if (detail.finding) said.push(t("finding." + detail.finding));
  if (detail.call) said.push(detail.call);
  if (detail.score && entry.what === "rated") said.push(t("score", { n: detail.score }));
  if (detail.taken_by) said.push(names[detail.taken_by] ?? detail.taken_by);
  if (detail.clock) said.push(word("clock", detail.clock));
  if (entry.what === "order_report") said.push(detail.order, t("written." + detail.report));
  if (entry.what === "order_moved") said.push(detail.order, detail.unit, detail.state);
  if (entry.what === "in_area") said.push(detail.area);
  if (entry.what === "member") said.push(detail.case);
  if (detail.silent_s) said.push(t("silent", { time: lasting(detail.silent_s) }));
  if (detail.company) said.push(t("company"));
  if (entry.what === "triaged") said.push(t("triage.score", { n: detail.score }), ...(detail.said?.[document.documentElement.lang] ?? []));
  if (detail.until) said.push(t("clock.due", { at: at(detail.until) }));
  said.push(detail.note, detail.text, detail.outcome, detail.unreached, detail.error);
  return said.filter(Boolean).join(" ");
}
