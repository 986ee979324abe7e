// Made-up people and messages, the same for the same number.
const PEOPLE = [
  ["Bob Marsh", "bob@example.test"], ["Carla Núñez", "carla@example.test"], ["Dmitri Orlov", "dmitri@example.test"], ["Eve Tanaka", "eve@example.test"],
  ["Farida Haddad", "farida@northwind.test"], ["Gustav Lindqvist", "gustav@northwind.test"], ["Hana Kovářová", "hana@example.test"], ["Building services", "facility@example.test"],
  ["Ivo Brandt", "ivo.brandt@contoso.test"], ["Ledger Weekly", "news@ledger.test"], ["Marta Silva", "marta@example.test"], ["Night build", "build@ci.example.test"],
  ["Olga Petrenko", "olga@contoso.test"], ["Parcel Post", "tracking@parcel.test"], ["دانا خليل", "dana@example.test"], ["渡辺 健", "ken@example.test"],
];
const SUBJECTS = [
  "Quarterly figures, second draft", "Re: Site visit on Thursday", "Minutes of the Monday meeting", "Your parcel is on its way", "Invoice 2026-{n}", "Build {n} passed on main",
  "Lunch next week?", "Re: Contract for the new office", "Parking garage closed on Saturday", "The week in ledgers: rates, rents and a very long headline that does not fit on one line", "Holiday list, please check",
  "Re: Re: Printer on the second floor", "Welcome to the team!", "Photos from the summer party", "اجتماع يوم الخميس", "来週の打ち合わせについて", "Offer {n}: valid until Friday", "(no reply needed) Backup report",
];
const LINES = [
  "Thanks for the quick answer. I have put the numbers into the shared sheet and marked the two that changed.", "Could you look over page three before noon? The rest is as we discussed.",
  "The fitters come at eight and need the loading bay free.", "I would rather move this to Thursday, if that suits everyone.", "Nothing urgent, but it should not wait until next month either.",
  "Please find the signed copy attached. The original follows by post.", "We ran the full suite twice and both runs were clean.", "Let me know whether the room is large enough.",
];
const pick = (list, n) => list[Math.abs(n) % list.length];
const mix = (n) => { let x = (n + 1) * 2654435761 >>> 0; x ^= x >>> 15; x = Math.imul(x, 2246822519) >>> 0; return (x ^ (x >>> 13)) >>> 0; };

export const ME = { name: "Alice Winter", email: "alice@example.test" };
export const NOW = Date.now();

/** One message; `n` chooses all of it, `mailbox` where it lies. Bodies are made when asked for. */
export function makeEmail(n, mailbox, when) {
  const seed = mix(n);
  const [name, email] = pick(PEOPLE, seed);
  const sent = mailbox === "sent" || mailbox === "drafts";
  const keywords = {};
  if (sent || seed % 9 !== 0 || n > 400) keywords.$seen = true;
  if (seed % 23 === 0) keywords.$flagged = true;
  if (seed % 13 === 0) keywords.$answered = true;
  if (mailbox === "drafts") keywords.$draft = true;
  const person = [{ name, email }];
  const me = [{ name: ME.name, email: ME.email }];
  return {
    id: `M${n}`, threadId: `T${n}`, blobId: `B${n}`, n, mailboxIds: { [mailbox]: true }, keywords,
    from: sent ? me : person, to: sent ? person : me, cc: seed % 5 === 0 ? [{ name: "Carla Núñez", email: "carla@example.test" }, { name: null, email: "office@example.test" }] : null,
    subject: n % 97 === 5 ? "" : pick(SUBJECTS, seed >>> 4).replace("{n}", String(1000 + (seed % 9000))),
    preview: `${pick(LINES, seed >>> 3)} ${pick(LINES, seed >>> 5)}`, receivedAt: new Date(when).toISOString().replace(/\.\d+Z/, "Z"),
    size: 1800 + (seed % 90_000), hasAttachment: seed % 7 === 0,
  };
}

export const isHtml = (email) => mix(email.n) % 3 === 0;

export function textOf(email) {
  const seed = mix(email.n);
  const body = [0, 1, 2, 3].map((i) => pick(LINES, seed >>> (i + 3))).join(" ");
  const from = email.from[0];
  return `Hello Alice,\n\n${body}\n\nThe plan is at https://plans.example.test/q4?page=3 (see also www.example.test), questions to ${from.email}.\n\n${pick(LINES, seed >>> 7)}\n\nRegards\n${from.name}\n\nOn Monday, Alice Winter wrote:\n> ${pick(LINES, seed >>> 2)}\n> ${pick(LINES, seed >>> 6)}\n> \n> And a question: who has the keys?\n>> They were at the desk on Friday.\n>> I have not seen them since.\n>> \n>> Bob\n> \n> Alice\n`;
}

export function htmlOf(email, images, dark) {
  const colours = dark ? "background:#1b1c22;color:#e8e8ee" : "background:#fff;color:#22232b";
  const picture = images ? `<img alt="" width="560" height="120" style="border-radius:8px" src="data:image/svg+xml,${encodeURIComponent("<svg xmlns='http://www.w3.org/2000/svg' width='560' height='120'><rect width='560' height='120' fill='#4354d6'/><circle cx='460' cy='60' r='44' fill='#fff' opacity='.25'/></svg>")}">` : `<div style="width:560px;max-width:100%;height:120px;border:1px dashed #9aa;border-radius:8px"></div>`;
  return `<!doctype html><html><head><meta charset="utf-8"><style>body{margin:0;padding:20px 24px;font:15px/1.6 system-ui,sans-serif;${colours}}h1{font-size:22px}td{padding:6px 14px 6px 0}a{color:#6d7cf0}</style></head><body>
${picture}<h1>${email.subject || "Hello"}</h1><p>Dear Alice,</p><p>${email.preview}</p><table><tr><td>Net</td><td>1.240,00</td></tr><tr><td>Tax</td><td>235,60</td></tr><tr><td><b>Total</b></td><td><b>1.475,60</b></td></tr></table>
<p>${LINES.join("</p><p>")}</p><p><a href="https://example.test/offer" target="_blank">See the offer</a></p><p>${email.from[0].name}</p></body></html>`;
}

export function attachmentsOf(email) {
  if (!email.hasAttachment) return [];
  const all = [["Figures Q4 (final) – revised.xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", 48_120], ["contract-signed.pdf", "application/pdf", 1_204_551], ["garden.jpg", "image/jpeg", 3_412_008], ["دعوة.ics", "text/calendar", 1_024]];
  return all.slice(0, 1 + (mix(email.n) % 4)).map(([name, type, size], i) => ({ partId: `${i + 2}`, blobId: `A${email.n}-${i}`, name, type, size, charset: null, disposition: "attachment", cid: null }));
}
