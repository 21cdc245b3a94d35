// The desk: what is known, kept current by the live stream, and drawn when it changes.

import { get, post } from "./api.js";
import { paint } from "./bands.js";
import { drawCase } from "./case.js";
import { h, toast } from "./dom.js";
import { finder } from "./find.js";
import { shape } from "./icons.js";
import { instructionsSheet } from "./instructions.js";
import { beginKeys } from "./keys.js";
import { learn } from "./known.js";
import { connect, link, serverNow, standing } from "./live.js";
import { colour, drawMap, drawTroubled } from "./map.js";
import { drawPhones } from "./phones.js";
import { drawQueue, FILTERS, order, place, raised, visible } from "./queue.js";
import { anchored, beginPill, inView } from "./rove.js";
import { at, label, lasting, speak, t, ticking, tongue, word } from "./say.js";
import { beginSheets, closeSheet, countSheets, readSheet, retellSheet, sheet } from "./sheets.js";
import { silencesSheet } from "./silences.js";
import { drawTimes } from "./times.js";
import { drawWatch, watch } from "./watch.js";
import { whistlesSheet } from "./whistles.js";

const LEVELS = ["red", "orange", "yellow", "blue"];
const VIEWS = ["queue", "map", "phones", "times"];
const $ = (id) => document.getElementById(id);
const wide = matchMedia("(min-width: 760px)");
const state = { alerts: new Map(), whole: null, selected: "", picked: false, filter: "open", grid: "", grids: null, notices: [], times: null, more: false };

// Reading -------------------------------------------------------------------------------------------------------------

async function refresh() {
  const [open, over] = await Promise.all([get("/alerts?open=true&limit=200&shown=true"), get("/alerts?handling=closed&handling=false_alarm&handling=evaluated&limit=60")]);
  heard = new Set();
  take([...over.alerts, ...open.alerts]);
  later(() => readMore(open), 0);
  $("queue").dataset.ready = "true";
  if (state.selected) later(readCase, 0);
  later(readPhones, 0);
  later(readGrids, 0);
  later(readTimes, 0);
  draw();
}

let heard = new Set(); // what the stream has told of since the list was asked for

/** Keep the newer of what is known and what was read. */
function take(alerts) {
  for (const alert of alerts) if (!((state.alerts.get(alert.id)?.version ?? -1) > alert.version)) state.alerts.set(alert.id, alert);
}

/**
 * The rest of what is open, worst first, up to as many as the queue shows: the first are on the screen by now. What was known before and is
 * on none of the pages is open no more; it goes last, so that a list that is read anew does not grow from nothing.
 */
async function readMore({ alerts, cursor }) {
  const seen = new Set(alerts.map((alert) => alert.id));
  const told = heard;
  for (let pages = 0; cursor && pages < 4; pages++) {
    const further = await get(`/alerts?open=true&limit=200&shown=true&cursor=${encodeURIComponent(cursor)}`);
    take(further.alerts);
    for (const alert of further.alerts) seen.add(alert.id);
    cursor = further.cursor;
    draw();
  }
  for (const [id, alert] of state.alerts) if (!alert.over && !seen.has(id) && !told.has(id)) state.alerts.delete(id);
  state.more = Boolean(cursor);
  draw();
}

async function readCase() {
  const wanted = state.selected;
  if (!wanted) return;
  const whole = await get("/alerts/" + encodeURIComponent(wanted));
  if (wanted !== state.selected) return;
  state.whole = whole;
  state.alerts.set(wanted, whole.alert);
  draw();
}

async function readPhones() {
  state.notices = await get("/notices?limit=60");
  drawPhones($("phones"), state.notices, (id) => choose(id));
  $("phones-note").textContent = "";
}

async function readGrids() {
  const fresh = await get("/grids" + (state.grids ? "?geometry=false" : ""));
  const news = !state.grids || state.grids.version !== fresh.version;
  if (news) {
    state.grids = state.grids ? await get("/grids") : fresh;
    drawMap($("map"), state.grids, narrow);
  }
  state.grids.features.forEach((feature, index) => { feature.properties = fresh.features[index]?.properties ?? feature.properties; });
  learn(state.grids);
  colour(state.grids, state.grid);
  drawTroubled($("troubled"), state.grids, narrow);
  if (news) draw(); // a case that was on the screen before has the names of places and people as well
}

async function readTimes() {
  state.times = await get("/metrics/response?by=level");
  drawTimes($("times"), state.times);
  $("times-note").textContent = t("times.window");
}

const pending = new Map();

/** Run soon and at most once per `pause`; a failure waits for the next change or the next connection. */
function later(act, pause) {
  if (pending.has(act)) return;
  pending.set(act, setTimeout(() => {
    pending.delete(act);
    Promise.resolve(act()).catch((error) => console.warn(act.name, error.message));
  }, pause));
}

// The stream ----------------------------------------------------------------------------------------------------------

let greeted = false;

