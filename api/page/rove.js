// A long list under the keyboard and under the eye: one stop of the tab key instead of a thousand, and nothing that moves by itself.

import { h } from "./dom.js";
import { t } from "./say.js";

let stop = null;

/** Make the row with the focus, else the selected one, else the first, the list's only tab stop. Rows are drawn as none. */
export function rove(list) {
  const focused = list.contains(document.activeElement) ? document.activeElement.closest(".row") : null;
  const current = focused ?? [...list.children].find((row) => row.classList.contains("selected")) ?? list.querySelector(".row");
  if (stop !== current) for (const button of stop?.children ?? []) button.tabIndex = -1;
  for (const button of current?.children ?? []) button.tabIndex = 0;
  stop = current;
}

/**
 * Draw, and leave what is looked at where it is: the row on top of a scrolled list, else the one with the focus or under the pointer. What has
 * come in above is counted on a button that leads there.
 */
export function anchored(list, pill, draw) {
  const away = list.scrollTop > 0;
  const focused = list.contains(document.activeElement) ? document.activeElement.closest(".row") : null;
  const held = away ? list.children[first(list)] ?? null : focused ?? (list.matches(":hover") ? [...list.children].find((row) => row.matches(":hover")) : null);
  const before = held ? held.getBoundingClientRect().top : 0;
  const [id, above] = held ? [held.dataset.key, index(held)] : ["", 0];
  draw();
  rove(list);
  const now = held?.isConnected ? held : id ? [...list.children].find((row) => row.dataset.key === id) : null; // it may have been drawn anew
  if (now) {
    const fresh = index(now) - above;
    if (fresh) list.scrollTop += now.getBoundingClientRect().top - before;
    if (fresh > 0 && (away || list.scrollTop > 0)) pill.dataset.n = String(Number(pill.dataset.n || 0) + fresh);
  }
  tellPill(list, pill);
}

/** The rows that are seen just now. */
export function inView(list) {
  const rows = [];
  const bottom = list.getBoundingClientRect().bottom;
  for (let row = list.children[first(list)]; row && row.getBoundingClientRect().top < bottom; row = row.nextElementSibling) rows.push(row);
  return rows;
}

/** Which row is the first that is seen: found by halving, since they lie below each other. */
function first(list) {
  const { children, scrollTop } = list;
  const top = children[0]?.offsetTop ?? 0;
  let [low, high] = [0, children.length - 1];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (children[middle].offsetTop - top + children[middle].offsetHeight <= scrollTop) low = middle + 1;
    else high = middle;
  }
  return low;
}

const index = (row) => [...row.parentElement.children].indexOf(row);

function tellPill(list, pill) {
  const n = pill.dataset.n ?? "";
  if ((pill.dataset.told ?? "") === n) return;
  pill.dataset.told = n;
  pill.hidden = !n;
  pill.replaceChildren(n ? h("button", { type: "button", onclick: () => { list.scrollTop = 0; } }, t("pill", { n })) : "");
}

/** Whoever is at the top has seen what came in. `scrolled` runs before what came into view is painted. */
export function beginPill(list, pill, scrolled) {
  list.addEventListener("scroll", () => {
    requestAnimationFrame(scrolled);
    if (list.scrollTop > 8 || !pill.dataset.n) return;
    pill.dataset.n = "";
    tellPill(list, pill);
  }, { passive: true });
}
