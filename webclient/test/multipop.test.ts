import assert from "node:assert/strict";
import { test } from "node:test";
import { Problem } from "../src/core/http.js";
import { bodyOf, withTls } from "../src/settings/multipop-form.js";

const form = { host: " pop.example.test ", port: "995", user: "alice", password: "", tls: "tls", leave: false } as const;

test("a password left empty is not sent, so the kept one stays", () => {
  assert.deepEqual(bodyOf(form), { host: "pop.example.test", port: 995, user: "alice", tls: "tls", leave: false });
  assert.equal(bodyOf({ ...form, password: " x " }).password, " x ");
});

test("encryption brings its port along, unless another was chosen", () => {
  assert.equal(withTls(form, "stls").port, "110");
  assert.equal(withTls({ ...form, port: "2995" }, "stls").port, "2995");
});

test("a problem tells which field it is about", () => {
  const problem = new Problem(422, "Invalid", "The box could not be saved.", [{ path: "port", detail: "Too large." }]);
  assert.equal(problem.field("port"), "Too large.");
  assert.equal(problem.field("host"), undefined);
  assert.equal(problem.message, "The box could not be saved.");
});
