// Small line drawings: what kind of trouble, which sense saw it, over which channel somebody is told. A level has a shape as well as a colour.

import { s } from "./dom.js";

const LINES = {
  fire: "M12 3c1 3 5 5 5 10a5 5 0 0 1-10 0c0-2 1-3.5 2-4.5.2 1.5.8 2.3 1.6 2.7C10.3 8.5 10.5 5.5 12 3z",
  gas: "M8 21c-2.5 0-4-1.7-4-3.8S5.8 13.5 8 13.5c.4-2.3 2.2-4 4.6-4 2.7 0 4.6 2 4.7 4.5 1.7.2 2.9 1.6 2.9 3.4 0 2-1.5 3.6-3.6 3.6zM9 3c-1 1.2 1 1.8 0 3M14 3c-1 1.2 1 1.8 0 3",
  flood: "M12 3.5c2.5 3 4 5 4 7a4 4 0 0 1-8 0c0-2 1.5-4 4-7zM3 19c1.5-1.3 3-1.3 4.5 0s3 1.3 4.5 0 3-1.3 4.5 0 3 1.3 4.5 0",
  tilt: "M3 20h18M7 20 11 4l6 1.6L13.5 20",
  sos: "M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18zM12 7.5v5.5M12 16.5v.01",
  trapped: "M5 21V4h14v17M9 4v17M15 4v17M5 12h14",
  temperature: "M10 14V5a2 2 0 0 1 4 0v9a4 4 0 1 1-4 0zM12 10v7",
  battery: "M3 8h15v8H3zM18 11h2.5v2H18M6 10.5v3",
  deviation: "M3 14h4l2-8 4 13 2.5-8L17 14h4",
  device_silent: "M8.5 15.5a5 5 0 0 1 0-7M15.5 8.5a5 5 0 0 1 0 7M12 12v.01M4 4l16 16",
  gateway_silent: "M4 14h16v5H4zM7.5 16.5v.01M8 10.5a5.5 5.5 0 0 1 8 0M4 3.5l16 17",
  hotspot: "M4 5h16v11H9l-5 4z",
  sensor: "M12 12v.01M8.5 15.5a5 5 0 0 1 0-7M15.5 8.5a5 5 0 0 1 0 7M5.7 18.3a9 9 0 0 1 0-12.6M18.3 5.7a9 9 0 0 1 0 12.6",
  camera: "M3 7.5h4L8.5 5h7L17 7.5h4V19H3zM12 16.5a3.5 3.5 0 1 0 0-7 3.5 3.5 0 0 0 0 7z",
  hotline: "M5 13v-1a7 7 0 0 1 14 0v1M4 13h3v6H5.5A1.5 1.5 0 0 1 4 17.5zM20 13h-3v6h1.5a1.5 1.5 0 0 0 1.5-1.5zM17 19c0 1.5-1.5 2.5-3.5 2.5",
  system: "M12 15.5a3.5 3.5 0 1 0 0-7 3.5 3.5 0 0 0 0 7zM12 3v3M12 18v3M3 12h3M18 12h3M5.6 5.6l2.1 2.1M16.3 16.3l2.1 2.1M18.4 5.6l-2.1 2.1M7.7 16.3l-2.1 2.1",
  sms: "M4 5h16v11.5H10L6 20v-3.5H4zM8 9.5h8M8 12.5h5",
  voice: "M6.5 3.5h3l1.5 4-2 1.5a11 11 0 0 0 6 6l1.5-2 4 1.5v3a2 2 0 0 1-2.2 2A16.5 16.5 0 0 1 4.5 5.7a2 2 0 0 1 2-2.2z",
  log: "M6 3.5h9l3 3v14H6zM9 10h6M9 13.5h6M9 17h4",
  patrol: "M12 11a3.5 3.5 0 1 0 0-7 3.5 3.5 0 0 0 0 7zM5.5 20c.4-4 2.9-6 6.5-6s6.1 2 6.5 6M9.5 17.5l2 2 3.5-4",
  resident: "M4 11l8-7 8 7M6 9.5V20h12V9.5M12 18v-.01M9.5 12.5a2.5 2.5 0 1 1 3.5 2.3c-.7.3-1 .8-1 1.5",
  hazard: "M12 4 3 20h18zM12 10v5M12 17.5v.01",
  fire_lane: "M4 20 9 4h6l5 16M12 7v2.5M12 12v2.5M12 17v2M3 12h4M17 12h4",
  manhole: "M3 12a9 5 0 1 0 18 0 9 5 0 1 0-18 0zM8 12a4 2 0 1 0 8 0 4 2 0 1 0-8 0zM3 12v3c0 2.8 4 5 9 5s9-2.2 9-5v-3",
  pollution: "M3 20V10l5 3v-3l5 3V6h4v14zM15 3.5c1 .8 2.5.8 3.5 0",
  dispute: "M4 5h10v8H8l-4 3zM14 9h6v10l-3-2.5h-6V13",
  need: "M12 20S4 15 4 9.5A4 4 0 0 1 12 8a4 4 0 0 1 8 1.5C20 15 12 20 12 20z",
  road: "M8 3 4 21M16 3l4 18M12 4v3M12 10.5v3M12 17v3",
  light: "M6 21V7a4 4 0 0 1 8 0M11 9.5h7l-1.5-3h-4zM4 21h4M14.5 12.5v2M11.8 12l-1 1.5M17.2 12l1 1.5",
  garbage: "M5 7h14M9.5 7V4.5h5V7M7 7l1 13h8l1-13M10.5 10.5v6M13.5 10.5v6",
  noise: "M4 9.5v5h3.5L12 19V5L7.5 9.5zM15 9a4 4 0 0 1 0 6M17.5 6.5a8 8 0 0 1 0 11",
  building: "M5 21V8l7-4v17M12 10h7v11M3 21h18M8 10v.01M8 13.5v.01M8 17v.01M15.5 13.5v.01M15.5 17v.01",
  hot_issue: "M4 5h16v11H9l-5 4zM8 9h8M8 12h5",
  request: "M6 3.5h9l3 3v14H6zM9 10h6M9 13.5h6M9 17h4",
  matter: "M6 3.5h9l3 3v14H6zM9.5 13h.01M12 13h.01M14.5 13h.01",
  other: "M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18zM12 12v.01",
  back: "M14.5 5 8 12l6.5 7",
  check: "M5 12.5l4.5 4.5L19 7",
  band_green: "M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18zM8 12.3l3 3 5-6",
  band_warn: "M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18zM12 7v5.2l3.4 2",
  band_critical: "M8.2 3h7.6L21 8.2v7.6L15.8 21H8.2L3 15.8V8.2zM12 7.5v5.5M12 16.3v.01",
};

const SHAPES = {
  red: "M4 4h16v16H4z",
  orange: "M12 3l10 18H2z",
  yellow: "M12 2l10 10-10 10L2 12z",
  blue: "M12 3a9 9 0 1 1 0 18 9 9 0 0 1 0-18z",
};

/** A line drawing by name. */
export function icon(name, extra = "") {
  const known = LINES[name] ?? LINES.other;
  return s("svg.icon" + (extra ? "." + extra : ""), { viewBox: "0 0 24 24", "aria-hidden": "true" }, s("path", { d: known }));
}

/** The shape of a level: square, triangle, diamond, disc. */
export function shape(level) {
  return s("svg.shape." + level, { viewBox: "0 0 24 24", "aria-hidden": "true" }, s("path", { d: SHAPES[level] ?? SHAPES.blue }));
}
