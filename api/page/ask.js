// What some moves need beside a remark: another's approval, a level, another case, whom was told.

import { h } from "./dom.js";
import { t, word } from "./say.js";
import { choices } from "./sending.js";

const LEVELS = ["red", "orange", "yellow", "blue"];
const FINDINGS = ["founded", "unfounded", "duplicate", "not_responsible", "test"];
const FIELDS = {
  dispatch: ["to"], arrive: ["company"], void: ["approved_by"], grade: ["level", "approved_by"], merge: ["into"], verify: ["approved_by"], close: ["finding", "unreached"], rate: ["score"],
};
const CHOICES = {
  level: () => LEVELS.map((level) => [level, word("level", level)]),
  finding: () => FINDINGS.map((finding) => [finding, t("finding." + finding)]),
  score: () => [5, 4, 3, 2, 1].map((score) => [score, String(score)]),
  company: () => [["", t("field.company.no")], ["true", t("field.company.yes")]],
  to: (alert) => choices(alert.id),
};

/** Whether a move has fields of its own. `unreached` is only asked while somebody is owed a word. */
export const fieldsOf = (verb, alert) => (FIELDS[verb] ?? []).filter((name) => name !== "unreached" || alert.owed.length);

/** A form for a move; `on(values)` when it is confirmed, `off()` when it is put away. */
export function ask(verb, alert, { on, off, values = {} }) {
  const inputs = fieldsOf(verb, alert).map((name) => [name, field(name, alert, values[name] ?? "")]);
  const form = h("form.ask", {
    onsubmit: (event) => {
      event.preventDefault();
      const said = inputs.map(([name, input]) => [name, name === "score" ? Number(input.value) : name === "company" ? input.value === "true" : input.value.trim()]);
      on(Object.fromEntries(said.filter(([, value]) => value !== "")));
    },
  },
    h("b", {}, t("act." + verb)),
    ...inputs.map(([name, input]) => h("label", {}, t("field." + name), input)),
    h("button.primary", { type: "submit" }, t("confirm")),
    h("button", { type: "button", onclick: off }, t("cancel")));
  queueMicrotask(() => inputs[0]?.[1].focus());
  return form;
}

function field(name, alert, value) {
  if (!CHOICES[name]) return h("input", { maxlength: 500, autocomplete: "off", name });
  return h("select", { name }, ...CHOICES[name](alert).map(([key, label]) => h("option", { value: key, selected: value !== "" && key === value }, label)));
}

/** Callers who are owed a word, each with what they said to it; `on(call, content)`. */
export function callers(alert, on) {
  if (!alert.owed.length) return [];
  const mayTell = alert.may.includes("call-back");
  return [
    h("h3", {}, t("section.owed", { n: alert.owed.length })),
    h("ul.owed", {}, ...alert.owed.slice(0, 50).map((caller) => h("li", {},
      h("code", {}, caller.call),
      ...(mayTell ? [
        h("button", { type: "button", onclick: () => on(caller.call, true) }, t("owed.content")),
        h("button", { type: "button", onclick: () => on(caller.call, false) }, t("owed.dissatisfied")),
      ] : [])))),
  ];
}
