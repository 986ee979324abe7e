import assert from "node:assert/strict";
import { test } from "node:test";
import type { JmapClient } from "../src/jmap/client.js";
import { bodyOf, formOf as identityForm, IdentitiesModel } from "../src/settings/identities-model.js";
import { complaint, refusalOf } from "../src/settings/refusal.js";
import { htmlOfText } from "../src/settings/rich-text.js";
import { faultsOf, formOf, localTime, patchOf, savedText, statusOf, utcDate, VacationModel, type Vacation } from "../src/settings/vacation-model.js";

const AWAY: Vacation = {
  id: "singleton",
  isEnabled: true,
  fromDate: "2026-07-01T06:00:00Z",
  toDate: null,
  subject: null,
  textBody: "Away & <out>",
  htmlBody: null,
  periodDays: 7,
  excludedAddresses: ["*@lists.test", "boss@x.test"],
  answersColleagues: false,
};

test("a reply that was read is sent back as it was", () => {
  const patch = patchOf(formOf(AWAY), true);
  assert.deepEqual({ id: "singleton", ...patch }, { ...AWAY, htmlBody: '<p style="margin:0">Away &amp; &lt;out&gt;</p>' });
});

test("what only this server has is sent to no other", () => {
  assert.deepEqual(Object.keys(patchOf(formOf(AWAY), false)).sort(), ["fromDate", "htmlBody", "isEnabled", "subject", "textBody", "toDate"]);
});

test("empty fields are null, lists are cut at blanks, commas and lines", () => {
  const form = { ...formOf(AWAY), text: "  ", html: "<p></p>", subject: " ", from: "", excluded: "a@x.test, *@b.test\n\n a@x.test;c@x.test" };
  const patch = patchOf(form, true);
  assert.deepEqual([patch.textBody, patch.htmlBody, patch.subject, patch.fromDate], [null, null, null, null]);
  assert.deepEqual(patch.excludedAddresses, ["a@x.test", "*@b.test", "c@x.test"]);
});

test("local times come back as the same moment; broken ones are none", () => {
  assert.equal(utcDate(localTime("2026-07-01T06:30:00Z")), "2026-07-01T06:30:00Z");
  assert.equal(utcDate("nonsense"), null);
  assert.equal(localTime("nonsense"), "");
  assert.equal(localTime(null), "");
});

test("what cannot be is said before it is sent", () => {
  assert.deepEqual(faultsOf(formOf(AWAY)), {});
  for (const days of ["0", "61", "1.5", "x", ""]) assert.ok(faultsOf({ ...formOf(AWAY), days })["periodDays"], days);
  assert.ok(faultsOf({ ...formOf(AWAY), from: "2026-07-02T00:00", to: "2026-07-01T00:00" })["toDate"]);
});

test("whether replies are sent now", () => {
  const form = { ...formOf(AWAY), from: "2026-07-01T00:00", to: "2026-07-10T00:00" };
  const at = (local: string): number => new Date(local).getTime();
  assert.equal(statusOf(form, at("2026-06-30T23:00")), "waiting");
  assert.equal(statusOf(form, at("2026-07-05T00:00")), "active");
  assert.equal(statusOf(form, at("2026-07-10T00:00")), "over");
  assert.equal(statusOf({ ...form, on: false }, at("2026-07-05T00:00")), "off");
  assert.match(savedText(form, at("2026-07-05T00:00")), /are on/);
  assert.match(savedText(form, at("2026-07-10T00:00")), /over: nobody/);
  assert.match(savedText({ ...form, on: false }, at("2026-07-10T00:00")), /are off/);
});

/** A client that gives the answers in turn and remembers what it was asked. */
function client(...answers: unknown[]): { asked: [string, Record<string, unknown>][]; client: JmapClient } {
  const asked: [string, Record<string, unknown>][] = [];
  const call = (name: string, args: Record<string, unknown>): Promise<unknown> => {
    asked.push([name, args]);
    const answer = answers.shift();
    return answer instanceof Error ? Promise.reject(answer) : Promise.resolve(answer);
  };
  return { asked, client: { call } as unknown as JmapClient };
}

test("a refusal is shown at its field and keeps what was written", async () => {
  const refused = { notUpdated: { singleton: { type: "invalidProperties", properties: ["subject"], description: "too long" } } };
  const { client: made } = client({ list: [AWAY] }, refused, { updated: { singleton: null } });
  const model = new VacationModel(made);
  await model.load();
  assert.equal(model.more.value, true);
  model.change({ subject: "Gone" });
  assert.equal(await model.save(), false);
  assert.equal(complaint(model.refusal.value, "subject"), "too long");
  assert.equal(complaint(model.refusal.value, "toDate"), undefined);
  assert.ok(model.dirty.value);
  assert.equal(model.form.value?.subject, "Gone");
  assert.equal(await model.save(), true);
  assert.ok(!model.dirty.value);
});

test("without a network the form stays and says so", async () => {
  const { client: made } = client({ list: [AWAY] }, new TypeError("fetch failed"));
  const model = new VacationModel(made);
  await model.load();
  model.change({ on: false });
  assert.equal(await model.save(), false);
  assert.equal(model.refusal.value?.text, "The server cannot be reached.");
});

test("the address of an identity is sent once: when it is made", async () => {
  const form = { ...identityForm(null), name: " Ada ", email: " sales@x.test", text: "Ada", html: "<p>Ada</p>", replyTo: [{ name: "", email: "r@x.test" }] };
  assert.equal(bodyOf(form, true)["email"], "sales@x.test");
  assert.deepEqual(bodyOf(form, false), { name: "Ada", replyTo: [{ name: null, email: "r@x.test" }], bcc: null, textSignature: "Ada", htmlSignature: "<p>Ada</p>" });
  const { asked, client: made } = client({ notCreated: { new: { type: "forbiddenFrom", description: "not yours" } } }, { destroyed: ["i1"] }, { list: [] });
  const model = new IdentitiesModel(made);
  assert.deepEqual(await model.save(form, null), { text: "not yours", properties: [] });
  assert.equal(await model.remove("i1"), null);
  assert.deepEqual(asked.map(([name]) => name), ["Identity/set", "Identity/set", "Identity/get"]);
});

test("a signature without words is none", () => {
  assert.equal(bodyOf({ ...identityForm(null), html: "<p><br></p>", text: "\n" }, false)["htmlSignature"], "");
});

test("a signature of another program, in plain text only, can be edited", () => {
  const form = identityForm({ id: "i", name: "", email: "a@x.test", replyTo: null, bcc: null, textSignature: "Ada\n<b>", htmlSignature: "", mayDelete: false });
  assert.equal(form.html, '<p style="margin:0">Ada</p><p style="margin:0">&lt;b&gt;</p>');
});

test("a refusal without words has some", () => {
  assert.equal(refusalOf({ type: "overQuota" })?.text, "The mail server refused this (overQuota).");
  assert.equal(refusalOf(undefined), null);
  assert.equal(htmlOfText(""), '<p style="margin:0"><br></p>');
});
