/** What is typed into the dialog of a collected mailbox, and what is sent of it. */
import type { Box, BoxForm, BoxTls } from "./multipop-model.js";

const PORTS: Readonly<Record<BoxTls, number>> = { tls: 995, stls: 110, none: 110 };

export interface Form {
  readonly host: string;
  readonly port: string;
  readonly user: string;
  readonly password: string;
  readonly tls: BoxTls;
  readonly leave: boolean;
}

export function formOf(box: Box | null): Form {
  if (!box) return { host: "", port: "995", user: "", password: "", tls: "tls", leave: false };
  return { host: box.host, port: String(box.port), user: box.user, password: "", tls: box.tls, leave: box.leave };
}

/** What to send; a password left empty keeps the old one. */
export function bodyOf(form: Form): BoxForm {
  const { host, port, user, password, tls, leave } = form;
  const body = { host: host.trim(), port: Number(port), user: user.trim(), tls, leave };
  return password ? { ...body, password } : body;
}

/** Encryption brings its usual port along, unless another was chosen. */
export function withTls(form: Form, tls: BoxTls): Form {
  return { ...form, tls, port: form.port === String(PORTS[form.tls]) ? String(PORTS[tls]) : form.port };
}
