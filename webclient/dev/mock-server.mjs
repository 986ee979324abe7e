/*
 * A stand-in for the real server, for work on the page alone: serves the built
 * files under the real Content-Security-Policy, takes any password, and keeps
 * 100,000 mails in memory.
 *
 *   node dev/mock-server.mjs [--port 8800] [--size 100000] [--delay ms] [--arrive seconds]
 *
 * For trying things out: GET /dev/mail (one arrives), /dev/fail (changes are
 * refused, or no longer), /dev/expire (every session ends), /dev/drop (streams end).
 */
import { createServer } from "node:http";
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { htmlOf, ME } from "./mock/content.mjs";
import { answer, MailAccount } from "./mock/mail.mjs";
import { Multipop } from "./mock/multipop.mjs";
import { withWriting } from "./mock/writing.mjs";

const option = (name, fallback) => {
  const at = process.argv.indexOf(`--${name}`);
  return at > 0 ? process.argv[at + 1] : fallback;
};
const port = Number(option("port", "8800"));
const delay = Number(option("delay", "0"));
const root = join(dirname(fileURLToPath(import.meta.url)), option("static", "../../mailim/webmail/static"));
const CSP = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data: blob:; font-src 'self'; frame-src 'self'; manifest-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'";
const BODY_CSP = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; font-src data:; form-action 'none'; frame-ancestors 'self'; base-uri 'none'; sandbox allow-popups allow-popups-to-escape-sandbox";

const account = new (withWriting(MailAccount))(Number(option("size", "100000")));
const multipop = new Multipop(() => account.deliver());
const streams = new Set();
const frames = new Map();
const sessions = new Set(["dev"]);
let settings = {};
account.listeners.add((state) => {
  for (const stream of streams) stream.write(`event: state\ndata: ${JSON.stringify({ "@type": "StateChange", changed: { A1: { Email: state, Mailbox: state } } })}\n\n`);
});
if (option("arrive", "")) setInterval(() => account.deliver(), Number(option("arrive")) * 1000);

function manifest() { return JSON.parse(readFileSync(join(root, "manifest.json"), "utf8")); }
function shell(name) {
  const { entries, icons, webmanifest } = manifest();
  const entry = entries[name];
  const preload = entry.preload.map((file) => `<link rel="modulepreload" href="/static/${file}">`).join("");
  const theme = settings.theme && settings.theme !== "system" ? ` data-theme="${settings.theme}"` : "";
  const data = name === "app" ? ["/api/session", "/.well-known/jmap"].map((path) => `<link rel="preload" as="fetch" href="${path}" crossorigin>`).join("") : "";
  return `<!doctype html><html lang="en"${theme}><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1, viewport-fit=cover, interactive-widget=resizes-content"><meta name="color-scheme" content="light dark"><title>mailim</title><link rel="icon" href="/static/${icons["icon.svg"]}" type="image/svg+xml"><link rel="manifest" href="/static/${webmanifest}"><link rel="stylesheet" href="/static/${entry.css}">${preload}${data}<script type="module" src="/static/${entry.js}"></script></head><body><div id="app"></div></body></html>`;
}
function login(failed) {
  const { entries, icons } = manifest();
  const error = failed ? '<p class="login-error" role="alert">The address or the password is wrong.</p>' : "";
  return `<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><meta name="color-scheme" content="light dark"><title>Sign in</title><link rel="icon" href="/static/${icons["icon.svg"]}"><link rel="stylesheet" href="/static/${entries.login.css}"></head><body><main class="login"><form class="login-card" method="post" action="/login"><img class="login-logo" src="/static/${icons["icon.svg"]}" alt=""><h1>Sign in</h1><p class="login-hint">example.test</p>${error}<label class="field"><span>Address</span><input name="address" type="email" autocomplete="username" required autofocus></label><label class="field"><span>Password</span><input name="password" type="password" autocomplete="current-password" required></label><button class="button button-primary">Sign in</button></form><p class="login-foot">mailim</p></main></body></html>`;
}

const SESSION = {
  capabilities: { "urn:ietf:params:jmap:core": { maxCallsInRequest: 16, maxObjectsInGet: 500, maxObjectsInSet: 500, maxSizeUpload: 5e7 }, "urn:ietf:params:jmap:mail": {}, "urn:ietf:params:jmap:submission": {} },
  accounts: { A1: { name: ME.email, isPersonal: true, isReadOnly: false } }, primaryAccounts: { "urn:ietf:params:jmap:mail": "A1" }, username: ME.email, apiUrl: "/jmap/api",
  downloadUrl: "/jmap/download/{accountId}/{blobId}/{name}?accept={type}", uploadUrl: "/jmap/upload/{accountId}", eventSourceUrl: "/jmap/eventsource?types={types}&closeafter={closeafter}&ping={ping}", state: "1",
};

function send(res, status, type, body, headers = {}) {
  res.writeHead(status, { "content-type": type, "cache-control": "no-store", "x-content-type-options": "nosniff", "content-security-policy": CSP, ...headers });
  res.end(body);
}
const json = (res, status, value) => send(res, status, status >= 400 ? "application/problem+json" : "application/json", value === undefined ? "" : JSON.stringify(status >= 400 ? { status, ...value } : value));

