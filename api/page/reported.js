// What grid workers and residents reported about a case: their words, their pictures, and how each of them learns the result.

import { post } from "./api.js";
import { h, still, toast } from "./dom.js";
import { operator } from "./form.js";
import { icon } from "./icons.js";
import { at, t, word } from "./say.js";

/** Draw the reports of a case; nothing where there are none. */
export function drawReports(box, whole) {
  const reports = whole.reports ?? [];
  still(box, [reports, whole.alert.over], () => (reports.length ? [h("h3", {}, t("section.reports", { n: reports.length })), h("ul.reports", {}, ...reports.map(row))] : []));
}

function row(report) {
  const who = report.origin === "patrol" ? report.name || report.reporter : report.phone;
  return h("li", {},
    h("p.quiet", {}, icon(report.origin), h("b", {}, word("origin", report.origin)), h("span", {}, who), h("span", {}, word("kind", report.kind)), h("time", {}, at(report.at)),
      h("span.spacer"), h("span", {}, t("reports.told." + report.told)), report.told === "desk" ? reveal(report) : null),
    report.text ? h("p.said", {}, report.text) : null,
    report.address ? h("p.quiet", {}, report.address) : null,
    report.pictures.length ? h("p.pictures", {}, ...report.pictures.map((address, index) => picture(address, index))) : null);
}

/** A picture that is not kept any more is not shown. */
function picture(address, index) {
  const image = h("img", { src: address, alt: t("reports.picture", { n: index + 1 }), loading: "lazy", onerror: () => link.remove() });
  const link = h("a", { href: address, target: "_blank", rel: "noopener" }, image);
  return link;
}

/** The number, for whoever calls back: who looked, and why, goes on the timeline. */
function reveal(report) {
  const button = h("button", { type: "button", onclick: async () => {
    try {
      const { phone } = await post(`/reports/${report.id}/reveal`, { by: operator(), reason: t("reports.reason") });
      button.replaceWith(h("a", { href: "tel:" + phone }, phone));
    } catch (error) {
      toast(error.message, true);
    }
  } }, t("reports.reveal"));
  return button;
}
