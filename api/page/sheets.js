// The pages beside the cases: silences, whistles, instructions. A sheet takes the room right of the queue, so that what rings stays in sight;
// Escape leads back. What is being filled in is never drawn over: a sheet has a list that is patched and a place of its own for a form.

import { h } from "./dom.js";
import { composing } from "./form.js";
import { t } from "./say.js";

const sheets = new Map();
let open = "";
let opener = null;
let onChange = () => {};

const $ = (id) => document.getElementById(id);

/** Add a sheet: `build(box, options)` once when it opens, `read()` whenever something may have changed, `count()` for its button. */
export function sheet(name, parts) {
  sheets.set(name, parts);
}

export const opened = () => open;

/** Open a sheet, or build the open one anew with other options (a form that is filled in already). */
export function openSheet(name, options = {}) {
  if (!open) opener = document.activeElement;
  open = name;
  document.documentElement.dataset.sheet = name;
  const box = $("sheet");
  const close = h("button.tool", { type: "button", "aria-label": t("sheet.close"), title: t("sheet.close"), onclick: closeSheet }, "×");
  const body = h("div.sheet-body");
  box.replaceChildren(h("div.pane-head", {}, h("h2", { id: "sheet-title", tabindex: -1 }, t("sheet." + name)), h("span.spacer"), close), body);
  box.scrollTop = 0;
  const focused = sheets.get(name).build(body, options);
  if (!focused) $("sheet-title").focus();
  drawSheets();
  onChange(name);
  readSheet();
}

export function closeSheet() {
  if (!open) return;
  open = "";
  delete document.documentElement.dataset.sheet;
  $("sheet").replaceChildren();
  drawSheets();
  onChange("");
  if (opener?.isConnected) opener.focus({ preventScroll: true });
  else document.querySelector(".row.selected .open")?.focus({ preventScroll: true });
}

/** Read the open sheet anew; the counts of the others are read by whoever calls `countSheets`. */
export function readSheet() {
  if (open) Promise.resolve(sheets.get(open).read()).then(drawSheets).catch((error) => console.warn(open, error.message));
}

export async function countSheets() {
  await Promise.all([...sheets.values()].map((one) => one.tally?.()));
  drawSheets();
}

/** The buttons at the top, each with how many are under way. */
export function drawSheets() {
  const nav = $("sheets");
  if (nav.childElementCount !== sheets.size) nav.replaceChildren(...[...sheets.keys()].map((name) => h("button.sheet-tab", { type: "button", "data-sheet": name, onclick: () => (open === name ? closeSheet() : openSheet(name)) })));
  for (const button of nav.children) {
    const name = button.dataset.sheet;
    const n = sheets.get(name).count();
    button.setAttribute("aria-pressed", String(open === name));
    button.classList.toggle("on", open === name);
    const words = t("sheet." + name);
    if (button.dataset.drawn !== words + n) button.replaceChildren(words, ...(n ? [h("b", {}, String(n))] : []));
    button.dataset.drawn = words + n;
  }
}

/** Say everything again in another language. */
export function retellSheet() {
  if (open) openSheet(open);
  else drawSheets();
}

export function beginSheets(changed) {
  onChange = changed;
  $("sheet").addEventListener("keydown", (event) => {
    if (event.key === "Escape" && !composing(event)) closeSheet();
  });
  drawSheets();
}
