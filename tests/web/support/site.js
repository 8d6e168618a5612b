// A site with the browser client on it: its page and files, and the service behind the same origin.

import { once } from "node:events";
import { access, readFile } from "node:fs/promises";
import http from "node:http";
import path from "node:path";
import { fileURLToPath } from "node:url";

const BUILT = fileURLToPath(new URL("../../../examples/browser-client/dist/", import.meta.url));

/** What the tests call in each tab. */
const SCRIPT = `
import { createClient } from "./client.js";
import { stream } from "./stream.js";

window.ended = [];
window.logins = [];
window.pieces = [];
window.start = (options) => {
  window.client = createClient({
    onEnded: ({ code, message }) => window.ended.push({ code, message }),
    onLogin: (user) => window.logins.push(user),
    ...options,
  });
};
/** What became of a call: its value, or its error without what cannot leave the page. */
window.outcome = (call) =>
  call.then(
    (value) => ({ value }),
    ({ name, code, message, status }) => ({ name, code, message, status }),
  );
window.statuses = (paths, init) =>
  Promise.all(paths.map(async (path) => (await window.client.request(path, init)).status));
window.ask = async (message) => {
  window.pieces = [];
  for await (const event of stream(window.client, "/chat/stream", { json: { message } })) {
    window.pieces.push(event);
  }
};
window.ready = true;
`;

const PAGE =
  '<!doctype html><html lang="en"><title>A site</title>' +
  '<script type="module" src="page.js"></script></html>';

/** A policy as strict as the client can live with. */
const POLICY =
  "default-src 'none'; script-src 'self'; " +
  "connect-src 'self' http://localhost:* http://127.0.0.1:*";

/**
 * Starts a site on a free port. `forwardTo` names the service behind it, none for one that is down;
 * `meter` is awaited after each piece of a stream, `received` says how large each request was.
 */
export async function startSite() {
  await access(path.join(BUILT, "client.js")).catch(() => {
    throw new Error("the client is not built: run `npm --prefix examples/browser-client test`");
  });
  const site = { port: undefined, meter: async () => {}, redirect: undefined, received: [] };
  const server = http.createServer(async (request, response) => {
    const { pathname } = new URL(request.url, "http://site");
    if (pathname === "/away") {
      response.writeHead(307, { Location: site.redirect }).end();
    } else if (pathname.startsWith("/client/")) {
      await serve(pathname.slice("/client/".length), response);
    } else if (site.port) {
      forward(site, request, response);
    } else {
      request.socket.destroy();
    }
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  site.url = `http://127.0.0.1:${server.address().port}`;
  site.page = `${site.url}/client/`;
  site.forwardTo = (address) => {
    site.port = address && Number(address.split(":").at(-1));
  };
  site.stop = async () => {
    const closed = once(server, "close");
    server.close();
    server.closeAllConnections();
    await closed;
  };
  return site;
}

/** A site at `url` that runs already: the browser itself puts the client's page on it. */
export function clientOn(url) {
  const prepare = (context) =>
    context.route(`${url}/client/**`, async (route) => {
      const name = new URL(route.request().url()).pathname.slice("/client/".length);
      const { type, body, policy } = await clientFile(name);
      const headers = policy ? { "Content-Security-Policy": policy } : {};
      await route.fulfill({ contentType: type, body, headers });
    });
  return { page: `${url}/client/`, prepare };
}

/** The page, its script, or a file of the built client. */
async function clientFile(name) {
  if (name === "") return { type: "text/html", body: PAGE, policy: POLICY };
  if (name === "page.js") return { type: "text/javascript", body: SCRIPT };
  const body = await readFile(path.join(BUILT, path.basename(name)), "utf8");
  return { type: "text/javascript", body };
}

async function serve(name, response) {
  try {
    const { type, body, policy } = await clientFile(name);
    const headers = { "Content-Type": type, "Cache-Control": "no-store" };
    if (policy) headers["Content-Security-Policy"] = policy;
    response.writeHead(200, headers).end(body);
  } catch {
    response.writeHead(404).end();
  }
}

function forward(site, request, response) {
  const { method, url, headers } = request;
  const options = { host: "127.0.0.1", port: site.port, method, path: url, headers };
  const onward = http.request(options, async (answer) => {
    response.writeHead(answer.statusCode, answer.rawHeaders);
    response.flushHeaders();
    try {
      for await (const piece of answer) {
        response.write(piece);
        if (answer.headers["content-type"]?.startsWith("text/event-stream")) {
          await site.meter(piece.toString());
        }
      }
      response.end();
    } catch {
      response.destroy();
    }
  });
  onward.on("error", () => request.socket.destroy());
  response.on("close", () => onward.destroy());
  const entry = { what: `${method} ${url}`, bytes: 0 };
  site.received.push(entry);
  request.on("data", (piece) => {
    entry.bytes += piece.length;
  });
  request.pipe(onward);
}
