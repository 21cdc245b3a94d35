// Words, times and durations in the reader's language.

import { EN } from "./words-en.js";
import { ZH } from "./words-zh.js";

const WORDS = { zh: ZH, en: EN };

let language = "zh";

/** zh or en. */
export const tongue = () => language;

export function speak(wanted) {
  language = wanted === "en" ? "en" : "zh";
  document.documentElement.lang = language;
}

/** The words for a key, with {placeholders} filled in. */
export function t(key, values = {}) {
  const text = WORDS[language][key] ?? key;
  return text.replace(/\{(\w+)\}/g, (_, name) => values[name] ?? "");
}

/** The words for a value of a set that may grow (a kind, a role, a reason): the value itself where no words are known. */
export function word(set, value) {
  const known = WORDS[language][`${set}.${value}`];
  if (known !== undefined) return known;
  return WORDS[language][`${set}.other`] ? t(`${set}.other`, { [set]: value }) : String(value);
}

/** Every value of a set that there are words for. */
export const values = (set) => Object.keys(ZH).filter((key) => key.startsWith(set + ".") && key !== set + ".other").map((key) => key.slice(set.length + 1));

/** How a notice stands, in the words of its channel. */
export function stateWord(channel, state) {
  return WORDS[language][`state.${channel}.${state}`] ?? word("state", state);
}

/** 14:32:07, and the date before it when it is not today's. */
export function at(instant, now = Date.now()) {
  const when = new Date(instant);
  const clock = when.toLocaleTimeString("zh-CN", { hour12: false });
  const same = when.toDateString() === new Date(now).toDateString();
  return same ? clock : `${when.getMonth() + 1}-${String(when.getDate()).padStart(2, "0")} ${clock}`;
}

/** 00:42, 12:05, 3:07:12: an age or a countdown that ticks. */
export function ticking(milliseconds) {
  const all = Math.max(0, Math.floor(milliseconds / 1000));
  const [hours, minutes, seconds] = [Math.floor(all / 3600), Math.floor(all / 60) % 60, all % 60];
  const two = (n) => String(n).padStart(2, "0");
  if (hours >= 24) return t("unit.d", { n: Math.floor(hours / 24) }) + " " + t("unit.h", { n: hours % 24 });
  return hours ? `${hours}:${two(minutes)}:${two(seconds)}` : `${two(minutes)}:${two(seconds)}`;
}

/** 4.2 s, 3 min, 2.5 h: a measured duration. */
export function lasting(seconds) {
  if (seconds === null || seconds === undefined) return "—";
  const size = Math.abs(seconds);
  const round = (n) => (Math.abs(n) < 10 ? Math.round(n * 10) / 10 : Math.round(n));
  if (size < 100) return t("unit.s", { n: round(seconds) });
  if (size < 6000) return t("unit.min", { n: round(seconds / 60) });
  if (size < 172800) return t("unit.h", { n: round(seconds / 3600) });
  return t("unit.d", { n: round(seconds / 86400) });
}

/** Say again every fixed word of the page. */
export function label(root = document) {
  for (const element of root.querySelectorAll("[data-say]")) element.textContent = t(element.dataset.say);
  for (const element of root.querySelectorAll("[data-label]")) element.setAttribute("aria-label", t(element.dataset.label));
}
