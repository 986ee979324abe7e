import assert from "node:assert/strict";
import { test } from "node:test";
import { htmlOfEmail, letterOfDraft, textOfEmail, type Original } from "../src/compose/letter.js";
import { parseMailto } from "../src/compose/mailto.js";
import { beginning, forwardQuote, htmlOfText, NO_QUOTE, quotedText, replyQuote } from "../src/compose/quoting.js";
import { addressedAs, forwardSubject, replyRecipients, replySubject, threadOf } from "../src/compose/replying.js";
import { mentionsFiles, undoSeconds } from "../src/compose/sending.js";
import { emailOf, fileName, mediaType } from "../src/compose/to-email.js";

const OWN = new Set(["alice@example.test", "sales@example.test"]);
const person = (email: string, name: string | null = null): { name: string | null; email: string } => ({ name, email });

export function original(over: Partial<Original> = {}): Original {
  return {
    id: "M1", threadId: "T1", blobId: "B1", mailboxIds: { inbox: true }, keywords: {}, preview: "", receivedAt: "2026-11-23T10:00:00Z", size: 1, hasAttachment: false,
    from: [person("bob@example.org", "Bob")], to: [person("Alice@Example.test", "Alice")], cc: null, bcc: null, replyTo: null, sender: null, sentAt: null,
    subject: "Oak", messageId: ["one@example.org"], inReplyTo: null, references: null,
    textBody: [{ partId: "1", blobId: "P1", size: 1, name: null, type: "text/plain", disposition: null, cid: null }],
    htmlBody: [{ partId: "1", blobId: "P1", size: 1, name: null, type: "text/plain", disposition: null, cid: null }],
    attachments: [], bodyValues: { "1": { value: "Hello\r\n> older\r\n" } }, ...over,
  };
}

const addresses = (list: readonly { email: string }[]): string[] => list.map(({ email }) => email);

test("an answer goes to Reply-To, else to From", () => {
  assert.deepEqual(addresses(replyRecipients(original(), OWN, false).to), ["bob@example.org"]);
  const list = original({ replyTo: [person("list@example.org")] });
  assert.deepEqual(addresses(replyRecipients(list, OWN, false).to), ["list@example.org"]);
  assert.deepEqual(addresses(replyRecipients(original({ replyTo: [] }), OWN, false).to), ["bob@example.org"]);
});

test("an answer to all leaves out one's own addresses and names nobody twice", () => {
  const mail = original({
    to: [person("alice@example.test"), person("carl@example.org"), person("BOB@example.org")],
    cc: [person("Carl@example.org"), person("sales@EXAMPLE.test"), person("dora@example.org", "Dora"), person("dora@example.org")],
  });
  const { to, cc } = replyRecipients(mail, OWN, true);
  assert.deepEqual(addresses(to), ["bob@example.org", "carl@example.org"]);
  assert.deepEqual(cc, [{ name: "Dora", email: "dora@example.org" }]);
  assert.deepEqual(replyRecipients(mail, OWN, false).cc, []);
});

test("an answer to what one wrote goes to those it went to; one to oneself stays one", () => {
  const mine = original({ from: [person("alice@example.test")], to: [person("bob@example.org")], cc: [person("carl@example.org")] });
  assert.deepEqual(addresses(replyRecipients(mine, OWN, false).to), ["bob@example.org"]);
  assert.deepEqual(addresses(replyRecipients(mine, OWN, true).cc), ["carl@example.org"]);
  const note = original({ from: [person("alice@example.test")], to: [person("alice@example.test")] });
  assert.deepEqual(addresses(replyRecipients(note, OWN, true).to), ["alice@example.test"]);
});

test("the subject gets its prefix once, whatever language it had", () => {
  assert.equal(replySubject("Oak"), "Re: Oak");
  assert.equal(replySubject("RE: Aw: re[3]: Oak"), "Re: Oak");
  assert.equal(replySubject("Return of the oak"), "Re: Return of the oak");
  assert.equal(replySubject(null), "Re:");
  assert.equal(forwardSubject("Fw: WG: Oak"), "Fwd: Oak");
  assert.equal(forwardSubject("Re: Oak"), "Fwd: Re: Oak");
});

