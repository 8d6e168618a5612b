// A proxy that ends TLS, as nginx would before the service: https and plain http on one port, told
// apart by the first byte, because the service redirects to the port of its public origin.

import { execFile } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import http from "node:http";
import https from "node:https";
import net from "node:net";
import os from "node:os";
import path from "node:path";
import { promisify } from "node:util";

const HOST = "localhost";
const TLS_HANDSHAKE = 0x16;

/**
 * Starts the front on a free port, with a folder for secrets that goes when it stops; `forwardTo`
 * names the port of the service later.
 */
export async function startFront() {
  const folder = await mkdtemp(path.join(os.tmpdir(), "portcullis-web-"));
  const { key, cert, authority } = await certificate(folder);
  let target;
  const handler = (scheme) => (request, response) => forward(scheme, target, request, response);
  const plain = http.createServer(handler("http"));
  const tls = https.createServer({ key, cert }, handler("https"));
  const sockets = new Set();
  const both = net.createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => socket.destroy());
    socket.once("close", () => sockets.delete(socket));
    socket.once("readable", () => {
      const first = socket.read(1);
      if (!first) return;
      socket.unshift(first);
      (first[0] === TLS_HANDSHAKE ? tls : plain).emit("connection", socket);
    });
  });
  both.listen(0, "127.0.0.1");
  await once(both, "listening");
  const { port } = both.address();
  const stop = async () => {
    const closed = once(both, "close");
    both.close();
    for (const socket of sockets) socket.destroy();
    await closed;
    await rm(folder, { recursive: true, force: true });
  };
  const forwardTo = (chosen) => {
    target = chosen;
  };
  return { url: `https://${HOST}:${port}`, host: HOST, port, folder, authority, forwardTo, stop };
}

function forward(scheme, port, request, response) {
  const headers = {
    ...request.headers,
    "x-forwarded-for": request.socket.remoteAddress,
    "x-forwarded-proto": scheme,
    "x-forwarded-host": request.headers.host,
  };
  const { method, url } = request;
  const onward = http.request({ host: "127.0.0.1", port, method, path: url, headers }, (answer) => {
    response.writeHead(answer.statusCode, answer.rawHeaders);
    response.flushHeaders();
    answer.pipe(response);
  });
  onward.on("error", () => response.destroy());
  response.on("close", () => onward.destroy());
  request.pipe(onward);
}

/** A certificate for this run, signed by an authority of this run, whose file is in `folder`. */
async function certificate(folder) {
  const file = (name) => path.join(folder, name);
  const openssl = (...flags) => promisify(execFile)("openssl", flags);
  const fresh = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-noenc"];
  const request = ["req", "-x509", "-days", "2", ...fresh];
  const authority = file("authority.pem");
  await openssl(
    ...request,
    ...["-subj", "/CN=portcullis tests", "-keyout", file("authority.key"), "-out", authority],
    ...["-addext", "keyUsage=critical,keyCertSign"],
  );
  await openssl(
    ...[...request, "-CA", authority, "-CAkey", file("authority.key")],
    ...["-subj", `/CN=${HOST}`, "-keyout", file("host.key"), "-out", file("host.pem")],
    ...["-addext", `subjectAltName=DNS:${HOST}`, "-addext", "basicConstraints=critical,CA:FALSE"],
  );
  const [key, cert] = await Promise.all([readFile(file("host.key")), readFile(file("host.pem"))]);
  return { key, cert, authority };
}
