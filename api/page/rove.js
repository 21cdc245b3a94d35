// A long list under the keyboard and under the eye: one stop of the tab key instead of a thousand, and nothing that moves by itself.

import { h } from "./dom.js";
import { t } from "./say.js";

let stop = null;

/** Make the row with the focus, else the selected one, else the first, the list's only tab stop. Rows are drawn as none. */
export function rove(list) {
  const focused = list.contains(document.activeElement) ? document.activeElement.closest(".row") : null;
  const current = focused ?? list.querySelector(":scope > .row.selected") ?? list.querySelector(":scope > .row");
  if (stop !== current) for (const button of stop?.children ?? []) button.tabIndex = -1;
  for (const button of current?.children ?? []) button.tabIndex = 0;
  stop = current;
}

/**
 * Draw, and leave what is looked at where it is. A list that is scrolled is anchored by the browser; at its top, the row with the focus or
 * under the pointer stays. What has come in above is counted on a button that leads there.
 */
export function anchored(list, pill, draw) {
  const away = list.scrollTop > 0;
  const focused = list.contains(document.activeElement) ? document.activeElement.closest(".row") : null;
  const held = away ? seen(list) : focused ?? list.querySelector(":scope > .row:hover");
  const before = held && !away ? held.getBoundingClientRect().top : 0;
  const [id, above] = held ? [held.dataset.key, index(held)] : ["", 0];
  draw();
  rove(list);
  const now = held?.isConnected ? held : id ? list.querySelector(`:scope > [data-key="${CSS.escape(id)}"]`) : null; // it may have been drawn anew
  if (now) {
    const fresh = index(now) - above;
    if (!away && fresh) list.scrollTop += now.getBoundingClientRect().top - before;
    if (fresh > 0 && (away || list.scrollTop > 0)) pill.dataset.n = String(Number(pill.dataset.n || 0) + fresh);
  }
  tellPill(list, pill);
}

/** The row at the top of what is seen of a scrolled list. */
function seen(list) {
  const box = list.getBoundingClientRect();
  return document.elementFromPoint(box.left + 40, box.top + 12)?.closest(".row") ?? null;
}

const index = (row) => [...row.parentElement.children].indexOf(row);

function tellPill(list, pill) {
  const n = pill.dataset.n ?? "";
  if ((pill.dataset.told ?? "") === n) return;
  pill.dataset.told = n;
  pill.hidden = !n;
  pill.replaceChildren(n ? h("button", { type: "button", onclick: () => { list.scrollTop = 0; } }, t("pill", { n })) : "");
}

/** Whoever is at the top has seen what came in. */
export function beginPill(list, pill) {
  list.addEventListener("scroll", () => {
    if (list.scrollTop > 8 || !pill.dataset.n) return;
    pill.dataset.n = "";
    tellPill(list, pill);
  }, { passive: true });
}
