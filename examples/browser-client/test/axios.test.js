// axios, with its requests sent by the client.

import assert from "node:assert/strict";
import { describe, it } from "node:test";

import axios from "axios";

import { axiosOptions } from "../dist/axios.js";
import { ClientError } from "../dist/client.js";
import { HOME, Profile, REFRESH, reply } from "./support.js";

describe("axios", () => {
  it("sends as the user, refreshed, with the CSRF value", async () => {
    const { service, api } = through();
    const { data, status } = await api.post("/x", { a: 1 });
    assert.deepEqual([data, status], [{ ok: true }, 200]);
    const { token, csrf, body } = service.last("POST /x");
    assert.deepEqual([token, csrf, body], [service.token, "from-cookie", '{"a":1}']);
    assert.equal(service.count(REFRESH), 1);
  });

  it("sends again after a 401, once for all that wait", async () => {
    const { service, api } = through();
    await api.get("/warm-up");
    service.valid.clear();
    const paths = ["/a", "/b", "/c"];
    const answers = await Promise.all(paths.map((path) => api.put(path, { path })));
    assert.deepEqual(answers.map(({ status }) => status), [200, 200, 200]);
    assert.equal(service.count(REFRESH), 2);
    for (const path of paths) {
      assert.equal(service.count(`PUT ${path}`), 2);
      assert.equal(service.last(`PUT ${path}`).body, JSON.stringify({ path }));
    }
  });

  it("gives no credentials to another origin", async () => {
    const { service, api } = through();
    await api.get("/warm-up");
    service.next("POST /x", reply(200));
    await api.post("https://other.example/x", {});
    const { token, csrf } = service.last("POST /x");
    assert.deepEqual([token, csrf], [null, null]);
  });

  it("tells what went wrong in the same code and sentence", async () => {
    const { service, api } = through();
    service.next(REFRESH, reply(503));
    await assert.rejects(api.get("/x"), (problem) => {
      assert.ok(axios.isAxiosError(problem));
      assert.ok(problem.cause instanceof ClientError);
      assert.equal(problem.code, "unavailable");
      assert.equal(problem.message, "The service is busy. Please try again.");
      return true;
    });
  });

  it("rejects a lasting 401 as it always does", async () => {
    const { service, api } = through();
    service.next("GET /x", reply(401), reply(401));
    await assert.rejects(api.get("/x"), ({ response }) => response.status === 401);
    assert.equal(service.count("GET /x"), 2);
  });
});

function through() {
  const profile = new Profile();
  const api = axios.create({ baseURL: HOME, ...axiosOptions(profile.tab().client) });
  return { service: profile.service, api };
}
