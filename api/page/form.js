// What every form of the desk is made of: labelled fields, choices that are typed and picked, instants with shortcuts, and one button that
// says what it will do. A form sends once: its button is off until the answer is there, and a refusal stands in the form. Whatever changes
// in a field is told as an `input` event that bubbles up to the form.

import { h } from "./dom.js";
import { t } from "./say.js";

let count = 0;
const changed = (element) => element.dispatchEvent(new Event("input", { bubbles: true }));

/** Whether a key belongs to an input method that is composing. Enter that ends a composition is not an order. */
export const composing = (event) => event.isComposing || event.keyCode === 229;

/** Who acts, from the field at the top. */
export const operator = () => document.getElementById("operator").value.trim() || t("operator.default");

/** A key that makes a request happen once. (crypto.randomUUID is missing on plain HTTP.) */
export const once = () => [...crypto.getRandomValues(new Uint32Array(4))].map((n) => n.toString(16).padStart(8, "0")).join("");

/** A field with its label above it and what to know about it below. */
export function field(label, input, hint = "") {
  const id = input.id || `f${++count}`;
  input.id = id;
  const told = hint ? h("span.hint", { id: id + "-hint" }, hint) : null;
  if (told) input.setAttribute("aria-describedby", told.id);
  return h("div.field", {}, h("label", { for: id }, label), input, told);
}

export const text = (attributes = {}) => h("input", { type: "text", autocomplete: "off", maxlength: 500, ...attributes });

/** A reason, with what is said most often one click away. */
export function reason(label, samples = [], attributes = {}) {
  const input = text({ required: true, minlength: 2, ...attributes });
  const quick = samples.map((said) => h("button.quick-word", { type: "button", onclick: () => { input.value = said; changed(input); input.focus(); } }, said));
  return { input, element: h("div.field", {}, field(label, input), quick.length ? h("div.quick-words", {}, ...quick) : null) };
}

/** Somebody who is none of `not()`, a list of names. */
export function other(label, not, value = "") {
  const input = text({ required: true, maxlength: 64, value });
  const check = () => input.setCustomValidity(not().includes(input.value.trim()) ? t("form.other", { by: input.value.trim() }) : "");
  input.addEventListener("input", check);
  check();
  return { input, element: field(label, input, t("form.other", { by: not().join(t("list.and")) })), value: () => (input.checkValidity() ? input.value.trim() : "") };
}

/** One of several, as a row of buttons that behave as radio buttons do; with null nothing is chosen, and that is asked first. */
export function choice(label, options, value) {
  const name = `c${++count}`;
  const box = h("fieldset.choice", {}, h("legend", {}, label), ...options.map(([key, said]) =>
    h("label", {}, h("input", { type: "radio", name, value: key, checked: key === value, "data-first": value === null }), h("span", {}, said))));
  return { element: box, value: () => box.querySelector("input:checked")?.value ?? "" };
}

/** Any of several. */
export function several(label, options, values = []) {
  const box = h("fieldset.choice", {}, h("legend", {}, label), ...options.map(([key, said]) =>
    h("label", {}, h("input", { type: "checkbox", value: key, checked: values.includes(key) }), h("span", {}, said))));
  return { element: box, values: () => [...box.querySelectorAll("input:checked")].map((input) => input.value) };
}

/** What an `<input type="datetime-local">` shows for an instant, and the instant it means. */
export function local(instant) {
  const when = new Date(instant);
  const two = (n) => String(n).padStart(2, "0");
  return `${when.getFullYear()}-${two(when.getMonth() + 1)}-${two(when.getDate())}T${two(when.getHours())}:${two(when.getMinutes())}`;
}
export const instant = (said) => (said ? new Date(said).toISOString() : null);

/** An end in time, with lengths in minutes one click away; `from()` is what they count from. */
export function ends(label, minutes, from, value) {
  const input = h("input", { type: "datetime-local", required: true, value: value ? local(value) : null });
  const set = (n) => { input.value = local(Math.ceil((from() + n * 60000) / 60000) * 60000); changed(input); };
  const quick = minutes.map((n) => h("button.quick-word", { type: "button", onclick: () => set(n) }, long(n)));
  return { input, set, value: () => instant(input.value), element: h("div.field", {}, field(label, input), h("div.quick-words", {}, ...quick)) };
}

