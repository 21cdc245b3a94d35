// A long list under the keyboard and under the eye: one stop of the tab key instead of a thousand, and nothing that moves by itself.

import { h } from "./dom.js";
import { t } from "./say.js";

/** Make the selected row, else the first, the list's only tab stop. */
export function rove(list) {
  const current = list.querySelector(":scope > .row:focus-within") ?? list.querySelector(":scope > .row.selected") ?? list.querySelector(":scope > .row");
  for (const row of list.children) {
    const stop = row === current ? 0 : -1;
    for (const button of row.querySelectorAll(":scope > button")) if (button.tabIndex !== stop) button.tabIndex = stop;
  }
}

/**
 * Draw, and leave what is looked at where it is: the row with the focus or under the pointer, or the one on top once the list is scrolled.
 * What has come in above it meanwhile is counted on a button that leads there.
 */
export function anchored(list, pill, draw) {
  const box = list.getBoundingClientRect();
  const held = list.querySelector(":scope > .row:focus-within") ?? list.querySelector(":scope > .row:hover") ?? (list.scrollTop > 0 ? document.elementFromPoint(box.left + 40, box.top + 12)?.closest(".row") : null);
  const before = held?.getBoundingClientRect().top;
  const above = held ? index(list, held) : 0;
  draw();
  rove(list);
  if (held?.isConnected && held.parentElement === list) {
    const moved = held.getBoundingClientRect().top - before;
    if (moved) list.scrollTop += moved;
    const fresh = index(list, held) - above;
    if (fresh > 0) pill.dataset.n = String(Number(pill.dataset.n || 0) + fresh);
  }
  tellPill(list, pill);
}

const index = (list, row) => [...list.children].indexOf(row);

function tellPill(list, pill) {
  if (list.scrollTop < 8) pill.dataset.n = "";
  const n = pill.dataset.n;
  pill.hidden = !n;
  if (n) pill.replaceChildren(h("button", { type: "button", onclick: () => { list.scrollTop = 0; tellPill(list, pill); } }, t("pill", { n })));
}

export function beginPill(list, pill) {
  list.addEventListener("scroll", () => { if (list.scrollTop < 8) tellPill(list, pill); }, { passive: true });
}