function sendStatic(req, res, name) {
  const info = manifest().files[name];
  if (!info) return json(res, 404, { title: "Not found" });
  const headers = { "cache-control": "public, max-age=31536000, immutable" };
  const accepted = req.headers["accept-encoding"] ?? "";
  const encoding = info.encodings.find((item) => accepted.includes(item === "gz" ? "gzip" : item));
  if (encoding) headers["content-encoding"] = encoding === "gz" ? "gzip" : "br";
  return send(res, 200, info.type, readFileSync(join(root, encoding ? `${name}.${encoding}` : name)), headers);
}
function stream(req, res) {
  res.writeHead(200, { "content-type": "text/event-stream", "cache-control": "no-store" });
  res.write(": hello\n\n");
  streams.add(res);
  const timer = setInterval(() => res.write('event: ping\ndata: {"interval":30}\n\n'), 30_000);
  req.on("close", () => { clearInterval(timer); streams.delete(res); });
}
function download(res, blob, name, type) {
  const email = account.emails.get(`M${/\d+/.exec(blob)?.[0]}`);
  const body = blob.startsWith("B") ? `Received: by example.test\r\nFrom: ${email.from[0].name} <${email.from[0].email}>\r\nSubject: ${email.subject}\r\n\r\n${email.preview}\r\n` : `attachment ${blob}`;
  send(res, 200, type, body, { "content-disposition": `attachment; filename*=UTF-8''${encodeURIComponent(name)}`, "content-security-policy": "sandbox; default-src 'none'" });
}
const DEV = {
  "/dev/mail": () => account.deliver().subject, "/dev/fail": () => String((account.failing = !account.failing)),
  "/dev/expire": () => String(sessions.clear()), "/dev/drop": () => { for (const item of streams) item.destroy(); return "dropped"; },
};

async function route(req, res, url, body) {
  const path = decodeURIComponent(url.pathname);
  if (path.startsWith("/static/")) return sendStatic(req, res, path.slice(8));
  if (DEV[path]) return send(res, 200, "text/plain", DEV[path]());
  if (path === "/login") {
    if (req.method === "GET") return send(res, 200, "text/html", login(false));
    if (new URLSearchParams(body).get("password") === "wrong") return send(res, 403, "text/html", login(true));
    sessions.add("dev");
    return send(res, 303, "text/plain", "", { location: "/", "set-cookie": "sid=dev; HttpOnly; Path=/; SameSite=Lax" });
  }
  if (path === "/logout") return send(res, 303, "text/plain", "", { location: "/login", "set-cookie": "sid=; Max-Age=0; Path=/" });
  const frame = /^\/m\/(\w+)\/body\.html$/.exec(path);
  if (frame) {
    const wanted = frames.get(frame[1]);
    return wanted ? send(res, 200, "text/html; charset=utf-8", htmlOf(account.emails.get(wanted.emailId), wanted.remoteImages, wanted.colorScheme === "dark"), { "content-security-policy": BODY_CSP }) : json(res, 404, { title: "Expired" });
  }
  const sid = /sid=(\w+)/.exec(req.headers.cookie ?? "")?.[1];
  if (!sessions.has(sid)) return path === "/" ? send(res, 303, "text/plain", "", { location: "/login" }) : json(res, 401, { title: "No session", detail: "Sign in again." });
  if (path === "/") return send(res, 200, "text/html; charset=utf-8", shell("app"));
  if (path === "/admin/") return send(res, 200, "text/html; charset=utf-8", shell("admin"));
  if (path === "/.well-known/jmap") return json(res, 200, SESSION);
  if (path === "/jmap/eventsource") return stream(req, res);
  const blob = /^\/jmap\/download\/A1\/([^/]+)\/(.+)$/.exec(path);
  if (blob) return download(res, blob[1], blob[2], url.searchParams.get("accept"));
  if (path.startsWith("/jmap/upload/")) return json(res, 201, account.upload(Number(req.headers["content-length"]), req.headers["content-type"]));
  if (path === "/api/people") return json(res, 200, { people: [{ name: "Bob Marsh", email: "bob@example.test", kind: "colleague" }].filter(({ name }) => name.toLowerCase().includes(url.searchParams.get("q") ?? "")) });
  const given = body ? JSON.parse(body) : {};
  if (path === "/jmap/api") return json(res, 200, answer(account, given));
  if (path === "/api/session") return json(res, 200, { address: ME.email, name: ME.name, admin: true, jid: ME.email, domain: "example.test", language: "en", accountId: "A1", version: "0.1.0", settings, idle_minutes: 5 });
  if (path === "/api/settings") return json(res, 200, (settings = { ...settings, ...given }));
  if (path === "/api/people") {
    const words = (url.searchParams.get("q") ?? "").toLowerCase();
    const people = [...new Map([...account.emails.values()].slice(0, 500).map(({ from: [{ name, email }] }) => [email, { name, email, kind: "earlier" }])).values()];
    return json(res, 200, { people: people.filter(({ name, email }) => `${name} ${email}`.toLowerCase().includes(words)).slice(0, 8) });
  }
  if (path === "/api/frames") {
    const token = Math.random().toString(36).slice(2);
    frames.set(token, given);
    return json(res, 200, { url: `/m/${token}/body.html`, hasRemoteImages: true, expires: 600 });
  }
  if (path.startsWith("/api/multipop")) return json(res, ...multipop.handle(req.method, path, given));
  return json(res, 404, { title: "Not found", detail: `Nothing is at ${path}.` });
}

const server = createServer((req, res) => {
  const chunks = [];
  req.on("data", (chunk) => chunks.push(chunk));
  req.on("end", () => {
    const url = new URL(req.url, "http://localhost");
    const wait = delay && !url.pathname.startsWith("/static/") ? delay : 0;
    setTimeout(() => route(req, res, url, Buffer.concat(chunks).toString()).catch((error) => { console.error(error); if (!res.headersSent) json(res, 500, { title: "Fault in the mock server", detail: String(error) }); }), wait);
  });
});
server.listen(port, "127.0.0.1", () => console.log(`http://127.0.0.1:${server.address().port}/ (any password; "wrong" is wrong)`));
