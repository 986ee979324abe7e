// Outside mailboxes whose runs take some seconds, with every state the page has to show.
const ago = (minutes) => new Date(Date.now() - minutes * 60_000).toISOString();
const soon = (minutes) => new Date(Date.now() + minutes * 60_000).toISOString();

export class Multipop {
  constructor(deliver) {
    this.deliver = deliver;
    this.next = 5;
    const base = { tls: "tls", port: 995, leave: false, enabled: true, state: "waiting", collected: 0, failures: 0, pending_deletes: 0, last_error: null };
    this.boxes = [
      { ...base, id: "1", host: "pop.provider.test", user: "alice.winter", last_run: ago(4), last_success: ago(4), next_run: soon(6), collected: 1284 },
      { ...base, id: "2", host: "mail.oldjob.test", user: "a.winter@oldjob.test", tls: "stls", port: 110, leave: true, state: "failed", failures: 3, last_run: ago(2), last_success: ago(3000), next_run: soon(18), last_error: "The server refused the password: [AUTH] Authentication failed." },
      { ...base, id: "3", host: "192.0.2.17", user: "scanner", tls: "none", port: 110, enabled: false, state: "disabled", last_run: ago(90_000), last_success: ago(90_000), next_run: null, collected: 17, pending_deletes: 2 },
    ];
  }
  run(id) {
    for (const box of this.boxes.filter((item) => item.enabled && (!id || item.id === id))) {
      box.state = "running";
      box.last_run = ago(0);
      setTimeout(() => {
        const bad = box.id === "2";
        if (!bad) { for (let i = 0; i < 2; i += 1) this.deliver(); }
        Object.assign(box, bad ? { state: "failed", failures: box.failures + 1 } : { state: "waiting", last_success: ago(0), collected: box.collected + 2 }, { next_run: soon(10) });
      }, 3500 + Number(box.id) * 700);
    }
  }
  /** Routes below /api/multipop; gives [status, body]. */
  handle(method, path, body) {
    const [, id, verb] = /^\/api\/multipop(?:\/(\w+))?(?:\/(\w+))?$/.exec(path) ?? [];
    const box = this.boxes.find((item) => item.id === id);
    const clean = ({ password, ...rest }) => rest;
    if (!id && method === "GET") return [200, { boxes: this.boxes, enabled: true }];
    if (id === "run") { this.run(body.id); return [202, {}]; }
    if (!id && method === "POST") {
      if (!/\./.test(body.host)) return [422, { title: "Invalid", detail: "The box could not be saved.", errors: [{ path: "host", detail: "No server of this name is known." }] }];
      const made = { failures: 0, collected: 0, pending_deletes: 0, last_run: null, last_success: null, last_error: null, enabled: true, state: "waiting", next_run: soon(1), ...clean(body), id: String(this.next++) };
      this.boxes.push(made);
      return [201, made];
    }
    if (!box) return [404, { title: "Not found", detail: "There is no such box." }];
    if (verb === "test") return [200, box.id === "2" ? { ok: false, detail: "The server refused the password.", messages: 0, octets: 0 } : { ok: true, detail: "Signed in.", messages: 12, octets: 482_113 }];
    if (method === "DELETE") { this.boxes = this.boxes.filter((item) => item !== box); return [204]; }
    Object.assign(box, clean(body));
    if (body.enabled === false) box.state = "disabled";
    if (body.enabled === true) box.state = "waiting";
    return [200, box];
  }
}