function arrived({ entry, alert }) {
  later(readSheet, 1000);
  later(countSheets, 10000);
  if (!alert) return;
  const before = state.alerts.get(alert.id);
  heard.add(alert.id);
  if (before && before.version > alert.version) return;
  state.alerts.set(alert.id, alert);
  if (!before && !alert.over) {
    $("news").textContent = t("news", { level: word("level", alert.level), kind: word("kind", alert.kind), place: place(alert) });
  }
  if (alert.id === state.selected) {
    if (state.whole?.alert.id === alert.id && !state.whole.timeline.some((known) => known.seq === entry.seq)) {
      state.whole = { ...state.whole, alert, timeline: [...state.whole.timeline, entry] };
    }
    later(readCase, 150);
  }
  later(draw, state.alerts.size > 300 ? 120 : 30); // a storm is drawn less often than it comes
  later(readPhones, 300);
  later(readGrids, 500);
  later(readTimes, 4000);
}

// Drawing -------------------------------------------------------------------------------------------------------------

function draw() {
  const open = [...state.alerts.values()].filter(FILTERS.open);
  if (!state.picked && wide.matches) follow(open);
  drawTally(open);
  drawFilters(open);
  const rows = visible(state.alerts.values(), { filter: state.filter, grid: state.grid, now: serverNow() });
  const on = { open: (alert) => choose(alert.id), acknowledge: (alert) => act(alert.id, "acknowledge", "") };
  anchored($("queue"), $("pill"), () => drawQueue($("queue"), rows, { filter: state.filter, selected: state.selected, on }));
  drawCase($("case"), state.whole, { act: (verb, note, more) => act(state.selected, verb, note, more), back });
  const narrowed = $("narrowed");
  narrowed.hidden = !state.grid && !state.more;
  narrowed.replaceChildren(...(state.grid
    ? [t("narrowed", { grid: nameOf(state.grid) }), h("button", { type: "button", onclick: () => narrow("") }, t("narrowed.off"))]
    : [t("more")]));
  const fresh = open.filter(FILTERS.new).length;
  document.title = `${fresh ? `(${fresh}) ` : ""}Tocsin ${t("title")}`;
  tick();
}

/** Until somebody chooses, the case shown is the worst that waits; it stays in sight to its end, unless something newer rings. */
function follow(open) {
  const now = state.alerts.get(state.selected);
  const ringing = open.filter(FILTERS.new).sort(order)[0];
  const wanted = now ? ringing : ringing ?? [...open].sort(order)[0];
  if (!wanted || wanted.id === state.selected) return;
  const newer = !now || Date.parse(raised(wanted)) > Date.parse(raised(now));
  if (newer && (!now || now.handling !== "new" || order(wanted, now) < 0)) select(wanted.id);
}

function drawTally(open) {
  const count = (level) => open.filter((alert) => alert.level === level).length;
  $("tally").replaceChildren(...LEVELS.map((level) =>
    h("span.tile." + [level, count(level) ? "some" : "none"].join("."), { title: word("color", level) }, shape(level), h("span", {}, word("level", level)), h("b", {}, String(count(level))))));
}

function drawFilters(open) {
  const counts = { open: open.length, new: open.filter(FILTERS.new).length, active: open.filter(FILTERS.active).length };
  $("filters").replaceChildren(...Object.keys(FILTERS).map((name) =>
    h("button" + (name === state.filter ? ".on" : ""), { type: "button", "aria-pressed": String(name === state.filter), onclick: () => { state.filter = name; draw(); } },
      t("filter." + name), counts[name] ? h("b", {}, String(counts[name])) : null)));
}

function drawTabs() {
  $("tabs").replaceChildren(...VIEWS.map((view) =>
    h("button" + (document.documentElement.dataset.view === view ? ".on" : ""), { type: "button", onclick: () => show(view) }, t({ phones: "outbox", times: "response" }[view] ?? view))));
}

/** Say how old each is, and how long there is until or left. */
function count(elements, now) {
  for (const element of elements) {
    const { since, until, left } = element.dataset;
    const rest = Date.parse(until ?? left) - now;
    element.textContent = since ? ticking(now - Date.parse(since)) : until ? (rest > 0 ? t("next", { who: ticking(rest + 999) }) : t("next.soon")) : rest > 0 ? t("left", { time: ticking(rest + 999) }) : t("clock.late");
    if (left) element.classList.toggle("late", rest <= 0);
  }
}

function tick() {
  const now = serverNow();
  for (const part of [$("watch"), $("case"), $("sheet"), ...inView($("queue"))]) { // of a thousand rows only those that are seen
    count(part.querySelectorAll("[data-since], [data-until], [data-left]"), now);
    paint(now, part);
  }
  $("clock").textContent = at(now);
  const how = standing();
  const silent = Math.round((Date.now() - link.heard) / 1000);
  $("link").className = "link " + how;
  $("link").textContent = t("link." + how) + (how === "stale" || how === "dead" ? " " + lasting(silent) : "");
  $("lost").hidden = how === "live" || how === "opening" || silent < 4;
  $("lost").className = "lost " + how;
  if (!$("lost").hidden) $("lost").textContent = t("lost", { at: at(link.heard + link.skew) });
}

