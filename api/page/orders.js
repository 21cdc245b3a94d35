// The hotline's orders that a case is about: how each stands with its units, until when, and what its platform has heard of it.

import { h } from "./dom.js";
import { at, t } from "./say.js";

const MOST = 50;

/** The orders of a case, and the area incident it is part of or the calls that are part of it. */
export function orders(alert) {
  const found = [];
  if (alert.area) found.push(h("p.area", {}, t("area.part"), " ", h("code", {}, alert.area)));
  if (alert.members.length) found.push(h("p.area", {}, t("area.members", { n: alert.members.length })));
  if (!alert.orders.length) return found;
  return [
    ...found,
    h("h3", {}, t("section.orders", { n: alert.orders.length })),
    h("ul.owed.orders", {}, ...alert.orders.slice(0, MOST).map(one)),
  ];
}

function one(order) {
  const stands = order.stands.map((stand) => [stand.unit, stand.state].filter(Boolean).join(" ")).join(" · ");
  const told = order.told.map((report) => t("written." + report)).join(" → ");
  return h("li", {},
    h("code", {}, order.number),
    ...(order.secret ? [h("strong", {}, t("order.secret"))] : []),
    h("span", {}, [order.category, order.title].filter(Boolean).join("：")),
    ...(order.due_at ? [h("span", {}, t("order.due", { at: at(order.due_at) }))] : []),
    ...(stands ? [h("small", {}, stands)] : []),
    h("small", {}, told ? t("order.told", { told }) : t("order.untold")));
}

/** What a platform is told, in words. */
export function written(text) {
  const said = JSON.parse(text);
  return [said.order_no, t("written." + said.report), said.text].filter(Boolean).join(" ");
}
