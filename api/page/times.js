// Response times: the median, the ninetieth percentile and the share in target of each stage. Never a bare mean.

import { h } from "./dom.js";
import { shape } from "./icons.js";
import { lasting, t, word } from "./say.js";

const LEVELS = ["red", "orange", "yellow", "blue"];
const SPANS = ["told", "acknowledged", "handled", "closed"];

/** A table of levels by stages. */
export function drawTimes(box, { figures, targets }) {
  const known = new Map(figures.map((figure) => [figure.level + figure.span, figure]));
  const levels = LEVELS.filter((level) => SPANS.some((span) => known.has(level + span)));
  if (!levels.length) {
    box.replaceChildren(h("p.empty", {}, t("empty.times")));
    return;
  }
  const impossible = figures.reduce((sum, figure) => sum + figure.impossible, 0);
  box.replaceChildren(
    h("table", {},
      h("thead", {}, h("tr", {}, h("td", {}), ...SPANS.map((span) => h("th", { scope: "col" }, t("span." + span))))),
      h("tbody", {}, ...levels.map((level) =>
        h("tr." + level, {},
          h("th", { scope: "row" }, shape(level), word("level", level)),
          ...SPANS.map((span) => cell(known.get(level + span), targets[level]?.[span])))))),
    impossible ? h("p.quiet", {}, t("times.impossible", { n: impossible })) : "",
  );
}

function cell(figure, target) {
  if (!figure) return h("td.none", {}, "—");
  const share = figure.share === null ? null : Math.round(figure.share * 100);
  const title = [`P50 ${lasting(figure.p50)}`, `P90 ${lasting(figure.p90)}`, target ? `${t("times.target")} ${lasting(target)}` : "", `${t("times.n")} ${figure.measured}`].filter(Boolean).join(" · ");
  const bar = h("i");
  if (share !== null) bar.style.width = share + "%";
  return h("td", { title },
    h("b", {}, lasting(figure.p50)),
    h("span", {}, share === null ? null : h("em" + tone(share), {}, share + "%"), lasting(figure.p90)),
    h("span.bar" + tone(share), {}, bar));
}

function tone(share) {
  return share === null ? "" : share >= 90 ? ".good" : share >= 70 ? ".fair" : ".poor";
}
