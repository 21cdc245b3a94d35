// Instructions downward: those there are, how far each has come, and one with its receipts: who has not, and what can be done about it.

import { get, post } from "./api.js";
import { h, keyed, toast } from "./dom.js";
import { choice, form, once, operator, place, reason, text, field } from "./form.js";
import { instructForm } from "./instruct.js";
import { gridName, personName } from "./known.js";
import { at, t, word } from "./say.js";

const RECEIPTS = ["waiting", "delivered", "read", "accepted", "done"];
const PAGE = 200;

let list = null;
let whole = null; // the instruction that is open, with a page of its people
let parts = {};

export const instructionsSheet = () => ({
  count: () => (list ? list.instructions.filter((one) => one.standing === "open" && one.owing).length : 0),
  tally: readList,
  read: async () => { await readList(); drawList(); if (parts.chosen) await readOne(); },
  build,
});

async function readList() {
  list = await get("/instructions?limit=50");
}

function build(box, { make }) {
  parts = { where: h("div.form-place"), list: h("ul.orders"), one: h("section.order-whole", { hidden: true, "aria-label": t("order.one") }), chosen: "", all: false };
  whole = null;
  const begin = () => place(parts.where, instructForm({ off: () => parts.where.replaceChildren(), done: (sent) => { parts.where.replaceChildren(); toast(t("order.sent", { n: sent.people })); choose(sent.id); } }));
  box.replaceChildren(h("div.sheet-bar", {}, h("button.primary", { type: "button", onclick: begin }, t("order.new"))), parts.where, parts.one, parts.list);
  if (make) begin();
  return Boolean(make);
}

function drawList() {
  if (!list || !parts.list?.isConnected) return;
  if (!list.instructions.length) {
    parts.list.replaceChildren(h("li.empty", {}, t("order.none")));
    return;
  }
  parts.list.querySelector(":scope > .empty")?.remove();
  keyed(parts.list, list.instructions, {
    key: (one) => one.id,
    stamp: (one) => JSON.stringify([one, one.id === parts.chosen, document.documentElement.lang]),
    draw: (one) => h("li.order" + (one.id === parts.chosen ? ".selected" : ""), {},
      h("button", { type: "button", "data-focus": "open", "aria-expanded": String(one.id === parts.chosen), onclick: () => choose(one.id === parts.chosen ? "" : one.id) },
        h("span.rule-line", {}, one.urgent ? h("span.chip.urgent", {}, t("order.urgent")) : null, h("span.chip" + (one.standing === "open" ? ".hand" : ""), {}, t(one.standing === "open" && one.fulfilled_at ? "order.fulfilled" : "order.standing." + one.standing)), h("b", {}, one.text)),
        h("span.quiet", {}, `${one.by} · ${at(one.created_at)} · ${toWhom(one)}`),
        progress(one))),
  });
}

const toWhom = (one) => one.to.map((target) => [...(target.areas ?? []).map(gridName), ...(target.levels ?? []).map((level) => word("grid", level)), ...(target.roles ?? []).map((role) => word("role", role)), ...(target.people ?? []).slice(0, 3).map(personName)].join(" ")).join(" + ");

/** How many have come how far: a bar, and the same in words. */
function progress(one) {
  const bar = h("span.receipts", { "aria-hidden": "true" }, ...RECEIPTS.map((receipt) => {
    const part = h("i." + receipt);
    part.style.flexGrow = String(one.receipts[receipt]);
    return part;
  }));
  const words = RECEIPTS.filter((receipt) => one.receipts[receipt]).map((receipt) => `${t("receipt." + receipt)} ${one.receipts[receipt]}`).join(" · ");
  return h("span.progress", {}, bar, h("span", {}, h("b" + (one.owing ? ".late" : ""), {}, one.owing ? t("order.owing", { n: one.owing, all: one.people, receipt: t("receipt." + one.demanded) }) : t("order.all", { receipt: t("receipt." + one.demanded) })), h("span.quiet", {}, words)));
}

function choose(id) {
  parts.chosen = id;
  whole = null;
  parts.one.hidden = !id;
  parts.one.replaceChildren();
  drawList();
  if (id) readOne().then(() => parts.one.querySelector("h3")?.focus()).catch((error) => toast(error.message, true));
  readList().then(drawList);
}

async function readOne() {
  const id = parts.chosen;
  const found = await get(`/instructions/${encodeURIComponent(id)}?limit=${PAGE}${parts.all ? "" : "&owing=true"}`);
  if (id !== parts.chosen) return;
  whole = found;
  drawOne();
}

