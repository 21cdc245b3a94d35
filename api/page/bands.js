// How long something has taken, in colour, icon and word. When each band begins comes from the server (alerts/elapsed.py); here it is only
// looked which began last, so that a chip changes by the second without asking.

import { h } from "./dom.js";
import { icon } from "./icons.js";
import { t } from "./say.js";

/** The band that holds at an instant; "" before the first and where nothing is measured. */
export function bandAt(bands, now) {
  return bands.filter((one) => Date.parse(one.at) <= now).pop()?.band ?? "";
}

/** A chip for bands, painted by `paint`. `what` is the set of its words; with `only`, it is seen from the second band on. */
export function band(what, bands, { only = false } = {}) {
  if (!bands?.length) return null;
  return h("span.band" + (only ? ".only" : ""), { "data-bands": JSON.stringify(bands), "data-what": what }, "");
}

/** Bring every chip to the band of this instant. */
export function paint(now, root = document) {
  for (const chip of root.querySelectorAll("[data-bands]")) {
    const held = bandAt(JSON.parse(chip.dataset.bands), now);
    if (chip.dataset.band === held) continue;
    chip.dataset.band = held;
    chip.replaceChildren(...(held ? [icon("band_" + held), h("b", {}, t(`${chip.dataset.what}.${held}`))] : []));
  }
}
