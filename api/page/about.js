// What a silence, a window or a drill is about: the fields to say it in, the words to read it by, and what it would do just now.

import { post } from "./api.js";
import { h } from "./dom.js";
import { several, tokens } from "./form.js";
import { best, findGrid, gridName } from "./known.js";
import { t, values, word } from "./say.js";

const LEVELS = ["red", "orange", "yellow", "blue"];
const FIELDS = ["kinds", "levels", "grids", "subjects", "rules", "gateways"];
const SHOW = { kinds: (kind) => word("kind", kind), levels: (level) => word("level", level), grids: gridName };

const findKind = (text) => best(values("kind").map((kind) => ({ value: kind, label: word("kind", kind), hint: kind })), text);

/** Fields for a matcher, filled in with `about`. Rules and gateways lie folded until they are used. */
export function aboutFields(about = {}) {
  const parts = {
    kinds: tokens(t("about.kinds"), { find: findKind, show: SHOW.kinds, values: about.kinds, free: true }),
    levels: several(t("about.levels"), LEVELS.map((level) => [level, word("level", level)]), about.levels),
    grids: tokens(t("about.grids"), { find: findGrid, show: SHOW.grids, values: about.grids, hint: t("about.grids.hint") }),
    subjects: tokens(t("about.subjects"), { values: about.subjects, free: true, hint: t("about.subjects.hint") }),
    rules: tokens(t("about.rules"), { values: about.rules, free: true }),
    gateways: tokens(t("about.gateways"), { values: about.gateways, free: true }),
  };
  const rare = h("details.rare", { open: Boolean(about.rules?.length || about.gateways?.length) }, h("summary", {}, t("about.rare")), parts.rules.element, parts.gateways.element);
  const element = h("div.about", {}, parts.kinds.element, parts.grids.element, parts.subjects.element, parts.levels.element, rare);
  const value = () => Object.fromEntries(FIELDS.map((name) => [name, parts[name].values()]));
  return { element, value, empty: () => FIELDS.every((name) => !parts[name].values().length) };
}

/** A matcher in words: what must all hold. */
export function aboutWords(about) {
  const said = FIELDS.filter((name) => about[name]?.length).map((name) => {
    const some = about[name].map(SHOW[name] ?? ((value) => value));
    return `${t("about." + name)}: ${some.slice(0, 4).join(t("list.or"))}${some.length > 4 ? t("list.more", { n: some.length - 4 }) : ""}`;
  });
  return said.join(" · ");
}

/**
 * Ask what a matcher would keep shut, a moment after the last change. `element` shows the answer; `known()` is the answer to what the fields
 * say now, or null while it is not there. `told` runs when it has come. With `ending` it is told as what rings when the matcher goes.
 */
export function previewed(value, { cases, told, ending = false }) {
  const element = h("div.preview", { "aria-live": "polite" });
  let asked = "";
  let found = null;
  let timer = 0;
  const ask = async (wanted, about) => {
    let refusal = "";
    let answer = null;
    try {
      answer = await post("/silences/preview", about);
    } catch (error) {
      refusal = error.message;
    }
    if (wanted !== asked) return; // the fields have changed meanwhile
    found = answer;
    element.replaceChildren(...(answer ? previewWords(answer, cases(), ending) : [h("p.wrong", {}, refusal)]));
    told();
  };
  const look = () => {
    const about = value();
    const wanted = JSON.stringify(about);
    if (wanted === asked) return;
    asked = wanted;
    found = null;
    clearTimeout(timer);
    if (Object.values(about).every((some) => !some.length)) {
      element.replaceChildren(h("p.quiet", {}, t("preview.empty")));
      return;
    }
    timer = setTimeout(() => ask(wanted, about), 250);
  };
  return { element, look, known: () => found };
}

function previewWords(answer, cases, ending) {
  const named = answer.alerts.map((id) => cases.get(id)).filter(Boolean).slice(0, 6);
  const left = answer.held - named.length;
  return [
    h("p", {}, h("b", {}, ending ? t("preview.ending", { n: answer.held }) : answer.held ? t("preview.held", { n: answer.held }) : t("preview.none")), answer.truncated ? t("preview.truncated") : null),
    named.length ? h("ul", {}, ...named.map((alert) => h("li", {}, `${word("level", alert.level)} · ${word("kind", alert.kind)} · ${alert.grid_names.slice(-1)[0] ?? ""} · ${word("handling", alert.handling)}`)), left > 0 ? h("li.quiet", {}, t("list.more", { n: left })) : null) : null,
    answer.spared && !ending ? h("p.spared", {}, t("preview.spared", { n: answer.spared })) : null,
  ].filter(Boolean);
}
