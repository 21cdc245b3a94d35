// What a telephone can do for whoever reports: smaller pictures without what is written into them, its position, and a form that survives
// a missing network. Without this script the form works by itself.

import { icon } from "./icons.js";

const SIDE = 1600; // pixels: the longer side of a picture that is sent
const KEPT = 10; // numbers of reports that the telephone remembers
const COARSEST = 300; // metres, as on the server

const form = document.querySelector("form");
for (const place of document.querySelectorAll("[data-icon]")) place.append(icon(place.dataset.icon));
if (form) begin(form);
remembered();

function begin(form) {
  const pictures = form.querySelector("[name=pictures]");
  const chosen = [];
  pictures.addEventListener("change", () => {
    chosen.push(...pictures.files);
    chosen.length = Math.min(chosen.length, Number(pictures.dataset.most));
    pictures.value = "";
    preview(form, chosen);
  });
  if (navigator.geolocation) locating(form);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    send(form, chosen);
  });
}

/** Show the chosen pictures, each with a button that takes it away. */
function preview(form, chosen) {
  form.querySelector(".previews").replaceChildren(...chosen.map((file, index) => {
    const image = document.createElement("img");
    image.src = URL.createObjectURL(file);
    image.alt = "";
    image.addEventListener("load", () => URL.revokeObjectURL(image.src), { once: true });
    const off = document.createElement("button");
    off.type = "button";
    off.textContent = "×";
    off.setAttribute("aria-label", form.dataset.remove.replace("{n}", index + 1));
    off.addEventListener("click", () => {
      chosen.splice(index, 1);
      preview(form, chosen);
    });
    const row = document.createElement("li");
    row.append(image, off);
    return row;
  }));
}

/** The position is only asked for when somebody presses the button, and forgotten when they press it again. */
function locating(form) {
  const button = form.querySelector(".locate");
  const said = form.querySelector(".position");
  const ask = button.textContent;
  form.querySelector(".consent").hidden = button.hidden = false;
  const put = (lat, lon, accuracy, words, label) => {
    [form.elements.lat.value, form.elements.lon.value, form.elements.accuracy.value] = [lat, lon, accuracy];
    said.textContent = words;
    button.textContent = label;
  };
  button.addEventListener("click", () => {
    if (form.elements.lat.value) return put("", "", "", "", ask);
    said.textContent = form.dataset.locating;
    navigator.geolocation.getCurrentPosition(
      ({ coords }) => {
        const metres = Math.max(1, Math.round(coords.accuracy));
        const words = (metres > COARSEST ? form.dataset.coarse : form.dataset.located).replace("{metres}", metres);
        if (metres > COARSEST) return put("", "", "", words, ask);
        put(coords.latitude.toFixed(6), coords.longitude.toFixed(6), metres, words, form.dataset.forget);
      },
      () => put("", "", "", form.dataset.unlocated, ask),
      { enableHighAccuracy: true, timeout: 15000, maximumAge: 0 },
    );
  });
}

/** Send the form. However often that is tried, it is one report: its own number stays. */
async function send(form, chosen) {
  const button = form.querySelector(".send");
  const words = button.textContent;
  button.disabled = true;
  button.textContent = form.dataset.sending;
  try {
    const body = new FormData(form);
    body.delete("pictures");
    for (const [index, file] of chosen.entries()) body.append("pictures", await smaller(file), `${index + 1}`);
    const answer = await fetch(form.action, { method: "POST", body });
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    if (answer.ok && answer.redirected) {
      noted(new URL(answer.url).pathname, page); // now: whoever is quick leaves the next page before its script has run
      location.assign(answer.url);
      return;
    }
    wrong(page.querySelector(".wrong")?.textContent || form.dataset.notSent);
  } catch {
    wrong(form.dataset.notSent);
  }
  button.disabled = false;
  button.textContent = words;
}

function wrong(words) {
  const box = document.querySelector(".wrong");
  box.textContent = words;
  box.hidden = false;
  box.scrollIntoView({ block: "center" });
}

/** A picture drawn anew, upright and no larger than it need be; as it is where it cannot be drawn. */
async function smaller(file) {
  try {
    const picture = await createImageBitmap(file, { imageOrientation: "from-image" });
    const scale = Math.min(1, SIDE / Math.max(picture.width, picture.height));
    const canvas = document.createElement("canvas");
    [canvas.width, canvas.height] = [Math.round(picture.width * scale), Math.round(picture.height * scale)];
    canvas.getContext("2d").drawImage(picture, 0, 0, canvas.width, canvas.height);
    const drawn = await new Promise((done) => canvas.toBlob(done, "image/jpeg", 0.82));
    return drawn ?? file;
  } catch {
    return file;
  }
}

/** Keep the number of the report that a page at a path is the receipt of. */
function noted(path, receipt) {
  const parts = path.split("/");
  const [page, number] = [parts.slice(0, 6).join("/"), parts[6]];
  const known = read(page);
  if (parts[2] !== "place" || !number?.startsWith("R-") || known.some((one) => one.number === number)) return;
  if (!receipt.querySelector(".receipt")) return;
  const about = receipt.querySelector(".receipt .number + p")?.textContent ?? "";
  keep(page, [{ number, about }, ...known].slice(0, KEPT));
}

/** A resident's own reports, by this telephone: nobody else's are shown, and the server lists none. */
function remembered() {
  const parts = location.pathname.split("/");
  const page = parts.slice(0, 6).join("/");
  if (parts[2] !== "place") return;
  noted(location.pathname, document);
  const known = read(page);
  const own = document.querySelector(".own[data-kept]");
  if (!own || !known.length) return;
  own.hidden = false;
  own.querySelector("ul").replaceChildren(...known.map(({ number, about }) => {
    const row = document.createElement("li");
    const link = document.createElement("a");
    link.href = `${page}/${number}${location.search}`;
    const words = document.createElement("b");
    words.textContent = about;
    const code = document.createElement("span");
    code.textContent = number;
    link.append(words, code);
    row.append(link);
    return row;
  }));
}

function read(page) {
  try {
    const known = JSON.parse(localStorage.getItem("reports" + page) ?? "[]");
    return Array.isArray(known) ? known.filter((one) => typeof one?.number === "string") : [];
  } catch {
    return [];
  }
}

function keep(page, known) {
  try {
    localStorage.setItem("reports" + page, JSON.stringify(known));
  } catch {
    // A telephone that keeps nothing shows only the page of the report itself.
  }
}