test("In-Reply-To and References as RFC 5322 section 3.6.4 has them", () => {
  assert.deepEqual(threadOf(original()), { inReplyTo: ["one@example.org"], references: ["one@example.org"] });
  const later = original({ references: ["a@x", "b@x"], inReplyTo: ["b@x"] });
  assert.deepEqual(threadOf(later).references, ["a@x", "b@x", "one@example.org"]);
  assert.deepEqual(threadOf(original({ inReplyTo: ["a@x"] })).references, ["a@x", "one@example.org"]);
  assert.deepEqual(threadOf(original({ inReplyTo: ["a@x", "b@x"] })).references, ["one@example.org"]);
  const long = threadOf(original({ references: Array.from({ length: 500 }, (_, n) => `${n}@x`) })).references;
  assert.equal(long.length, 40);
  assert.deepEqual([long[0], long.at(-1)], ["0@x", "one@example.org"]);
  assert.deepEqual(threadOf(original({ messageId: null })), { inReplyTo: [], references: [] });
});

test("one answers from the address that was written to", () => {
  const mail = original({ to: [person("carl@example.org")], cc: [person("Sales@example.test")] });
  assert.equal(addressedAs(mail, ["alice@example.test", "sales@example.test"]), "sales@example.test");
  assert.equal(addressedAs(original({ to: null }), ["alice@example.test"]), undefined);
});

test("a quotation of text keeps the depth of what it quotes", () => {
  assert.equal(quotedText("one\n\n> two\n>> three\n\n"), "> one\n>\n>> two\n>>> three");
  const { text, html } = replyQuote(original());
  assert.match(text, /Bob <bob@example\.org> wrote:\n> Hello\n>> older$/);
  assert.match(html, /Bob &lt;bob@example\.org&gt; wrote:<\/p><blockquote type="cite">.*Hello.*<blockquote type="cite">.*older.*<\/blockquote>.*<\/blockquote>$/);
});

