// What people's telephones show: texts and calls, newest first, and how far each got.

import { h, keyed } from "./dom.js";
import { icon } from "./icons.js";
import { written } from "./orders.js";
import { at, stateWord, t, word } from "./say.js";

/** Draw the outbox; a click on a notice opens its alert. */
export function drawPhones(list, notices, open) {
  notices = notices.filter((notice) => !notice.carrier); // what travels in another message is on no telephone by itself
  if (!notices.length) {
    list.replaceChildren(h("li.empty", {}, t("empty.outbox")));
    return;
  }
  list.querySelector(":scope > .empty")?.remove();
  keyed(list, notices, {
    key: (notice) => notice.key,
    stamp: (notice) => [notice.state, notice.attempts, document.documentElement.lang].join(),
    draw: (notice) => bubble(notice, open),
  });
}

function bubble(notice, open) {
  const moved = notice.finished_at ?? notice.delivered_at ?? notice.sent_at ?? notice.created_at;
  return h("li." + ["bubble", notice.channel, notice.state, notice.level].join("."), {},
    h("button", { type: "button", onclick: () => open(notice.cases[0] ?? notice.alert) },
      h("span.from", {}, icon(notice.reason === "order" ? "hotline" : notice.channel), h("b", {}, notice.name), h("span.quiet", {}, word("role", notice.role)), h("span.spacer"), h("time", {}, at(moved))),
      h("span.text", {}, notice.reason === "order" ? written(notice.text) : notice.text),
      h("span.end", {}, h("span.quiet", {}, `${word("channel", notice.channel)} · ${word("reason", notice.reason)}`), h("span.spacer"), h("span.who." + notice.state, {}, stateWord(notice.channel, notice.state)), notice.state === "failed" && notice.error ? h("span.error", {}, word("why", notice.error)) : null)));
}
