// The keyboard of the desk. Single letters count only outside of fields, without Ctrl, Alt or Meta and not while an input method composes;
// they can be switched off (WCAG 2.1.4), and stay off on this computer.

import { h } from "./dom.js";
import { composing } from "./form.js";
import { t } from "./say.js";
import { closeSheet, opened, openSheet } from "./sheets.js";

const ROWS = [
  ["j k", "move"], ["Enter", "open"], ["a", "acknowledge"], ["d", "dispatch"], ["r", "next"], ["n", "note"], ["f", "false_alarm"], ["e", "grade"], ["z", "undo"],
  ["p", "pause"], ["y", "extend"], ["s", "silence"], ["w", "whistle"], ["i", "instruct"], ["g q", "queue"], ["g s", "silences"], ["g w", "whistles"], ["g i", "instructions"], ["Esc", "back"], ["?", "help"],
];
const VERBS = { d: "dispatch", f: "false-alarm", e: "grade", z: "undo", s: "silence", w: "whistle" };
const CLOCKS = { p: "pause", y: "extend" };
const SHEETS = { s: "silences", w: "whistles", i: "instructions" };

let keep = () => "";
let leading = 0; // when `g` was pressed

/** `on` has move(step), open() and acknowledge() for the queue; `kept(name, value)` remembers. */
export function beginKeys(on, kept) {
  keep = kept;
  document.getElementById("help").addEventListener("click", help);
  document.addEventListener("keydown", (event) => {
    if (composing(event) || event.ctrlKey || event.altKey || event.metaKey || event.defaultPrevented) return;
    if (document.querySelector("dialog[open]") || event.target.closest("input, textarea, select, [contenteditable]")) return;
    if (keep("keys") === "off" && event.key.length === 1) return;
    if (press(event.key, on, event.target)) event.preventDefault();
  });
}

/** Whether the key meant something. */
function press(key, on, target) {
  const led = Date.now() - leading < 1500;
  leading = 0;
  if (led && key === "q") { closeSheet(); document.querySelector("#queue .open[tabindex='0']")?.focus(); return true; }
  if (led && SHEETS[key]) { openSheet(SHEETS[key]); return true; }
  if (key === "g") { leading = Date.now(); return true; }
  if (key === "?") { help(); return true; }
  if (key === "i") { openSheet("instructions", { make: true }); return true; }
  if (key === "Escape") {
    const off = document.querySelector("#sheet form.big .form-end button:last-child") ?? document.querySelector("#case form.big .form-end button:last-child");
    if (off) off.click();
    else if (opened()) closeSheet();
    return Boolean(off);
  }
  if (key === "j" || key === "k") { on.move(key === "j" ? 1 : -1); return true; }
  if ((key === "ArrowDown" || key === "ArrowUp") && target.closest("#queue, body") && !target.closest("#case, .side, #sheet")) { on.move(key === "ArrowDown" ? 1 : -1); return true; }
  if (opened()) return false; // what follows is about the case, which a sheet covers
  if (key === "a") { on.acknowledge(); return true; }
  if (key === "n") { document.querySelector("#case .note")?.focus(); return true; }
  const wanted = key === "r" ? ".buttons .primary" : VERBS[key] ? `[data-verb="${VERBS[key]}"]` : CLOCKS[key] ? `.clock-verbs [data-focus="${CLOCKS[key]}"]` : "";
  const buttons = wanted ? [...document.querySelectorAll("#case " + wanted)] : [];
  buttons.at(-1)?.click(); // of several clocks the last is the one that ends the case
  return Boolean(wanted);
}

function help() {
  const off = h("input", { type: "checkbox", checked: keep("keys") !== "off", onchange: (event) => keep("keys", event.target.checked ? "on" : "off") });
  const box = h("dialog.help", { "aria-labelledby": "help-title", onclose: () => box.remove() },
    h("h2", { id: "help-title" }, t("keys")),
    h("dl", {}, ...ROWS.flatMap(([keys, what]) => [h("dt", {}, ...keys.split(" ").map((one) => h("kbd", {}, one))), h("dd", {}, t("keys." + what))])),
    h("label.check", {}, off, t("keys.on")),
    h("button", { type: "button", onclick: () => box.close() }, t("sheet.close")));
  document.body.append(box);
  box.showModal();
}
