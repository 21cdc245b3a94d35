// A browser opens at most six connections to a server over HTTP/1.1, and an open stream takes one for good. One shared
// worker holds the only stream, so that a seventh tab still loads.

import { listen } from "./stream.js";

const ports = new Set();
let greeted = null;
let lost = false;

function tell(message) {
  if (message.name === "hello") greeted = message;
  lost = message.name === "lost";
  for (const port of ports) port.postMessage(message);
}

self.onconnect = (event) => {
  const [port] = event.ports;
  ports.add(port);
  port.onmessage = (message) => {
    if (message.data === "bye") ports.delete(port);
  };
  if (lost) port.postMessage({ name: "lost", data: {} });
  else if (greeted) port.postMessage({ name: "joined", data: {} });
};

listen(tell);