function drawOne() {
  if (!parts.one.firstChild) skeleton();
  const { instruction, townships, people, after } = whole;
  parts.head.textContent = instruction.text;
  parts.facts.textContent = [instruction.by, at(instruction.created_at), t("order.demands", { receipt: t("receipt." + instruction.demanded) }), instruction.remind_at ? t("order.reminds", { at: at(instruction.remind_at) }) : "", instruction.over_at ? t("order.over", { by: instruction.over_by, at: at(instruction.over_at) }) + instruction.over_why : ""].filter(Boolean).join(" · ");
  parts.progress.replaceChildren(progress(instruction));
  const open = instruction.standing === "open";
  for (const [verb, button] of Object.entries(parts.verbs)) button.hidden = !open || (verb === "remind" && !instruction.owing);
  parts.verbs.remind.textContent = t("order.do.remind", { n: instruction.owing });
  parts.townships.replaceChildren(...townships.filter((one) => one.owing).slice(0, 12).map((one) => h("li", {}, one.name || t("order.elsewhere"), " ", h("b", {}, `${one.owing}/${one.people}`))));
  parts.table.hidden = !people.length;
  parts.nobody.hidden = Boolean(people.length);
  parts.more.hidden = !after;
  keyed(parts.rows, people, {
    key: (one) => one.person,
    stamp: (one) => JSON.stringify([one, open, document.documentElement.lang]),
    draw: (one) => person(one, open),
  });
}

function skeleton() {
  const who = choice(t("order.show"), [["owing", t("order.show.owing")], ["all", t("order.show.all")]], parts.all ? "all" : "owing");
  who.element.addEventListener("input", () => { parts.all = who.value() === "all"; readOne(); });
  const button = (verb, make) => h("button", { type: "button", "data-focus": verb, onclick: () => place(parts.asking, make()) });
  Object.assign(parts, {
    head: h("h3", { tabindex: -1 }), facts: h("p.quiet"), progress: h("div"), asking: h("div.form-place"), townships: h("ul.townships"),
    verbs: { remind: button("remind", reminding), end: button("end", () => over("end")), withdraw: button("withdraw", () => over("withdraw")) },
    rows: h("tbody"), nobody: h("p.empty", {}, t("order.nobody")), more: h("p.quiet", {}, t("order.more", { n: PAGE })),
  });
  parts.verbs.end.textContent = t("order.do.end");
  parts.verbs.withdraw.textContent = t("order.do.withdraw");
  parts.table = h("table.units", {},
    h("caption.off-screen", {}, t("order.receipts")),
    h("thead", {}, h("tr", {}, ...["name", "grid", "receipt", "when", "verbs"].map((name) => h("th", { scope: "col" }, t("order.col." + name))))),
    parts.rows);
  parts.one.replaceChildren(parts.head, parts.facts, parts.progress, h("div.rule-verbs", {}, ...Object.values(parts.verbs)), parts.asking, parts.townships, who.element, parts.table, parts.nobody, parts.more);
}

function person(one, open) {
  const next = RECEIPTS.slice(Math.max(RECEIPTS.indexOf(one.receipt) + 1, 2));
  const times = RECEIPTS.slice(1).filter((receipt) => one.at[receipt]).map((receipt) => `${t("receipt." + receipt)} ${at(one.at[receipt])}`);
  return h("tr" + (one.owes ? ".owes" : ""), {},
    h("th", { scope: "row" }, one.name, h("span.quiet", {}, word("role", one.role))),
    h("td", {}, one.grid_name),
    h("td", {}, h("span.chip.receipt." + one.receipt, {}, t("receipt." + one.receipt)), one.owes ? h("b.late", {}, t("order.has_not")) : null),
    h("td", {}, times.join(" · ") || "—", one.trouble ? h("span.wrong", {}, word("why", one.trouble)) : null, one.note ? h("span.quiet", {}, one.note) : null),
    h("td", {}, open && next.length ? h("button", { type: "button", "data-focus": "note" + one.person, onclick: () => place(parts.asking, noting(one, next)) }, t("order.do.note")) : null));
}

const away = () => parts.asking.replaceChildren();
const path = (rest) => `/instructions/${encodeURIComponent(parts.chosen)}${rest}`;

/** Read what became of it, and put the form away. */
async function after() {
  away();
  await Promise.all([readOne(), readList()]);
  drawList();
}

function noting(one, next) {
  const receipt = choice(t("order.receipt"), next.map((name) => [name, t("receipt." + name)]), next[0]);
  const note = text({ maxlength: 500, "data-first": true });
  return form(t("order.note", { who: one.name }), [receipt.element, field(t("field.note"), note)], {
    say: () => t("confirm.do", { what: t("receipt." + receipt.value()) }),
    send: async () => { await post(path("/receipts"), { person: one.person, receipt: receipt.value(), by: operator(), note: note.value.trim() }); await after(); },
    off: away,
  }).element;
}

function reminding() {
  const key = once();
  const n = whole.instruction.owing;
  return form(t("order.do.remind", { n }), [h("p.outcome", {}, t("outcome.remind_people", { n }))], {
    say: () => t("confirm.do", { what: t("order.do.remind", { n }) }),
    send: async () => { const { told } = await post(path("/remind"), { by: operator() }, key); toast(t("order.reminded", { n: told })); await after(); },
    off: away,
  }).element;
}

function over(how) {
  const why = reason(t("field.reason"), t("samples." + how).split("|"), { "data-first": true });
  return form(t("order.do." + how), [why.element, h("p.outcome", {}, t("outcome.order_" + how, { n: whole.instruction.people }))], {
    say: () => (why.input.value.trim().length > 1 ? t("confirm.do", { what: t("order.do." + how) }) : ""),
    send: async () => { await post(path("/" + how), { by: operator(), why: why.input.value.trim() }); await after(); },
    off: away,
  }).element;
}
