// Writing an instruction: its words, whom it is for, which receipt is waited for; and before it goes, to how many people and which of them.

import { post } from "./api.js";
import { h } from "./dom.js";
import { choice, field, form, once, operator, several, tokens } from "./form.js";
import { findGrid, findPerson, findRole, gridName, personName } from "./known.js";
import { t, word } from "./say.js";

const LEVELS = ["micro", "grid", "village", "township", "county", "city"];
const DEMANDS = ["", "delivered", "read", "accepted", "done"];
const LONGEST = 500;

/** A form; `done(instruction)` after it was sent. Sending it twice by a lost answer sends it once. */
export function instructForm({ off, done }) {
  const words = h("textarea", { rows: 3, maxlength: LONGEST, required: true, "data-first": true });
  const targets = h("div.targets");
  const all = [];
  const add = () => { const one = target(all.length + 1); all.push(one); targets.append(one.element); };
  const but = tokens(t("order.but"), { find: findPerson, show: personName });
  const demanded = choice(t("order.demanded"), DEMANDS.map((one) => [one, t(one ? "receipt." + one : "order.by_policy")]), "");
  const urgent = several(t("order.how"), [["urgent", t("order.urgent.long")]]);
  const seen = h("div.preview", { "aria-live": "polite" });
  const body = () => ({ by: operator(), text: words.value.trim(), to: all.map((one) => one.value()).filter(named), but: but.values(), demanded: demanded.value() || null, urgent: urgent.values().length > 0 });
  let key = once();
  let keyed = "";
  let asked = "";
  let found = null;
  let timer = 0;
  const look = () => {
    const { to, but: without } = body();
    const wanted = JSON.stringify([to, without]);
    if (wanted === asked) return;
    [asked, found] = [wanted, null];
    clearTimeout(timer);
    if (to.length) timer = setTimeout(() => ask(wanted), 250);
    else seen.replaceChildren(h("p.quiet", {}, t("order.whom")));
  };
  const ask = async (wanted) => {
    let said;
    let answer = null;
    try {
      answer = await post("/instructions/preview", { ...body(), text: words.value.trim() || "…" });
      said = meant(answer);
    } catch (error) {
      said = [h("p.wrong", {}, error.message)];
    }
    if (wanted !== asked) return;
    found = answer;
    seen.replaceChildren(...said);
    made.tell();
  };
  add();
  const made = form(t("order.new"), [
    field(t("order.text"), words, t("order.public")), targets,
    h("button.quick-word", { type: "button", onclick: () => { add(); all.at(-1).focus(); } }, t("order.add")),
    but.element, h("div.pair", {}, demanded.element, urgent.element), seen,
  ], {
    say: () => (found?.people.length && words.value.trim() ? t("order.confirm", { n: found.people.length }) : ""),
    send: async () => {
      const said = body();
      if (keyed && keyed !== JSON.stringify(said)) key = once(); // other words are another instruction
      keyed = JSON.stringify(said);
      done(await post("/instructions", said, key));
    },
    off,
  });
  made.element.addEventListener("input", look);
  look();
  return made.element;
}

const named = (one) => Object.values(one).some((some) => some.length);

function target(number) {
  const areas = tokens(t("order.areas"), { find: findGrid, show: gridName, hint: t("about.grids.hint") });
  const levels = several(t("order.levels"), LEVELS.map((level) => [level, word("grid", level)]));
  const roles = tokens(t("order.roles"), { find: findRole, show: (role) => word("role", role) });
  const people = tokens(t("order.people"), { find: findPerson, show: personName });
  return {
    element: h("fieldset.target", {}, h("legend", {}, t("order.target", { n: number })), h("div.about", {}, areas.element, roles.element, people.element), levels.element),
    focus: () => areas.input.focus(),
    value: () => ({ areas: areas.values(), levels: levels.values(), roles: roles.values(), people: people.values() }),
  };
}

/** How many people, of which roles, the first of them by name, and what leads to nobody. */
function meant({ people, missed }) {
  const byRole = new Map();
  for (const one of people) byRole.set(one.role, (byRole.get(one.role) ?? 0) + 1);
  const first = people.slice(0, 12).map((one) => `${one.name}（${gridName(one.grid)}）`);
  return [
    h("p", {}, h("b", {}, people.length ? t("order.meant", { n: people.length }) : t("order.meant.none")), " ", [...byRole].map(([role, n]) => `${word("role", role)} ${n}`).join(" · ")),
    people.length ? h("p.quiet", {}, first.join(t("list.and")) + (people.length > 12 ? t("list.more", { n: people.length - 12 }) : "")) : null,
    missed.length ? h("details", {}, h("summary", {}, t("order.missed", { n: missed.length })), h("ul", {}, ...missed.slice(0, 100).map((one) => h("li", {}, `${gridName(personName(one.what))}: ${word("why", one.why)}`)))) : null,
  ].filter(Boolean);
}
