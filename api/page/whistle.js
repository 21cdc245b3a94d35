// The whistle of a case (吹哨报到): blowing it, and then every unit's part with what may be said for it, until all reports are accepted.

import { get, post } from "./api.js";
import { h, keyed, toast } from "./dom.js";
import { form, once, operator, place } from "./form.js";
import { serverNow } from "./live.js";
import { at, t } from "./say.js";
import { acceptForm, attendForm, blowForm, callOffForm, nameForm, reportForm, sendBackForm } from "./whistle-forms.js";

let plan = null; // the standard matters and the departments, read once
let known = { id: "", whistles: [] };
let again = () => {};

/** Draw a case's whistles into `box`; `whole` is the case as it is drawn. `redraw` runs when they have been read. */
export function drawWhistle(box, whole, redraw) {
  const { alert } = whole;
  again = redraw;
  if (!box.firstChild) box.append(h("ol.whistles"), h("div.form-place"));
  const [list, where] = box.children;
  if (known.id !== alert.id) { known = { id: alert.id, whistles: [], version: -1 }; where.replaceChildren(); }
  if (known.version !== alert.version) read(alert);
  const shown = known.whistles.slice(-3).reverse();
  box.hidden = !shown.length && !where.childElementCount;
  keyed(list, shown, {
    key: (whistle) => String(whistle.number),
    stamp: (whistle) => JSON.stringify([whistle, document.documentElement.lang]),
    draw: (whistle) => card(whistle, where),
  });
}

/** Whether a case can be whistled for: it is not over, and no whistle of it is open. */
export const mayBlow = (alert) => !alert.over && !(known.id === alert.id && known.whistles.some((one) => one.over_at === null));

/** Open the form that blows the whistle of the case that is drawn. */
export async function beginWhistle(box, alert) {
  try {
    plan ??= await get("/whistles/matters");
  } catch (error) {
    toast(error.message, true);
    return;
  }
  const where = box.lastElementChild;
  if (!where || known.id !== alert.id) return;
  box.hidden = false;
  place(where, blowForm(plan, { send: (body) => say("", body), off: () => { where.replaceChildren(); again(); } }));
}

async function read(alert) {
  known.version = alert.version;
  try {
    const { whistles } = await get("/whistles/" + encodeURIComponent(alert.id));
    if (known.id !== alert.id) return;
    known.whistles = whistles;
    again();
  } catch (error) {
    console.warn("whistles", error.message); // read again with the case's next change
  }
}

/** Say something about the whistle; what comes back is the whistle as it is now. */
async function say(path, body, key = "") {
  const id = known.id;
  const now = await post(`/whistles/${encodeURIComponent(id)}${path}`, body, key);
  if (known.id === id) known.whistles = [...known.whistles.filter((one) => one.number !== now.number), now].sort((a, b) => a.number - b.number);
  again();
}

function card(whistle, where) {
  const open = whistle.over_at === null;
  const late = whistle.overdue ? ".late" : "";
  const off = () => { where.replaceChildren(); again(); };
  const ask = (make, path, ...more) => place(where, make(...more, { send: async (body) => { await say(path, body); off(); }, off }));
  const owes = whistle.owing.attend.length + whistle.owing.report.length + (whistle.owing.name && !whistle.tasks.length ? 1 : 0);
  return h("li.whistle" + late, {},
    h("div.rule-line", {},
      h("span.chip" + (open ? ".hand" : ""), {}, t("whistle." + whistle.standing)),
      h("b", {}, matter(whistle)), h("span.quiet", {}, t(whistle.standard ? "whistle.standard" : "whistle.other")),
      h("span.spacer"),
      open ? h("span.left" + late, { "data-left": whistle.deadline }, "") : h("time.quiet", {}, at(whistle.over_at))),
    h("p.quiet", {}, [whistle.by, at(whistle.at), whistle.note, t("whistle.deadline", { at: at(whistle.deadline) }), whistle.owing.name && whistle.name_by ? t("whistle.name_by", { at: at(whistle.name_by) }) : "", whistle.over_by ? t("whistle.over_by", { by: whistle.over_by }) : ""].filter(Boolean).join(" · ")),
    whistle.tasks.length ? h("table.units", {},
      h("caption.off-screen", {}, t("whistle.units")),
      h("thead", {}, h("tr", {}, ...["unit", "state", "attend", "report", "verbs"].map((name) => h("th", { scope: "col" }, t("whistle.col." + name))))),
      h("tbody", {}, ...whistle.tasks.map((task) => unit(task, open, ask)))) : null,
    open ? h("div.rule-verbs", {},
      h("button" + (whistle.owing.name ? ".primary" : ""), { type: "button", "data-focus": "name", onclick: () => naming(whistle, ask) }, t(whistle.tasks.length ? "whistle.do.name_more" : "whistle.do.name")),
      owes ? h("button", { type: "button", "data-focus": "remind", onclick: () => place(where, reminding(whistle, owes, off)) }, t("whistle.do.remind", { n: owes })) : null,
      h("button", { type: "button", "data-focus": "off", onclick: () => ask(callOffForm, "/call-off", whistle) }, t("whistle.do.off"))) : null);
}

const matter = (whistle) => plan?.matters.find((one) => one.key === whistle.matter)?.name ?? whistle.matter;

async function naming(whistle, ask) {
  try {
    plan ??= await get("/whistles/matters");
    ask(nameForm, "/units", plan, whistle);
  } catch (error) {
    toast(error.message, true);
  }
}

function reminding(whistle, n, off) {
  const key = once();
  return form(t("whistle.do.remind", { n }), [h("p.outcome", {}, t("outcome.remind_units", { units: owing(whistle) || t("whistle.county") }))], {
    say: () => t("confirm.do", { what: t("whistle.do.remind", { n }) }),
    send: async () => { await say("/remind", { by: operator() }, key); off(); },
    off,
  }).element;
}

const owing = (whistle) => whistle.tasks.filter((task) => [...whistle.owing.attend, ...whistle.owing.report].includes(task.unit)).map((task) => task.name).join(t("list.and"));

function unit(task, open, ask) {
  const path = `/units/${encodeURIComponent(task.unit)}`;
  const verbs = {
    called: [["attend", attendForm]], attended: [["report", reportForm]], returned: [["report", reportForm]],
    reported: [["accept", acceptForm], ["send-back", sendBackForm]],
  };
  const late = task.overdue ? ".late" : "";
  return h("tr" + late, {},
    h("th", { scope: "row" }, task.name, task.lead ? h("span.chip.hand", {}, t("whistle.lead")) : null),
    h("td", {}, h("span.chip.task." + task.state, {}, t("task." + task.state)), task.overdue ? h("b.late", {}, t("whistle.late")) : null, task.reminded ? h("span.quiet", {}, t("whistle.reminded", { n: task.reminded })) : null),
    h("td", {}, task.attended_at ? h("span", {}, at(task.attended_at), " ", h("span.quiet", {}, task.attended_by)) : h("span.left", { "data-left": open ? task.attend_by : null }, open ? "" : "—")),
    h("td.report", {}, task.report || "—", task.reported_at ? h("span.quiet", {}, ` ${at(task.reported_at)} ${task.reported_by}`) : null, task.returned_why ? h("span.wrong", {}, t("whistle.returned", { why: task.returned_why })) : null, task.score ? h("span.quiet", {}, t("score", { n: task.score })) : null),
    h("td", {}, ...(open ? verbs[task.state] ?? [] : []).map(([verb, make]) => h("button", { type: "button", "data-focus": verb + task.unit, onclick: () => ask(make, `${path}/${verb}`, task) }, t("whistle.do." + verb)))));
}
