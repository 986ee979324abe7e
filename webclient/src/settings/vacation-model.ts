/**
 * Automatic replies: JMAP's VacationResponse (RFC 8621 §8) with the three properties this
 * server adds under `urn:mailim:params:jmap:vacation`; without that capability they are not shown.
 */
import { signal } from "@preact/signals";
import { explain } from "../core/http.js";
import { t } from "../core/i18n.js";
import type { JmapClient } from "../jmap/client.js";
import type { GetResponse } from "../jmap/types.js";
import { refusalOf, type Refusal, type SetAnswer } from "./refusal.js";
import { htmlOfText } from "./rich-text.js";

export interface Vacation {
  readonly id: string;
  readonly isEnabled: boolean;
  readonly fromDate: string | null;
  readonly toDate: string | null;
  readonly subject: string | null;
  readonly textBody: string | null;
  readonly htmlBody: string | null;
  readonly periodDays?: number;
  readonly excludedAddresses?: readonly string[];
  readonly answersColleagues?: boolean;
}

/** What stands in the form. */
export interface VacationForm {
  readonly on: boolean;
  /** As `<input type="datetime-local">` has it, "" for none. */
  readonly from: string;
  readonly to: string;
  readonly subject: string;
  readonly html: string;
  readonly text: string;
  readonly days: string;
  /** One a line. */
  readonly excluded: string;
  readonly colleagues: boolean;
}

export const MAX_DAYS = 60;

/** A UTCDate as local time for `<input type="datetime-local">`. */
export function localTime(date: string | null): string {
  if (!date) return "";
  const time = new Date(date);
  if (Number.isNaN(time.getTime())) return "";
  const two = (value: number): string => String(value).padStart(2, "0");
  return `${time.getFullYear()}-${two(time.getMonth() + 1)}-${two(time.getDate())}T${two(time.getHours())}:${two(time.getMinutes())}`;
}

/** Local time as a UTCDate (RFC 8620 §1.4); null for none. */
export function utcDate(local: string): string | null {
  const time = new Date(local);
  return local && !Number.isNaN(time.getTime()) ? time.toISOString().replace(/\.\d+Z$/, "Z") : null;
}

export function formOf(vacation: Vacation): VacationForm {
  const text = vacation.textBody ?? "";
  return {
    on: vacation.isEnabled,
    from: localTime(vacation.fromDate),
    to: localTime(vacation.toDate),
    subject: vacation.subject ?? "",
    html: vacation.htmlBody ?? (text ? htmlOfText(text) : ""),
    text,
    days: String(vacation.periodDays ?? 1),
    excluded: (vacation.excludedAddresses ?? []).join("\n"),
    colleagues: vacation.answersColleagues ?? true,
  };
}

/** What to send: all of it, but the server's own properties only if it has them. */
export function patchOf(form: VacationForm, more: boolean): Omit<Vacation, "id"> {
  const plain = {
    isEnabled: form.on,
    fromDate: utcDate(form.from),
    toDate: utcDate(form.to),
    subject: form.subject.trim() || null,
    textBody: form.text.trim() ? form.text : null,
    htmlBody: form.text.trim() ? form.html : null,
  };
  if (!more) return plain;
  const excluded = form.excluded.split(/[\s,;]+/).filter(Boolean);
  return { ...plain, periodDays: Number.parseInt(form.days, 10), excludedAddresses: [...new Set(excluded)], answersColleagues: form.colleagues };
}

/** What is wrong before anything is sent, by property. */
export function faultsOf(form: VacationForm): Readonly<Record<string, string>> {
  const faults: Record<string, string> = {};
  const days = Number(form.days);
  if (!Number.isInteger(days) || days < 1 || days > MAX_DAYS) faults["periodDays"] = t("A number from 1 to {n}.", { n: MAX_DAYS });
  const from = utcDate(form.from);
  const to = utcDate(form.to);
  if (from && to && from >= to) faults["toDate"] = t("The end lies before the beginning.");
  return faults;
}

/** What was saved, in words: a period that has passed is on, and does nothing. */
export function savedText(form: VacationForm, now: number = Date.now()): string {
  const status = statusOf(form, now);
  if (status === "over") return t("Saved, but the time is over: nobody gets a reply.");
  return status === "off" ? t("Saved. Automatic replies are off.") : t("Saved. Automatic replies are on.");
}

/** Whether replies are sent now, in words. */
export function statusOf(form: VacationForm, now: number = Date.now()): "off" | "waiting" | "active" | "over" {
  if (!form.on) return "off";
  const from = utcDate(form.from);
  const to = utcDate(form.to);
  if (to && Date.parse(to) <= now) return "over";
  return from && Date.parse(from) > now ? "waiting" : "active";
}

export class VacationModel {
  readonly form = signal<VacationForm | null>(null);
  /** Whether the server has the properties beyond the RFC. */
  readonly more = signal(false);
  readonly failure = signal<string | null>(null);
  readonly saving = signal(false);
  readonly refusal = signal<Refusal | null>(null);
  readonly dirty = signal(false);

  constructor(private readonly client: JmapClient) {}

  async load(): Promise<void> {
    try {
      const { list } = await this.client.call<GetResponse<Vacation>>("VacationResponse/get", { ids: null });
      const found = list[0];
      if (!found) throw new Error(t("The server has no automatic replies."));
      this.form.value = formOf(found);
      this.more.value = found.periodDays !== undefined;
      this.failure.value = null;
    } catch (error) {
      this.failure.value = explain(error);
    }
  }

  change(patch: Partial<VacationForm>): void {
    if (!this.form.value) return;
    this.form.value = { ...this.form.value, ...patch };
    this.dirty.value = true;
    this.refusal.value = null;
  }

  /** Sends everything; true if the server took it. */
  async save(): Promise<boolean> {
    const form = this.form.value;
    if (!form) return false;
    this.saving.value = true;
    try {
      const update = { singleton: patchOf(form, this.more.value) };
      const answer = await this.client.call<SetAnswer>("VacationResponse/set", { update });
      this.refusal.value = refusalOf(answer.notUpdated?.["singleton"]);
      if (this.refusal.value === null) this.dirty.value = this.form.value !== form;
    } catch (error) {
      this.refusal.value = { text: explain(error), properties: [] };
    } finally {
      this.saving.value = false;
    }
    return this.refusal.value === null;
  }
}
