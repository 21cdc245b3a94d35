// Building elements. Whatever comes from outside is only ever set as text, never as markup.

const SVG = "http://www.w3.org/2000/svg";

/** An HTML element: h("button.primary", {type: "button", onclick: f}, "words", child, null). */
export function h(what, attributes, ...children) {
  const [name, ...classes] = what.split(".");
  return fill(document.createElement(name), classes, attributes, children);
}

/** The same in SVG. */
export function s(what, attributes, ...children) {
  const [name, ...classes] = what.split(".");
  return fill(document.createElementNS(SVG, name), classes, attributes, children);
}

function fill(element, classes, attributes, children) {
  if (classes.length) element.classList.add(...classes.filter(Boolean));
  for (const [name, value] of Object.entries(attributes || {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "data") Object.assign(element.dataset, value);
    else element.setAttribute(name, value === true ? "" : String(value));
  }
  for (const child of children.flat()) {
    if (child !== null && child !== undefined && child !== false && child !== "") element.append(child);
  }
  return element;
}

/**
 * Make a list's children those of `items`, keyed, moving as little as possible: a row under the cursor or with the
 * focus stays the same element. `draw(item)` makes a row; `stamp(item)` says whether it must be drawn anew.
 */
export function keyed(list, items, { key, stamp, draw }) {
  const old = new Map([...list.children].map((child) => [child.dataset.key, child]));
  let place = list.firstElementChild;
  for (const item of items) {
    const id = key(item);
    const now = stamp(item);
    let row = old.get(id);
    old.delete(id);
    if (!row || row.dataset.stamp !== now) {
      const fresh = draw(item);
      fresh.dataset.key = id;
      fresh.dataset.stamp = now;
      if (row) {
        const focus = row.contains(document.activeElement) && document.activeElement.dataset.focus;
        if (row === place) place = fresh;
        row.replaceWith(fresh);
        if (focus) fresh.querySelector(`[data-focus="${focus}"]`)?.focus({ preventScroll: true });
      }
      row = fresh;
    }
    if (row === place) place = place.nextElementSibling;
    else list.insertBefore(row, place);
  }
  for (const row of old.values()) row.remove();
}

/** Draw into a box only when what it shows has changed, so that what has the focus in it keeps it and pictures are not fetched again. */
export function still(box, stamp, draw) {
  const now = JSON.stringify([stamp, document.documentElement.lang]);
  if (box.dataset.drawn === now) return;
  box.dataset.drawn = now;
  box.replaceChildren(...draw());
}

/** Say something in passing, for a few seconds. */
export function toast(text, bad = false) {
  const box = h(bad ? "div.toast.bad" : "div.toast", {}, text);
  document.getElementById("toasts").append(box);
  setTimeout(() => box.remove(), bad ? 8000 : 3500);
}