export const long = (minutes) => (minutes % 1440 === 0 ? t("unit.d", { n: minutes / 1440 }) : minutes % 60 === 0 ? t("unit.h", { n: minutes / 60 }) : t("unit.min", { n: minutes }));

/** Several values that are typed and picked: Enter or a pick adds, the cross or Backspace takes away. `free` keeps what is not known too. */
export function tokens(label, { find = () => [], show = (value) => value, values = [], free = false, hint = "" } = {}) {
  const kept = [...new Set(values)];
  const list = h("datalist", { id: `l${++count}` });
  const input = text({ list: list.id, maxlength: 128 });
  const chosen = h("ul.tokens");
  const draw = () => chosen.replaceChildren(...kept.map((value) =>
    h("li", {}, h("span", {}, show(value)), h("button", { type: "button", "aria-label": t("form.remove", { what: show(value) }), onclick: () => { kept.splice(kept.indexOf(value), 1); draw(); changed(input); input.focus(); } }, "×"))));
  const suggest = () => list.replaceChildren(...find(input.value).map((one) => h("option", { value: one.value }, `${one.label} · ${one.hint ?? ""}`)));
  const add = () => {
    const said = input.value.trim();
    if (!said) return true;
    const fits = find(said);
    const exact = fits.find((one) => one.value === said) ?? (fits.filter((one) => one.label === said).length === 1 ? fits.find((one) => one.label === said) : fits.length === 1 ? fits[0] : null);
    const value = exact?.value ?? (free ? said : "");
    input.setCustomValidity(value ? "" : t(fits.length ? "form.several" : "form.unknown", { what: said }));
    if (!value) return input.reportValidity();
    if (!kept.includes(value)) kept.push(value);
    input.value = "";
    draw();
    changed(chosen);
    return true;
  };
  input.addEventListener("focus", suggest);
  input.addEventListener("input", () => { input.setCustomValidity(""); suggest(); if (find(input.value).some((one) => one.value === input.value)) add(); });
  input.addEventListener("change", add);
  input.addEventListener("keydown", (event) => {
    if (composing(event)) return;
    if (event.key === "Enter" && input.value.trim()) { event.preventDefault(); add(); }
    if (event.key === "Backspace" && !input.value && kept.length) { kept.pop(); draw(); changed(chosen); }
  });
  draw();
  const element = h("div.field.has-tokens", {}, field(label, input, hint), chosen, list);
  return { element, input, values: () => [...kept], settle: add };
}

/**
 * A form: `send()` does what it says and answers whether it was done. The button's words are `say()`, drawn anew by `tell()`; while
 * `say()` is empty it cannot be pressed. Escape or the other button puts it away.
 */
export function form(title, parts, { say, send, off }) {
  const opener = document.activeElement; // where the focus goes back to
  const back = () => { if (!element.isConnected && document.activeElement === document.body && opener?.isConnected) opener.focus({ preventScroll: true }); };
  const leave = () => { off(); back(); };
  const button = h("button.primary", { type: "submit" });
  const wrong = h("p.wrong", { role: "alert", hidden: true });
  let busy = false;
  const tell = () => {
    const words = say();
    button.textContent = words || t("form.incomplete");
    button.disabled = busy || !words;
  };
  const element = h("form.big", {
    "aria-label": title,
    onsubmit: async (event) => {
      event.preventDefault();
      if (busy || button.disabled) return;
      busy = true;
      wrong.hidden = true;
      tell();
      try {
        await send();
      } catch (error) {
        wrong.textContent = error.message;
        wrong.hidden = false;
      }
      busy = false;
      if (element.isConnected) tell();
      back();
    },
    onkeydown: (event) => { if (event.key === "Escape" && !composing(event)) { event.stopPropagation(); leave(); } },
  }, h("h3", {}, title), ...parts, wrong, h("div.form-end", {}, button, h("button", { type: "button", onclick: leave }, t("cancel"))));
  element.addEventListener("input", tell);
  tell();
  return { element, tell };
}

/** Put a form where forms go, with the first thing that is still to be said in focus. */
export function place(box, element) {
  box.replaceChildren(element);
  const inputs = [...element.querySelectorAll("input:not([type=radio]):not([type=checkbox]), textarea, select")].filter((input) => input.offsetParent);
  (element.querySelector("[data-first]") ?? inputs.find((input) => !input.value) ?? inputs[0] ?? element.querySelector(".primary"))?.focus();
  element.scrollIntoView({ block: "nearest" });
}