test("a quotation that is cut says so", () => {
  const cut = original({ bodyValues: { "1": { value: "Long", isTruncated: true } } });
  assert.match(replyQuote(cut).text, /\n> Long\n> \[The rest .*\]$/);
  assert.match(forwardQuote(cut).html, /Long<\/p><p[^>]*>\[The rest/);
});

test("text becomes HTML without becoming markup", () => {
  assert.equal(htmlOfText('<b> & "x"'), '<p style="margin:0">&lt;b&gt; &amp; &quot;x&quot;</p>');
  assert.equal(htmlOfText("> > a\nb").replace(/ style="[^"]*"/g, ""), '<blockquote type="cite"><blockquote type="cite"><p>a</p></blockquote></blockquote><p>b</p>');
});

test("a message passed on stands below its header, with a name that is markup harmless", () => {
  const mail = original({ from: [person("bob@example.org", "<script>")], cc: [person("c@example.org")] });
  const { text, html } = forwardQuote(mail);
  assert.match(text, /^-{10} Forwarded message -{10}\nFrom: <script> <bob@example\.org>\nDate: .*\nSubject: Oak\nTo: Alice <Alice@Example\.test>\nCc: c@example\.org\n\nHello\n> older$/);
  assert.ok(!html.includes("<script>"));
});

test("the text begins with room to write, then signature, then quotation", () => {
  const signature = { text: "Alice\n", html: "" };
  const { text, html } = beginning("", signature, { text: "> q", html: "<blockquote>q</blockquote>" });
  assert.equal(text, "\n\n-- \nAlice\n\n> q");
  assert.ok(html.indexOf("Alice") < html.indexOf("blockquote"));
  assert.deepEqual(beginning("", { text: "", html: "" }, NO_QUOTE), { text: "", html: "" });
  assert.equal(beginning("Body", { text: "", html: "" }, NO_QUOTE).text, "Body");
});

test("mailto links (RFC 6068)", () => {
  const link = parseMailto("mailto:ann@example.org,%22b%2Cc%22@example.org?subject=a%20b&body=one%0D%0Atwo&cc=c@example.org&bcc=d@example.org&to=e@example.org&attach=/etc/passwd");
  assert.deepEqual(addresses(link!.to), ["ann@example.org", '"b,c"@example.org', "e@example.org"]);
  assert.deepEqual([link!.subject, link!.body, addresses(link!.cc), addresses(link!.bcc)], ["a b", "one\ntwo", ["c@example.org"], ["d@example.org"]]);
  assert.equal(parseMailto("https://example.org"), null);
  assert.equal(parseMailto("mailto:?subject=%0d%0aBcc:%20x@y")?.subject, " Bcc: x@y");
  assert.equal(parseMailto("mailto:%zz@example.org")?.to.length, 1);
});

const identity = { id: "I1", name: "Alice", email: "alice@example.test", replyTo: null, bcc: [person("archive@example.test")], textSignature: "", htmlSignature: "" };
const letter = letterOfDraft(original({ subject: "A\r\nBcc: x" }), () => "I1");

test("a plain letter has one text; the identity's own Bcc goes along", () => {
  const email = emailOf(letter, identity, "drafts", "m@x");
  assert.deepEqual(email["mailboxIds"], { drafts: true });
  assert.deepEqual(email["keywords"], { $draft: true, $seen: true });
  assert.equal(email["htmlBody"], undefined);
  assert.equal(email["subject"], "A Bcc: x");
  assert.deepEqual(email["bcc"], [person("archive@example.test")]);
  assert.deepEqual(email["from"], [person("alice@example.test", "Alice")]);
});

test("a formatted letter has both forms, and pictures only if the text shows them", () => {
  const part = (cid: string | null): { blobId: string; name: string; type: string; size: number; cid: string | null } => ({ blobId: `b-${cid}`, name: "p.png", type: "image/png", size: 1, cid });
  const email = emailOf({ ...letter, format: "html", html: '<img src="cid:in">', parts: [part("in"), part("gone"), part(null)] }, identity, "drafts", "m@x");
  assert.deepEqual((email["attachments"] as { cid?: string; disposition: string }[]).map(({ cid, disposition }) => [cid, disposition]), [["in", "inline"], [undefined, "attachment"]]);
  assert.equal((email["htmlBody"] as unknown[]).length, 1);
});

test("names and types of files are such as a header can hold", () => {
  assert.equal(fileName("a\r\nb/..\\c\u0000.txt"), "a b_.._c .txt");
  assert.equal(fileName(`${"x".repeat(300)}.pdf`).length, 255);
  assert.ok(fileName(`${"x".repeat(300)}.pdf`).endsWith(".pdf"));
  assert.deepEqual(["text/plain; charset=x", "", "multipart/mixed", "a b/c", "IMAGE/PNG"].map(mediaType), ["text/plain", "application/octet-stream", "application/octet-stream", "application/octet-stream", "image/png"]);
});

test("a draft comes back as it was", () => {
  const html = { ...original().textBody[0]!, partId: "2", type: "text/html" };
  const image = { partId: "3", blobId: "P3", size: 5, name: "p.png", type: "image/png", disposition: "inline", cid: "x" };
  const draft = original({ htmlBody: [html], attachments: [image, { ...image, cid: "y" }], bodyValues: { "1": { value: "t" }, "2": { value: '<img src="cid:x">' } } });
  const back = letterOfDraft(draft, (address) => address);
  assert.deepEqual([back.format, back.text, back.identityId, back.parts.map(({ cid }) => cid)], ["html", "t", "bob@example.org", ["x", null]]);
  assert.equal(htmlOfEmail(draft), '<img src="cid:x">');
  assert.equal(textOfEmail(original()), "Hello\n> older\n");
});

test("words that are no address come back without the quotes a header needs", () => {
  const draft = original({ to: [person('"nobody at all"'), person('"a b"@example.org'), person("x")] });
  assert.deepEqual(letterOfDraft(draft, () => null).to.map(({ email }) => email), ["nobody at all", '"a b"@example.org', "x"]);
});

test("a forgotten file is asked about, but not for what is quoted or signed", () => {
  assert.ok(mentionsFiles("", "see attached"));
  assert.ok(mentionsFiles("Rechnung anbei", ""));
  assert.ok(!mentionsFiles("", "thanks\n> see attached"));
  assert.ok(!mentionsFiles("", "thanks\n-- \nattached to oak"));
  assert.ok(!mentionsFiles("", "Unattachedness"));
});

test("the way back is shown as long as the server says, whatever the clock here", () => {
  const now = Date.parse("2026-11-23T10:00:00Z");
  assert.equal(undoSeconds("2026-11-23T10:00:20Z", now), 20);
  assert.equal(undoSeconds("2026-11-23T12:00:00Z", now), 10);
  assert.equal(undoSeconds(null, now), 10);
});
