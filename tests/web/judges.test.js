// What two judges say of the headers: the MDN HTTP Observatory and Google's CSP evaluator.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import https from "node:https";
import { readFile } from "node:fs/promises";
import { after, before, describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

import evaluator from "csp_evaluator/dist/evaluator.js";
import finding from "csp_evaluator/dist/finding.js";
import parser from "csp_evaluator/dist/parser.js";

import { startInProduction } from "./support/chat.js";

const { CspEvaluator, DEFAULT_CHECKS, STRICTCSP_CHECKS } = evaluator;
const { Severity, Type } = finding;

/** Pages, and answers that are none: the headers hold on all of them. */
const PATHS = ["/", "/static/app.js", "/api/auth/me/", "/chat/history", "/nowhere"];

describe("the service in production", () => {
  let chat, authority;

  before(async () => {
    chat = await startInProduction();
    authority = await readFile(chat.authority);
  });

  after(() => chat?.stop());

  it("gets the top grade of the MDN HTTP Observatory", async () => {
    const program = fileURLToPath(new URL("observe.js", import.meta.url));
    const environment = { ...process.env, NODE_EXTRA_CA_CERTS: chat.authority };
    const { stdout } = await promisify(execFile)(
      process.execPath,
      [program, chat.host, String(chat.port)],
      { env: environment },
    );
    const { status, score, grade, results } = JSON.parse(stdout);
    for (const { name, result, modifier } of results) {
      console.log(`${String(modifier).padStart(4)}  ${name}: ${result}`);
    }
    console.log(`${String(score).padStart(4)}  ${grade}`);
    assert.equal(status, 200);
    assert.equal(grade, "A+", JSON.stringify(results, null, 2));
    assert.deepEqual(results.filter(({ pass }) => !pass), []);
  });

  it("leaves Google's CSP evaluator nothing high or medium to find", async () => {
    for (const path of PATHS) {
      const { headers } = await get(chat.url + path, authority);
      const text = headers["content-security-policy"];
      assert.ok(text, `${path} has a policy`);
      const parsed = new parser.CspParser(text).csp;
      const found = new CspEvaluator(parsed).evaluate(DEFAULT_CHECKS, STRICTCSP_CHECKS);
      for (const { severity, type, directive, value } of found) {
        const what = `${Severity[severity]} ${Type[type]} ${directive} ${value ?? ""}`;
        console.log(`${path}: ${what}`);
        assert.ok(severity > Severity.MEDIUM, `${path}: ${what}: ${text}`);
      }
    }
  });

  it("draws a new nonce for every page, and no cache keeps it", async () => {
    const nonces = new Set();
    for (let round = 0; round < 3; round += 1) {
      const { headers } = await get(chat.url, authority);
      const policy = headers["content-security-policy"];
      nonces.add(/script-src 'nonce-([^']{22,})'/.exec(policy)?.[1]);
      assert.match(headers["cache-control"], /no-store/);
    }
    assert.equal(nonces.size, 3);
    assert.equal(nonces.has(undefined), false);
  });

  it("sends a visitor who comes by plain http to the same port by https", async () => {
    const plain = chat.url.replace("https:", "http:");
    const answer = await fetch(`${plain}/?a=b`, { redirect: "manual" });
    assert.equal(answer.status, 308);
    assert.equal(answer.headers.get("location"), `${chat.url}/?a=b`);
    assert.equal(answer.headers.get("strict-transport-security"), null);
  });
});

/** One request that trusts `authority`; its status and headers. */
function get(url, authority) {
  return new Promise((resolve, reject) => {
    const request = https.get(url, { ca: authority, agent: false }, (answer) => {
      answer.resume();
      answer.once("end", () => resolve({ status: answer.statusCode, headers: answer.headers }));
    });
    request.once("error", reject);
  });
}
