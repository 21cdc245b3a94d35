// One EventSource that never gives up. Used in the shared worker, or in the page where there is none.

const NAMES = ["hello", "entry", "heartbeat", "reset"];

/** Keep `/api/v1/stream` open and hand every event to `tell({name, data})`; a lost connection is told as `lost`. */
export function listen(tell) {
  let last = "";
  let source = null;
  const open = () => {
    source = new EventSource("/api/v1/stream" + (last ? "?since=" + last : ""));
    for (const name of NAMES) {
      source.addEventListener(name, (event) => {
        if (event.lastEventId) last = event.lastEventId;
        tell({ name, data: JSON.parse(event.data) });
      });
    }
    source.onerror = () => {
      tell({ name: "lost", data: {} });
      // The browser comes back by itself, except after an answer that was no stream (a proxy's 502): then we do.
      if (source.readyState === EventSource.CLOSED) setTimeout(open, 2000);
    };
  };
  open();
}
