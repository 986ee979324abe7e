import assert from "node:assert/strict";
import { test } from "node:test";
import { parseFragment } from "parse5";
import { AllSelection, EditorState, TextSelection } from "prosemirror-state";
import type { Node } from "prosemirror-model";
import { colourOf, imageSource, stylesOf, wordsOf } from "../src/compose/editor/clean.js";
import { commandsOf, situationOf, type CommandName } from "../src/compose/editor/commands.js";
import { htmlOf } from "../src/compose/editor/html.js";
import { linkAt, withLink } from "../src/compose/editor/links.js";
import { textOf, textOfContent } from "../src/compose/editor/plain.js";
import { linkAddress, makeSchema } from "../src/compose/editor/schema.js";

const schema = makeSchema(() => null);
const n = schema.nodes as Record<string, (typeof schema.nodes)[string]>;

function text(words: string, ...marks: [string, object?][]): Node {
  return schema.text(words, marks.map(([name, attrs]) => schema.marks[name]!.create(attrs as never)));
}
function node(name: string, ...content: (Node | string)[]): Node {
  return n[name]!.createChecked(null, content.map((item) => (typeof item === "string" ? schema.text(item) : item)));
}
const p = (...content: (Node | string)[]): Node => node("paragraph", ...content);
const gap = (words: string): Node => n["paragraph"]!.create({ gap: true }, schema.text(words));
const doc = (...content: Node[]): Node => node("doc", ...content);

test("what is written as HTML is escaped, whatever was typed", () => {
  const evil = '<script>alert("x")</script> & more';
  const html = htmlOf(doc(p(evil), p(text(evil, ["link", { href: 'https://x.test/?a="><script>' }]))));
  assert.ok(!html.includes("<script"), html);
  assert.ok(html.includes("&lt;script&gt;alert(&quot;x&quot;)&lt;/script&gt; &amp; more"));
  assert.ok(html.includes('href="https://x.test/?a=&quot;&gt;&lt;script&gt;"'));
});

test("marks that go on over several pieces are opened once", () => {
  const html = htmlOf(doc(p(text("a ", ["strong"]), text("b", ["strong"], ["em"]), text(" c", ["em"]))));
  assert.equal(html, '<p style="margin:0"><b>a <i>b</i></b><i> c</i></p>');
});

test("runs of blanks survive in HTML", () => {
  assert.equal(htmlOf(doc(p("a   b"))), '<p style="margin:0">a \u00a0\u00a0b</p>');
  assert.equal(htmlOf(doc(p(" a"))), '<p style="margin:0">\u00a0a</p>');
});

test("nothing is nothing, an empty line among others is one", () => {
  assert.equal(htmlOf(doc(p())), "");
  assert.equal(textOf(doc(p())), "");
  assert.equal(htmlOf(doc(p("a"), p(), p("b"))), '<p style="margin:0">a</p><p style="margin:0"><br></p><p style="margin:0">b</p>');
  assert.equal(textOf(doc(p("a"), p(), p("b"))), "a\n\nb");
});

test("lists, quotations and tables as HTML", () => {
  const list = node("bullet_list", node("list_item", p("one")), node("list_item", p("two"), node("ordered_list", node("list_item", p("deep")))));
  assert.equal(htmlOf(doc(list)), "<ul><li>one</li><li>two<ol><li>deep</li></ol></li></ul>");
  const quote = htmlOf(doc(node("blockquote", p("said"))));
  assert.match(quote, /^<blockquote type="cite" style="[^"]+"><p style="margin:0">said<\/p><\/blockquote>$/);
  const table = node("table", node("table_row", node("table_cell", p("a")), node("table_cell", p("b"))));
  assert.match(htmlOf(doc(table)), /^<table [^>]+><tr><td [^>]+><p style="margin:0">a<\/p><\/td><td /);
});

test("plain text: quotations, nested ones too", () => {
  const quote = node("blockquote", p("They wrote"), p(), node("blockquote", p("older"), p("two lines")));
  assert.equal(textOf(doc(p("Yes."), p(), quote)), "Yes.\n\n> They wrote\n>\n>> older\n>> two lines");
});

test("plain text: lists with their numbers, more lines indented", () => {
  const numbers = n["ordered_list"]!.create({ order: 9 }, [node("list_item", p("nine")), node("list_item", p("ten"), p("more"))]);
  const nested = node("bullet_list", node("list_item", p("two"), node("bullet_list", node("list_item", p("deep")))), node("list_item", p("three")));
  assert.equal(textOf(doc(nested)), "- two\n  - deep\n- three");
  assert.equal(textOf(doc(p("So:"), numbers, p("End"))), "So:\n\n9. nine\n10. ten\n    more\n\nEnd");
});

test("plain text of what is copied alone", () => {
  const list = node("bullet_list", node("list_item", p("one")), node("list_item", p("two"), p("more")));
  assert.equal(textOfContent(list.content), "one\n\ntwo\nmore");
});

test("plain text: a link is said once", () => {
  const link = (href: string, words: string): Node => p(text(words, ["link", { href }]));
  assert.equal(textOf(doc(link("https://x.test/", "x.test"))), "x.test");
  assert.equal(textOf(doc(link("mailto:a@b.test", "a@b.test"))), "a@b.test");
  assert.equal(textOf(doc(link("https://x.test/offer", "the offer"))), "the offer <https://x.test/offer>");
  const mixed = p("see ", text("the ", ["link", { href: "https://x.test" }]), text("offer", ["strong"], ["link", { href: "https://x.test" }]), "!");
  assert.equal(textOf(doc(mixed)), "see the offer <https://x.test>!");
});