// What people do ------------------------------------------------------------------------------------------------------

function select(id) {
  state.selected = id;
  state.whole = null;
  if (id) later(readCase, 0);
}

function choose(id) {
  closeSheet();
  state.picked = true;
  history.replaceState(null, "", "#" + id);
  if (state.selected !== id) select(id);
  document.documentElement.dataset.reading = "true";
  draw();
}

function back() {
  delete document.documentElement.dataset.reading;
  history.replaceState(null, "", "#");
  draw();
}

/** Go up or down the queue from the case that is shown; the row has the focus, so that Enter and the arrows go on from there. */
function move(step) {
  const rows = [...$("queue").children].filter((row) => row.dataset.key);
  const now = rows.findIndex((row) => row.dataset.key === state.selected);
  const wanted = rows[Math.max(0, Math.min(rows.length - 1, now + step))];
  if (!wanted) return;
  choose(wanted.dataset.key);
  [...$("queue").children].find((row) => row.dataset.key === state.selected)?.querySelector(".open").focus();
}

function show(view) {
  closeSheet();
  document.documentElement.dataset.view = view;
  delete document.documentElement.dataset.reading;
  drawTabs();
}

function narrow(code) {
  state.grid = state.grid === code ? "" : code;
  if (!wide.matches && state.grid) show("queue");
  if (state.grids) colour(state.grids, state.grid);
  draw();
}

async function act(id, verb, note, more = {}) {
  if (id === state.selected) state.picked = true; // whoever works on a case keeps it
  const by = $("operator").value.trim() || t("operator.default");
  try {
    const alert = await post(`/alerts/${encodeURIComponent(id)}/${verb}`, { by, note, ...more });
    state.alerts.set(id, alert);
    if (state.whole?.alert.id === id) state.whole = { ...state.whole, alert };
    draw();
    return true;
  } catch (error) {
    toast(error.message, true);
    later(readCase, 0);
    return false;
  }
}

function nameOf(code) {
  return state.grids?.features.find((feature) => feature.properties.code === code)?.properties.name ?? code;
}

// Beginning -----------------------------------------------------------------------------------------------------------

function kept(name, value) {
  try {
    if (value !== undefined) localStorage.setItem("tocsin." + name, value);
    return localStorage.getItem("tocsin." + name) ?? "";
  } catch {
    return ""; // a browser that keeps nothing still works
  }
}

function retell() {
  label();
  $("tongue").textContent = tongue() === "zh" ? "EN" : "中";
  if (!kept("operator")) $("operator").value = t("operator.default");
  $("times-note").textContent = state.times ? t("times.window") : "";
  drawTabs();
  if (state.grids) { drawMap($("map"), state.grids, narrow); colour(state.grids, state.grid); drawTroubled($("troubled"), state.grids, narrow); }
  drawPhones($("phones"), state.notices, (id) => choose(id));
  if (state.times) drawTimes($("times"), state.times);
  if (state.grids) learn(state.grids);
  retellSheet();
  drawWatch();
  draw();
}

function begin() {
  const asked = new URLSearchParams(location.search);
  speak(asked.get("lang") || kept("language") || "zh");
  const shade = asked.get("shade") || kept("shade");
  if (shade) document.documentElement.dataset.shade = shade;
  $("operator").value = kept("operator");
  $("operator").addEventListener("change", (event) => kept("operator", event.target.value.trim()));
  $("tongue").addEventListener("click", () => { speak(tongue() === "zh" ? "en" : "zh"); kept("language", tongue()); retell(); });
  $("shade").addEventListener("click", () => {
    const dark = getComputedStyle(document.documentElement).getPropertyValue("--dark").trim() === "1";
    document.documentElement.dataset.shade = dark ? "light" : "dark";
    kept("shade", document.documentElement.dataset.shade);
  });
  sheet("silences", silencesSheet(() => state.alerts));
  sheet("whistles", whistlesSheet(choose));
  sheet("instructions", instructionsSheet());
  beginSheets(tick);
  finder($("finder"), $("find"), choose);
  beginKeys({ move, acknowledge: () => { if (state.whole?.alert.may.includes("acknowledge")) act(state.selected, "acknowledge", ""); } }, kept);
  beginPill($("queue"), $("pill"), tick);
  later(countSheets, 500);
  if (location.hash.length > 1) choose(decodeURIComponent(location.hash.slice(1)));
  retell();
  connect({
    hello: () => { if (!greeted) later(refresh, 0); greeted = true; },
    joined: () => { greeted = true; later(refresh, 0); },
    reset: () => later(refresh, 0),
    entry: arrived,
    heartbeat: tick,
    lost: tick,
  });
  watch();
  setTimeout(() => { if (!greeted) later(refresh, 0); }, 1500);
  setInterval(tick, 1000);
  setInterval(draw, 60000);
}

begin();
