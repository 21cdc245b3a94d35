// The forms of a whistle. What is said for a unit says who said it there and who wrote it down, so that somebody else can judge a report.

import { h } from "./dom.js";
import { choice, ends, field, form, operator, reason, several, text } from "./form.js";
import { serverNow } from "./live.js";
import { at, lasting, t } from "./say.js";

const OTHER = "*"; // no key of a matter looks like it

/** A township whistles: a matter of the list goes to its departments, any other to the county centre. */
export function blowForm(plan, { send, off }) {
  const matter = choice(t("whistle.matter"), [...plan.matters.map((one) => [one.key, one.name]), [OTHER, t("whistle.another")]], plan.matters.length ? null : OTHER);
  const words = text({ maxlength: 100, "data-first": plan.matters.length ? null : true });
  const said = field(t("whistle.words"), words, t("whistle.public"));
  const note = text({ maxlength: 500 });
  const deadline = ends(t("whistle.own_deadline"), [240, 480, 1440, 4320], serverNow, null);
  deadline.input.required = false;
  const told = h("p.outcome", { "aria-live": "polite" });
  const listed = () => plan.matters.find((one) => one.key === matter.value());
  const name = (unit) => plan.departments.find((one) => one.id === unit)?.name ?? unit;
  const outcome = () => {
    if (!matter.value()) return "";
    const by = deadline.value() ?? new Date(serverNow() + (listed()?.deadline_s ?? plan.deadline_s) * 1000).toISOString();
    if (Date.parse(by) <= serverNow()) return "";
    if (!listed()) return words.value.trim() ? t("outcome.whistle_other", { within: lasting(plan.name_s), at: at(by) }) : "";
    const [lead, ...others] = listed().departments.map(name);
    return t("outcome.whistle", { units: [t("whistle.leading", { unit: lead }), ...others].join(t("list.and")), within: lasting(listed().attend_s), at: at(by) });
  };
  return form(t("whistle.blow"), [matter.element, said, field(t("whistle.note"), note, t("whistle.public")), deadline.element, told], {
    say: () => {
      said.hidden = matter.value() !== OTHER;
      const now = outcome();
      told.textContent = now;
      told.hidden = !now;
      return now ? t("confirm.do", { what: t("whistle.blow") }) : "";
    },
    send: async () => { await send({ by: operator(), matter: listed()?.key ?? words.value.trim(), note: note.value.trim(), deadline: deadline.value() }); off(); },
    off,
  }).element;
}

/** The county centre names units, and who leads. A joint deadline only with the first units of a matter that is not listed. */
export function nameForm(plan, whistle, { send, off }) {
  const there = whistle.tasks.map((task) => task.unit);
  const left = plan.departments.filter((one) => !there.includes(one.id));
  const units = several(t("whistle.units"), left.map((one) => [one.id, one.name]));
  const lead = h("select", {});
  const deadline = ends(t("whistle.own_deadline"), [240, 480, 1440, 4320], serverNow, null);
  deadline.input.required = false;
  const first = !there.length && !whistle.standard;
  const told = h("p.outcome", { "aria-live": "polite" });
  const name = (id) => plan.departments.find((one) => one.id === id)?.name ?? id;
  const leads = () => {
    const may = [...there, ...units.values()];
    const before = may.includes(lead.value) ? lead.value : whistle.lead || may[0] || "";
    lead.replaceChildren(...may.map((id) => h("option", { value: id, selected: id === before }, name(id))));
  };
  const made = form(t(there.length ? "whistle.do.name_more" : "whistle.do.name"), [units.element, field(t("whistle.lead"), lead), first ? deadline.element : null, told], {
    say: () => {
      leads();
      const chosen = units.values();
      const by = first && deadline.value() ? deadline.value() : whistle.deadline;
      const moved = lead.value && lead.value !== whistle.lead;
      told.textContent = chosen.length ? t("outcome.named", { units: chosen.map(name).join(t("list.and")), lead: name(lead.value), at: at(by) }) : moved ? t("outcome.lead", { lead: name(lead.value) }) : "";
      return chosen.length || (there.length && moved) ? t("confirm.do", { what: t("whistle.do.name") }) : "";
    },
    send: () => send({ by: operator(), units: units.values(), lead: lead.value, ...(first && deadline.value() ? { deadline: deadline.value() } : {}) }),
    off,
  });
  return made.element;
}

/** Who said it at the unit; on the timeline stands that the desk wrote it down. */
function speaker(task) {
  const who = text({ required: true, maxlength: 30, value: task.name });
  const by = () => (who.value.trim() === operator() ? operator() : t("whistle.for", { who: who.value.trim(), by: operator() }).slice(0, 64));
  return { who, by, element: field(t("whistle.speaker"), who, t("whistle.speaker.hint")) };
}

export function attendForm(task, { send, off }) {
  const said = speaker(task);
  const note = text({ maxlength: 500, "data-first": true });
  return form(`${t("whistle.do.attend")} · ${task.name}`, [said.element, field(t("field.note"), note)], {
    say: () => (said.who.value.trim() ? t("confirm.do", { what: t("whistle.do.attend") }) : ""),
    send: () => send({ by: said.by(), note: note.value.trim() }),
    off,
  }).element;
}

export function reportForm(task, { send, off }) {
  const said = speaker(task);
  const words = h("textarea", { rows: 3, maxlength: 2000, required: true, "data-first": true });
  return form(`${t("whistle.do.report")} · ${task.name}`, [said.element, field(t("whistle.report"), words)], {
    say: () => (said.who.value.trim() && words.value.trim() ? t("confirm.do", { what: t("whistle.do.report") }) : ""),
    send: () => send({ by: said.by(), text: words.value.trim() }),
    off,
  }).element;
}

export function acceptForm(task, { send, off }) {
  const score = choice(t("field.score"), [["", t("whistle.unscored")], ...[5, 4, 3, 2, 1].map((n) => [String(n), String(n)])], "");
  const note = text({ maxlength: 500, "data-first": true });
  return form(`${t("whistle.do.accept")} · ${task.name}`, [h("blockquote", {}, task.report), score.element, field(t("field.note"), note)], {
    say: () => t("confirm.do", { what: t("whistle.do.accept") }),
    send: () => send({ by: operator(), note: note.value.trim(), ...(score.value() ? { score: Number(score.value()) } : {}) }),
    off,
  }).element;
}

export function sendBackForm(task, { send, off }) {
  const why = reason(t("field.reason"), t("samples.send_back").split("|"), { maxlength: 200, "data-first": true });
  return form(`${t("whistle.do.send-back")} · ${task.name}`, [h("blockquote", {}, task.report), why.element], {
    say: () => (why.input.value.trim() ? t("confirm.do", { what: t("whistle.do.send-back") }) : ""),
    send: () => send({ by: operator(), note: why.input.value.trim() }),
    off,
  }).element;
}

export function callOffForm(whistle, { send, off }) {
  const why = reason(t("field.reason"), [], { maxlength: 200, "data-first": true });
  return form(t("whistle.do.off"), [why.element, h("p.outcome", {}, t("outcome.off", { n: whistle.tasks.length }))], {
    say: () => (why.input.value.trim() ? t("confirm.do", { what: t("whistle.do.off") }) : ""),
    send: () => send({ by: operator(), note: why.input.value.trim() }),
    off,
  }).element;
}
