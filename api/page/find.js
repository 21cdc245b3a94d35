// Finding a case by a number: of a work order, a device, a camera or a call.

import { get } from "./api.js";
import { t } from "./say.js";

/** Let a number be asked for; `open` gets the id of the case that has it, one that goes on before one that was merged into it. */
export function finder(form, input, open) {
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const asked = input.value.trim();
    if (!asked) return;
    const { alerts } = await get("/alerts?limit=20&subject=" + encodeURIComponent(asked));
    const found = alerts.find((alert) => !alert.merged_into) ?? alerts[0];
    input.setCustomValidity(found ? "" : t("find.nothing", { asked }));
    if (!found) return input.reportValidity();
    input.value = "";
    open(found.id);
  });
  input.addEventListener("input", () => input.setCustomValidity(""));
}
