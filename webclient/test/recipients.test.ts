import assert from "node:assert/strict";
import { test } from "node:test";
import { isAddress, MAX_RECIPIENTS, readRecipients, recipientText, withRecipients } from "../src/compose/recipient-text.js";
import { PeopleSearch, type Person } from "../src/compose/people-search.js";

const emails = (text: string): string[] => readRecipients(text).map((item) => item.email);

test("a pasted list is read as mail programs write it", () => {
  assert.deepEqual(readRecipients('Ann Berg <ann@x.test>, bob@x.test; "Öz, Bob" <b.oz@x.test>\nmailto:c@x.test'), [
    { name: "Ann Berg", email: "ann@x.test" },
    { name: "", email: "bob@x.test" },
    { name: "Öz, Bob", email: "b.oz@x.test" },
    { name: "", email: "c@x.test" },
  ]);
});

test("blanks part bare addresses, and a comma may be missing after a bracket", () => {
  assert.deepEqual(emails("a@x.test b@x.test\tc@x.test"), ["a@x.test", "b@x.test", "c@x.test"]);
  assert.deepEqual(readRecipients("Ann <a@x.test> Bob <b@x.test>"), [
    { name: "Ann", email: "a@x.test" },
    { name: "Bob", email: "b@x.test" },
  ]);
});

test("a name that only repeats the address is none; quotes and escapes go", () => {
  assert.deepEqual(readRecipients('"a@x.test" <A@x.test>'), [{ name: "", email: "A@x.test" }]);
  assert.deepEqual(readRecipients('"Ann \\"Annie\\" B" <a@x.test>')[0]?.name, 'Ann "Annie" B');
  assert.deepEqual(readRecipients("'Ann' <a@x.test>")[0]?.name, "Ann");
});

test("what is no address stays to be seen, and is known as none", () => {
  assert.deepEqual(emails("Ann Berg, , ;\n <unfinished"), ["Ann Berg", "unfinished"]);
  for (const bad of ["", "a", "a@", "@x.test", "a@b", "a b@x.test", "a@x..test", ".a@x.test", "a..b@x.test", "a@-x.test", "a@x.test>", `${"a".repeat(65)}@x.test`, "a@x.test\u0000", "a@x.test\r\nBcc: b@x.test"]) {
    assert.ok(!isAddress(bad), bad);
  }
  for (const good of ["a@x.test", "a.b+tag@sub.x.test", "jörg@exämple.test", "用户@例子.测试", "o'brien@x.test"]) assert.ok(isAddress(good), good);
});

test("a line break never gets into an address", () => {
  assert.deepEqual(emails("a@x.test\r\nBcc: b@x.test"), ["a@x.test", "Bcc: b@x.test"]);
  assert.deepEqual(emails('"open <a@x.test>\nb@x.test'), ['a@x.test', "b@x.test"]);
});

test("texts are read back as they are written", () => {
  for (const item of [{ name: "Ann", email: "a@x.test" }, { name: 'Öz, "B"', email: "b@x.test" }, { name: "", email: "c@x.test" }, { name: "A\\B", email: "d@x.test" }]) {
    assert.deepEqual(readRecipients(recipientText(item)), [item]);
  }
});

test("hostile pastes are bounded and take no time", () => {
  const start = Date.now();
  assert.equal(readRecipients("a@x.test,".repeat(50_000)).length, MAX_RECIPIENTS);
  readRecipients("<".repeat(200_000));
  readRecipients("a> ".repeat(100_000));
  readRecipients('"'.repeat(200_001));
  isAddress(`${"a.".repeat(100_000)}@x`);
  assert.ok(Date.now() - start < 2_000);
});

test("nobody is entered twice; a name is learnt", () => {
  const list = withRecipients([{ name: "", email: "a@x.test" }], [
    { name: "Ann", email: "A@X.test" },
    { name: "", email: "b@x.test" },
  ]);
  assert.deepEqual(list, [
    { name: "Ann", email: "a@x.test" },
    { name: "", email: "b@x.test" },
  ]);
});

const pause = (time: number): Promise<void> => new Promise((done) => setTimeout(done, time));

test("only the last of several quick questions is asked; its answer is remembered", async () => {
  const asked: string[] = [];
  const shown: (readonly Person[])[] = [];
  const ann: Person = { name: "Ann", email: "a@x.test", kind: "earlier" };
  const search = new PeopleSearch((people) => shown.push(people), (words) => {
    asked.push(words);
    return Promise.resolve([ann]);
  });
  search.ask("a");
  search.ask("an");
  search.ask("ann");
  await pause(150);
  search.ask(" ANN ");
  assert.deepEqual(asked, ["ann"]);
  assert.deepEqual(shown, [[ann], [ann]]);
});

test("an answer that comes after the field was left is not shown; a failure neither", async () => {
  const shown: (readonly Person[])[] = [];
  const late = new PeopleSearch((people) => shown.push(people), async () => {
    await pause(60);
    return [];
  });
  late.ask("late");
  await pause(120);
  late.cancel();
  const failing = new PeopleSearch((people) => shown.push(people), () => Promise.reject(new Error("no network")));
  failing.ask("failing");
  await pause(150);
  assert.deepEqual(shown, []);
});
