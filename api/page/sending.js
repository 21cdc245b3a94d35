// Before somebody is sent and while they are there: whom one could send and why, who is at the scene, and the questions that say how bad it
// is (docs/dispatch.md). It recommends; whoever sits here decides.

import { get } from "./api.js";
import { band } from "./bands.js";
import { h, still } from "./dom.js";
import { choice, form, place } from "./form.js";
import { icon } from "./icons.js";
import { personName } from "./known.js";
import { at, lasting, t, tongue, word } from "./say.js";

const SHOWN = 5;
const known = { id: "", asked: "", found: null };

/** The places on the case's page: `scene` under the steps, `sending` under the verbs. */
export function sendingParts() {
  return {
    scene: h("section.scene", { hidden: true }),
    sending: h("section.sending", { "aria-label": t("section.suggested"), hidden: true }),
  };
}

/** Draw both; `fill(person)` begins a dispatch with somebody filled in. */
export function drawSending(parts, whole, fill) {
  const { alert } = whole;
  parts.scene.hidden = !alert.scene;
  still(parts.scene, [alert.scene, personName(alert.scene?.person)], () => (alert.scene ? scene(alert.scene) : []));
  const may = alert.may.includes("dispatch");
  parts.sending.hidden = !may || known.id !== alert.id || !known.found;
  if (may) ask(alert, () => drawSending(parts, whole, fill));
  if (!parts.sending.hidden) still(parts.sending, [alert.id, known.found], () => suggested(known.found, fill));
}

/** Whom a dispatch can name: nobody in particular first, then those recommended, then the others on duty. */
export function choices(id) {
  const found = known.id === id ? known.found : null;
  const people = found ? [...found.people, ...found.aside] : [];
  return [["", t("field.to.nobody")], ...people.map((one) => [one.id, `${one.name} · ${one.grid_name}`])];
}

function ask(alert, again) {
  const asked = `${alert.id}/${alert.version}`;
  if (known.asked === asked) return;
  known.asked = asked;
  get(`/alerts/${encodeURIComponent(alert.id)}/recommendation`)
    .then((found) => { if (known.asked === asked) { Object.assign(known, { id: alert.id, found }); again(); } })
    .catch((error) => console.warn("recommendation", error.message));
}

function suggested(found, fill) {
  return [
    h("h3", {}, t("section.suggested"), h("span.quiet", {}, t("suggested.hint"))),
    found.people.length
      ? h("ol.suggested", {}, ...found.people.slice(0, SHOWN).map((one) => person(one, fill)))
      : h("p.shortfall", { role: "status" }, icon("band_warn"), h("b", {}, t("suggested.none")), h("span", {}, found.shortfall.map(missing).join("；"))),
    found.aside.length
      ? h("details.aside", {}, h("summary", {}, t("suggested.aside", { n: found.aside.length })), h("ul.suggested", {}, ...found.aside.map((one) => person(one, null))))
      : null,
  ].filter(Boolean);
}

function person(one, fill) {
  return h("li", {},
    h("div", {}, h("b", {}, one.name), h("span.quiet", {}, word("role", one.role)), h("span.grounds", {}, one.because.map(ground).join(" · "))),
    fill ? h("button", { type: "button", "data-fill": one.id, onclick: () => fill(one.id) }, t("suggested.fill")) : null);
}

/** One ground in words, with what it measures. */
function ground(why) {
  const far = why.metres === null ? "" : why.metres < 1000 ? t("unit.m", { n: why.metres }) : t("unit.km", { n: Math.round(why.metres / 100) / 10 });
  return t("ground." + why.ground, { name: why.name, far, time: why.seconds === null ? "" : lasting(why.seconds), n: why.count ?? "" });
}

const missing = (why) => (why.count === null ? ground(why) : t("ground.of", { why: ground({ ...why, count: null }), n: why.count }));

function scene(there) {
  const who = there.person ? personName(there.person) : there.by;
  return [
    band("scene", there.bands),
    h("span", {}, there.company ? t("scene.company", { who }) : t("scene.who", { who, at: at(there.heard_at) })),
  ].filter(Boolean);
}

/** Ask the questions of a case's kind in `where`; `on.act` records the answers. */
export async function beginTriage(where, alert, on, note) {
  const asked = await get(`/alerts/${encodeURIComponent(alert.id)}/questions`);
  const off = () => where.replaceChildren();
  const say = (words) => words[tongue()] ?? words.zh;
  const given = asked.given?.answers ?? {};
  const parts = asked.questions.map((one) => [one, choice(say(one.words), one.answers.map((answer) => [answer.id, say(answer.words)]), given[one.id])]);
  const told = h("p.outcome", { "aria-live": "polite" });
  const answers = () => Object.fromEntries(parts.map(([one, picked]) => [one.id, picked.value()]).filter(([, value]) => value));
  const made = form(t("section.triage"), [
    h("p.quiet", {}, t("triage.read")), ...parts.map(([, picked]) => picked.element),
    asked.given ? h("p.quiet", {}, t("triage.was", { by: asked.given.by, at: at(asked.given.at), n: asked.given.score })) : null, told,
  ].filter(Boolean), {
    say: () => {
      told.textContent = outcome(asked, answers());
      return Object.keys(answers()).length ? t("triage.say") : "";
    },
    send: async () => { if (await on.act("triage", note(), { answers: answers() })) off(); },
    off,
  });
  place(where, made.element);
  made.element.querySelector("input:checked, input")?.focus();
}

/** What the answers come to so far. */
function outcome(asked, answers) {
  const weights = asked.questions.flatMap((one) => one.answers.filter((answer) => answers[one.id] === answer.id).map((answer) => answer.weight));
  const score = weights.reduce((sum, weight) => sum + weight, 0);
  const level = asked.makes.filter((one) => one.score <= score).pop()?.level;
  return [t("triage.score", { n: score }), level ? t("triage.makes", { level: word("level", level) }) : ""].filter(Boolean).join(" · ");
}
