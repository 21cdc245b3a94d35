// The grids as they lie, coloured by the worst that is open in each. Drawn from their own outlines: no tiles, no network.

import { h, s } from "./dom.js";
import { shape } from "./icons.js";
import { t, word } from "./say.js";

const WIDTH = 640;
const LEVELS = ["red", "orange", "yellow", "blue"];
const HIGH = ["county", "city", "township"];
let features = [];
let shapes = new Map();

/** Draw the outlines anew; `choose(code)` is called with a grid that is clicked. */
export function drawMap(box, collection, choose) {
  features = collection.features.filter((feature) => feature.geometry);
  shapes = new Map();
  if (!features.length) {
    box.replaceChildren(h("p.empty", {}, t("empty.map")));
    return;
  }
  const project = projection(features);
  const parents = new Set(features.map((feature) => feature.properties.parent));
  const svg = s("svg", { viewBox: `-6 -6 ${WIDTH + 12} ${project.height + 12}`, role: "group", "aria-label": t("map") });
  const [fills, lines, dots, names] = [s("g.fills"), s("g.lines"), s("g.dots"), s("g.names")];
  for (const feature of [...features].sort(byHeight)) {
    const { code, level } = feature.properties;
    const d = path(feature.geometry, project);
    if (!parents.has(code)) {
      const title = s("title", {});
      const area = s("path.grid", { d, tabindex: 0, role: "button", onclick: () => choose(code), onkeydown: (event) => { if (event.key === "Enter") choose(code); } }, title);
      shapes.set(code, { area, title, centre: centre(feature.geometry, project), dots });
      fills.append(area);
    } else {
      const line = s("path.line." + level, { d });
      shapes.set(code, { area: line, title: null, centre: centre(feature.geometry, project), dots });
      lines.append(line);
      if (level === "township") {
        const [x, y] = shapes.get(code).centre;
        names.append(s("text", { x, y }, feature.properties.name));
      }
    }
  }
  svg.append(fills, lines, dots, names);
  box.replaceChildren(svg);
  colour(collection, "");
}

/** Colour what is drawn; `chosen` is the grid the queue is narrowed to. */
export function colour(collection, chosen) {
  for (const { dots } of shapes.values()) { dots.replaceChildren(); break; }
  for (const { properties } of collection.features) {
    const drawn = shapes.get(properties.code);
    if (!drawn) continue;
    const classes = drawn.area.getAttribute("class").split(" ").filter((name) => name !== "chosen" && !LEVELS.includes(name));
    drawn.area.setAttribute("class", [...classes, properties.worst, properties.code === chosen ? "chosen" : ""].filter(Boolean).join(" "));
    if (drawn.title) drawn.title.textContent = describe(properties);
    if (properties.open) drawn.dots.append(badge(properties, drawn.centre));
  }
}

/** The same as a list, worst first: what a small screen and a screen reader have instead of colours. */
export function drawTroubled(list, collection, choose) {
  const found = collection.features.map((feature) => feature.properties).filter((one) => one.open);
  found.sort((a, b) => LEVELS.indexOf(a.worst) - LEVELS.indexOf(b.worst) || b.open - a.open);
  list.replaceChildren(...found.map((one) =>
    h("li", {}, h("button", { type: "button", onclick: () => choose(one.code) },
      shape(one.worst), h("b", {}, one.name), h("span.spacer"), h("span.quiet", {}, `${word("level", one.worst)} · ${t("open.n", { n: one.open })}`)))));
}

function describe({ name, worst, open, people }) {
  const who = people.map((person) => `${word("role", person.role)} ${person.name}`).join("，");
  return [name, worst ? `${word("level", worst)} ${t("open.n", { n: open })}` : t("open.none"), who || t("vacant")].join("\n");
}

function badge({ open, worst }, [x, y]) {
  return s("g." + worst, { transform: `translate(${x} ${y})` },
    worst === "red" ? s("circle.ring", { r: 17 }) : null, s("circle.dot", { r: 15 }), s("text", { y: 6 }, open > 99 ? "99+" : String(open)));
}

function byHeight(a, b) {
  const rank = (feature) => (HIGH.includes(feature.properties.level) ? 1 : 0);
  return rank(a) - rank(b);
}

function rings(geometry) {
  return geometry.type === "Polygon" ? geometry.coordinates : geometry.coordinates.flat();
}

/** Degrees to drawing units: a degree of longitude is shorter by the cosine of the latitude. */
function projection(all) {
  const points = all.flatMap((feature) => rings(feature.geometry).flat());
  const bounds = points.reduce(([w, so, e, n], [x, y]) => [Math.min(w, x), Math.min(so, y), Math.max(e, x), Math.max(n, y)], [180, 90, -180, -90]);
  const [west, south, east, north] = bounds;
  const squeeze = Math.cos(((south + north) / 2) * (Math.PI / 180));
  const scale = WIDTH / Math.max((east - west) * squeeze, 1e-9);
  const project = ([x, y]) => [(x - west) * squeeze * scale, (north - y) * scale];
  project.height = (north - south) * scale;
  return project;
}

function path(geometry, project) {
  return rings(geometry).map((ring) => "M" + ring.map((point) => project(point).map((n) => n.toFixed(1)).join(" ")).join("L") + "Z").join("");
}

function centre(geometry, project) {
  const points = rings(geometry)[0].map(project);
  let [area, x, y] = [0, 0, 0];
  for (let i = 0, j = points.length - 1; i < points.length; j = i++) {
    const cross = points[j][0] * points[i][1] - points[i][0] * points[j][1];
    area += cross;
    x += (points[j][0] + points[i][0]) * cross;
    y += (points[j][1] + points[i][1]) * cross;
  }
  return Math.abs(area) < 1e-6 ? points[0] : [x / (3 * area), y / (3 * area)];
}
