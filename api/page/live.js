// The page's end of the live stream, and how old what it shows is.

import { listen } from "./stream.js";

const STALE = 12000; // two heartbeats and a little: the picture may be old
const DEAD = 30000;

export const link = { state: "opening", heard: 0, skew: 0 };

/** The server's time: ages and countdowns are true even where the computer's clock is not, or where a recording is played. */
export function serverNow() {
  return Date.now() + link.skew;
}

/** How the connection is: opening, live, stale or dead. */
export function standing() {
  if (!link.heard) return "opening";
  const silent = Date.now() - link.heard;
  if (silent > DEAD) return "dead";
  return link.state === "lost" || silent > STALE ? "stale" : "live";
}

/** Listen; `on` has a function per event name: hello, entry, reset, lost. */
export function connect(on) {
  const tell = ({ name, data }) => {
    if (name === "lost") {
      link.state = "lost";
    } else if (name !== "joined") {
      link.state = "live";
      link.heard = Date.now();
      if (data.at) link.skew = Date.parse(data.at) - Date.now();
    }
    on[name]?.(data);
  };
  try {
    const worker = new SharedWorker("live-worker.js", { type: "module", name: "tocsin" });
    worker.port.onmessage = (event) => tell(event.data);
    worker.port.start();
    worker.onerror = () => listen(tell);
    window.addEventListener("pagehide", () => worker.port.postMessage("bye"));
  } catch {
    listen(tell);
  }
}
