// All open whistles: what is to be done, who owes what, and until when. Each leads to its case, where its verbs are.

import { get } from "./api.js";
import { h, keyed } from "./dom.js";
import { choice } from "./form.js";
import { at, t } from "./say.js";

const OWING = ["", "name", "attend", "report", "accept"];

let found = null;
let parts = {};

/** What the sheet needs of the page: `choose(id)` opens a case. */
export function whistlesSheet(choose) {
  return {
    count: () => found?.whistles.length ?? 0,
    tally: read,
    read: async () => { await read(); draw(choose); },
    build: (box) => build(box, choose),
  };
}

async function read() {
  found = await get("/whistles");
}

function build(box, choose) {
  const owing = choice(t("whistles.owing"), OWING.map((one) => [one, t("whistles.owing." + (one || "any"))]), "");
  parts = { owing, table: h("tbody"), none: h("p.empty", {}, t("whistles.none")), more: h("p.quiet", { hidden: true }, t("whistles.more")) };
  owing.element.addEventListener("input", () => draw(choose));
  parts.whole = h("table.units.whistle-list", {},
    h("caption.off-screen", {}, t("sheet.whistles")),
    h("thead", {}, h("tr", {}, ...["matter", "place", "waits", "deadline"].map((name) => h("th", { scope: "col" }, t("whistles.col." + name))))),
    parts.table);
  box.replaceChildren(h("div.sheet-bar", {}, owing.element), parts.whole, parts.none, parts.more);
  return false;
}

function draw(choose) {
  if (!found || !parts.whole?.isConnected) return;
  const wanted = parts.owing.value();
  const rows = found.whistles.filter((one) => !wanted || (wanted === "name" ? one.owing.name : one.owing[wanted].length));
  parts.whole.hidden = !rows.length;
  parts.none.hidden = Boolean(rows.length);
  parts.more.hidden = !found.more;
  keyed(parts.table, rows, {
    key: (one) => one.alert,
    stamp: (one) => JSON.stringify([one, document.documentElement.lang]),
    draw: (one) => row(one, choose),
  });
}

function row(one, choose) {
  const name = (unit) => one.tasks.find((task) => task.unit === unit)?.name ?? unit;
  const waits = ["attend", "report", "accept"].filter((what) => one.owing[what].length);
  return h("tr" + (one.overdue || one.tasks.some((task) => task.overdue) ? ".late" : ""), {},
    h("th", { scope: "row" }, h("button.link-like", { type: "button", "data-focus": "open", onclick: () => choose(one.alert) }, one.matter), h("span.quiet", {}, `${one.by} · ${at(one.at)}`)),
    h("td", {}, one.grid_names.slice(-2).join(" › ")),
    h("td", {}, h("ul", {},
      one.owing.name ? h("li", {}, h("b", {}, t("whistles.owing.name")), t("whistle.county")) : null,
      ...waits.map((what) => h("li", {}, h("b", {}, t("whistles.owing." + what)), one.owing[what].map(name).join(t("list.and")))))),
    h("td", {}, h("span.left" + (one.overdue ? ".late" : ""), { "data-left": one.deadline }, ""), h("span.quiet", {}, at(one.deadline))));
}
