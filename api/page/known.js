// What the page knows of the place: its grids and its people, for whoever fills in a form. Read from the same answer that draws the map.

import { word } from "./say.js";

let grids = [];
let people = [];
let names = new Map();

/** Learn from the GeoJSON of `/grids`. */
export function learn(collection) {
  const all = collection.features.map((feature) => feature.properties);
  names = new Map(all.map((grid) => [grid.code, grid.name]));
  grids = all.map((grid) => ({ value: grid.code, label: grid.name, hint: [word("grid", grid.level), names.get(grid.township)].filter(Boolean).join(" · ") }));
  people = all.flatMap((grid) => grid.people.map((one) => ({ value: one.id, label: one.name, role: one.role, hint: `${word("role", one.role)} · ${grid.name}` })));
}

export const gridName = (code) => names.get(code) ?? code;
export const personName = (id) => people.find((one) => one.value === id)?.label ?? id;
export const roles = () => [...new Set(people.map((one) => one.role))].map((role) => ({ value: role, label: word("role", role), hint: role }));

export const findGrid = (text) => best(grids, text);
export const findPerson = (text) => best(people, text);
export const findRole = (text) => best(roles(), text);

/** At most twenty choices that fit what was typed: an equal code or name first, then what begins with it, then what has it somewhere. */
export function best(choices, text) {
  const wanted = text.trim().toLowerCase();
  if (!wanted) return choices.slice(0, 20);
  const rank = (one) => Math.min(...[one.value, one.label].map((said) => {
    const at = said.toLowerCase().indexOf(wanted);
    return at < 0 ? 9 : said.length === wanted.length ? 0 : at === 0 ? 1 : 2;
  }));
  return choices.map((one) => [rank(one), one]).filter(([how]) => how < 9).sort(([a], [b]) => a - b).slice(0, 20).map(([, one]) => one);
}
