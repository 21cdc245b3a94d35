// The queue: worst and newest first, patched row by row, so that nothing jumps under a hand or an eye.

import { band } from "./bands.js";
import { h, keyed } from "./dom.js";
import { icon, shape } from "./icons.js";
import { stateWord, t, word } from "./say.js";

const RANK = { red: 3, orange: 2, yellow: 1, blue: 0 };
const SHOWN = 1000;
const RECENT = 300000; // what ended less than five minutes ago stays in sight

export const FILTERS = {
  open: (alert) => !alert.over,
  new: (alert) => alert.handling === "new",
  active: (alert) => !alert.over && alert.handling !== "new",
  over: (alert) => alert.over,
};

const instants = new WeakMap();

/** When it was raised, in milliseconds: read once for each row that comes, since a long queue is put in order often. */
function raisedAt(alert) {
  if (!instants.has(alert)) instants.set(alert, Date.parse(raised(alert)));
  return instants.get(alert);
}

/** Worst first, then newest. */
export function order(a, b) {
  return RANK[b.level] - RANK[a.level] || raisedAt(b) - raisedAt(a) || (a.id > b.id ? -1 : 1);
}

export const raised = (alert) => alert.stages.raised_at ?? alert.stages.event_at ?? alert.last_seen;
export const ended = (alert) => alert.stages.closed_at ?? alert.last_seen;

/** The last two names of the place: the township's last village and the grid are what people say. */
export function place(alert) {
  if (!alert.grid_names.length) return alert.grid || t("unplaced");
  return alert.grid_names.slice(-1)[0];
}

/** The names above it. */
export function above(alert) {
  return alert.grid_names.slice(1, -1).filter((name) => !place(alert).startsWith(name)).join(" ");
}

/** Which rows a filter shows. What has just ended stays below the open ones for a while. */
export function visible(alerts, { filter, grid, now }) {
  const wanted = [...alerts].filter((alert) => !grid || alert.grid === grid || alert.township === grid);
  const rows = wanted.filter(FILTERS[filter]).sort(filter === "over" ? (a, b) => Date.parse(ended(b)) - Date.parse(ended(a)) : order);
  if (filter === "open") {
    rows.push(...wanted.filter((a) => a.over && now - Date.parse(ended(a)) < RECENT).sort(order));
  }
  return rows.slice(0, SHOWN);
}

/** Draw the rows into a list; `on` has open(alert) and acknowledge(alert). */
export function drawQueue(list, rows, { filter, selected, on }) {
  const stale = list.firstElementChild?.classList.contains("empty") ? list.firstElementChild : null;
  if (!rows.length) {
    if (list.dataset.empty !== filter + document.documentElement.lang) {
      list.replaceChildren(h("li.empty", {}, h("strong", {}, t("empty." + filter)), filter === "open" ? h("span", {}, t("empty.hint")) : null));
      list.dataset.empty = filter + document.documentElement.lang;
    }
    return;
  }
  delete list.dataset.empty;
  stale?.remove();
  keyed(list, rows, {
    key: (alert) => alert.id,
    stamp: (alert) => JSON.stringify([alert.version, alert.told, alert.grid_names, alert.id === selected, document.documentElement.lang]),
    draw: (alert) => row(alert, alert.id === selected, on),
  });
}

function row(alert, selected, on) {
  const fresh = alert.handling === "new";
  const classes = ["row", alert.level, fresh ? "ringing" : "", alert.over ? "over" : "", selected ? "selected" : ""];
  const open = h(
    "button.open", { type: "button", tabindex: -1, "data-focus": "open", "aria-current": selected ? "true" : null, onclick: () => on.open(alert) },
    h("span.badge", {}, shape(alert.level), h("b", {}, word("level", alert.level))),
    h("span.body", {},
      h("span.line", {}, icon(alert.kind, "kind"), h("strong", {}, word("kind", alert.kind)), h("span.place", {}, place(alert)), alert.count > 1 ? h("span.count", {}, t("count", { n: alert.count })) : null),
      h("span.line.quiet", {}, chip(alert), origins(alert), h("span.above", {}, above(alert))),
      h("span.line.quiet.told", {}, ...told(alert)),
    ),
    h("span.side-line", {}, age(alert), band("band", alert.elapsed, { only: true }), band("scene", alert.scene?.bands, { only: true }), countdown(alert)),
  );
  const acknowledge = fresh && alert.may.includes("acknowledge");
  const button = acknowledge ? h("button.quick", { type: "button", tabindex: -1, "data-focus": "ack", onclick: () => on.acknowledge(alert) }, t("act.quick")) : null;
  return h("li." + classes.filter(Boolean).join("."), {}, open, button);
}

/** How people stand with it. */
export function chip(alert) {
  return h("span.chip." + (alert.over ? "done" : alert.handling === "new" ? "fresh" : "hand"), {}, word("handling", alert.handling));
}

function origins(alert) {
  return h("span.origins", {}, ...alert.origins.map((origin) => h("span", { title: word("origin", origin) }, icon(origin), h("i.off-screen", {}, word("origin", origin)))));
}

function told(alert) {
  if (!alert.told.length) return alert.over ? [] : [t("told.none")];
  return alert.told.slice(-2).map((one) =>
    h("span.who." + one.state, {}, icon(one.channel), `${one.name || word("role", one.role)} ${stateWord(one.channel, one.state)}`));
}

function age(alert) {
  const since = alert.over ? null : raised(alert);
  return since ? h("time.age", { "data-since": since }, "") : h("span.age", {}, "");
}

/** When the next step of the chain is due, or that it need not be. */
export function countdown(alert) {
  if (alert.over || !alert.escalate_at || alert.handling !== "new") return null;
  return h("span.due", { "data-until": alert.escalate_at }, "");
}
