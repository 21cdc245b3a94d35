// Asking and telling the server. A refusal becomes an Error whose message is what the server said, in the reader's language.

import { tongue } from "./say.js";

async function call(path, options = {}) {
  const headers = { "Accept-Language": tongue(), ...(options.body ? { "Content-Type": "application/json" } : {}), ...options.headers };
  const response = await fetch("/api/v1" + path, { ...options, headers });
  const body = await response.json();
  if (!response.ok) throw new Error(body.title ? body.title + " " + (body.detail || "") : response.statusText);
  return body;
}

export const get = (path) => call(path);

/** `key` makes the request happen once, however often it is sent. */
export const post = (path, body, key = "") => call(path, { method: "POST", body: JSON.stringify(body), headers: key ? { "Idempotency-Key": key } : {} });