test("plain text: gaps of foreign paragraphs, and the signature's mark with its blank", () => {
  assert.equal(textOf(doc(gap("one"), gap("two"), p("three"))), "one\n\ntwo\n\nthree");
  assert.equal(textOf(doc(p("Bye"), p(), p("-- "), p("Ada"))), "Bye\n\n-- \nAda");
});

test("only addresses of the web, mail and chat become links", () => {
  for (const bad of ["javascript:alert(1)", " java\nscript:alert(1)", "data:text/html,x", "file:///etc", "vbscript:x", "//x", "nonsense", ""]) {
    assert.equal(linkAddress(bad), null, bad);
  }
  assert.equal(linkAddress("www.example.test/a"), "https://www.example.test/a");
  assert.equal(linkAddress("example.test"), "https://example.test");
  assert.equal(linkAddress("bob@example.test"), "mailto:bob@example.test");
  assert.equal(linkAddress(" HTTPS://example.test/a b "), "HTTPS://example.test/a%20b");
});

test("images: parts, pictures of the web and small data; no pixels, no other schemes", () => {
  const source = (attributes: Record<string, string>): string | null => imageSource(new Map(Object.entries(attributes)));
  assert.equal(source({ src: "cid:a@b" }), "cid:a@b");
  assert.equal(source({ src: "https://x.test/a.png", width: "100" }), "https://x.test/a.png");
  assert.equal(source({ src: "https://x.test/a.png", width: "1", height: "1" }), null);
  for (const src of ["javascript:x", "data:image/svg+xml;base64,AA", "file:///x", "blob:x", ""]) assert.equal(source({ src }), null, src);
});

test("the words of what is nested beyond measure are found, scripts are none", () => {
  const deep = parseFragment(`${"<div>".repeat(20_000)}deep<script>no</script>${"</div>".repeat(20_000)} end`);
  assert.equal(wordsOf(deep.childNodes), "deep  end");
});

test("styles and colours are read however they are written", () => {
  assert.equal(stylesOf("margin: 0 0 12px; COLOR:Red !important").get("margin-bottom"), "12px");
  assert.equal(stylesOf("margin:0").get("margin-bottom"), "0");
  assert.equal(stylesOf(";;:;x").size, 0);
  assert.equal(colourOf("rgb(192, 38, 45)"), "red");
  assert.equal(colourOf("#1d4ed8"), "blue");
  assert.equal(colourOf("black"), undefined);
  assert.equal(colourOf(undefined), undefined);
});

function after(start: Node, from: number, to: number, ...names: CommandName[]): EditorState {
  let state = EditorState.create({ doc: start, selection: TextSelection.create(start, from, to) });
  const all = commandsOf(schema);
  for (const name of names) all[name](state, (tr) => (state = state.apply(tr)));
  return state;
}

test("the commands do and undo", () => {
  const start = doc(p("words"));
  assert.equal(htmlOf(after(start, 1, 6, "bold").doc), '<p style="margin:0"><b>words</b></p>');
  assert.ok(htmlOf(after(start, 1, 6, "bold", "italic", "heading", "clear").doc) === htmlOf(start));
  assert.equal(htmlOf(after(start, 1, 1, "bullets").doc), "<ul><li>words</li></ul>");
  assert.equal(htmlOf(after(start, 1, 1, "bullets", "numbers").doc), "<ol><li>words</li></ol>");
  assert.equal(htmlOf(after(start, 1, 1, "numbers", "numbers").doc), htmlOf(start));
  assert.equal(htmlOf(after(start, 1, 1, "quote", "quote").doc), htmlOf(start));
});

test("the toolbar is told what is in force", () => {
  const state = after(doc(p("words")), 1, 6, "bold", "bullets");
  const now = situationOf(state, commandsOf(schema));
  assert.deepEqual([...now.active].sort(), ["bold", "bullets"]);
  assert.ok(!now.possible.has("undo"));
  assert.ok(now.possible.has("italic"));
});

test("a link is set, found whole from inside it, changed and taken away", () => {
  const start = EditorState.create({ doc: doc(p("see the offer now")), selection: TextSelection.create(doc(p("see the offer now")), 5, 14) });
  const set = (state: EditorState, href: string, words: string): EditorState => {
    const tr = withLink(state, linkAt(state), href, words);
    assert.ok(tr);
    return state.apply(tr);
  };
  let state = set(start, "x.test/offer", "the offer");
  assert.equal(htmlOf(state.doc), '<p style="margin:0">see <a href="https://x.test/offer">the offer</a> now</p>');
  state = state.apply(state.tr.setSelection(TextSelection.create(state.doc, 8)));
  assert.deepEqual(linkAt(state), { href: "https://x.test/offer", text: "the offer", from: 5, to: 14 });
  state = set(state, "https://y.test", "it");
  assert.equal(htmlOf(state.doc), '<p style="margin:0">see <a href="https://y.test">it</a> now</p>');
  assert.equal(withLink(state, linkAt(state), "javascript:alert(1)", "x"), null);
  const all = state.apply(state.tr.setSelection(new AllSelection(state.doc)));
  assert.equal(htmlOf(set(all, "z.test", "see it now").doc), '<p style="margin:0"><a href="https://z.test">see it now</a></p>');
  state = state.apply(state.tr.setSelection(TextSelection.create(state.doc, 6)));
  state = set(state, "", "");
  assert.equal(htmlOf(state.doc), '<p style="margin:0">see it now</p>');
});
