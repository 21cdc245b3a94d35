// What the system has found about itself: a banner that names the part that stopped, since when, and what to do. It asks by itself and
// not over the live stream, because that one needs the ledger.

import { h, keyed } from "./dom.js";
import { icon } from "./icons.js";
import { at, t } from "./say.js";

const EVERY = 5000;
const $ = (id) => document.getElementById(id);
let troubles = [];
let said = "";

/** Ask now and every few seconds. A question that is not answered leaves what is known: the line above says that the connection is lost. */
export function watch() {
  ask();
  setInterval(ask, EVERY);
}

async function ask() {
  try {
    const response = await fetch("/health/system", { cache: "no-store" });
    if (!response.headers.get("content-type")?.includes("json")) return; // a proxy's own page, not ours
    const found = await response.json();
    if (!Array.isArray(found.troubles)) return;
    troubles = found.troubles.sort((one, other) => (one.grade === "stopped" ? 0 : 1) - (other.grade === "stopped" ? 0 : 1));
    drawWatch();
  } catch (error) {
    console.warn("health", error.message);
  }
}

/** Draw what is known, in the reader's language. */
export function drawWatch() {
  $("watch").hidden = !troubles.length;
  keyed($("troubles"), troubles, { key: (one) => one.part, stamp: (one) => JSON.stringify(one) + t("watch.do"), draw });
  const now = troubles.map(headline).join(" ");
  if (now !== said) $("watch-news").textContent = now || t("watch.well"); // read out once, when it changes
  said = now;
}

function headline(one) {
  return `${t("watch.part." + one.part)} ${t("watch." + one.grade)}`;
}

function draw(one) {
  const stopped = one.grade === "stopped";
  const why = t("watch.why." + one.why);
  return h("li.trouble." + one.grade, {},
    icon("system"),
    h("div", {},
      h("p", {},
        h("strong", {}, headline(one)), " ",
        h("span", {}, t("watch.since", { at: at(one.since) })), " ",
        h("span.age", { "data-since": one.since, "aria-hidden": "true" }), " ",
        h("span", {}, stopped ? t("watch.means." + one.part) : why)),
      h("p", {}, h("b", {}, t("watch.do")), " ", t((stopped ? "watch.do." : "watch.ease.") + one.part)),
      h("p.quiet", {}, [stopped ? why : "", one.detail, one.told_at ? t("watch.told", { at: at(one.told_at) }) : ""].filter(Boolean).join(" · "))));
}
