/** What a server says when it does not take a change (RFC 8620 §5.3 SetError). */
import { t } from "../core/i18n.js";

export interface SetError {
  readonly type: string;
  readonly description?: string | null;
  readonly properties?: readonly string[] | null;
}

export interface SetAnswer {
  readonly created?: Readonly<Record<string, { readonly id: string }>> | null;
  readonly notCreated?: Readonly<Record<string, SetError>> | null;
  readonly notUpdated?: Readonly<Record<string, SetError>> | null;
  readonly notDestroyed?: Readonly<Record<string, SetError>> | null;
}

export interface Refusal {
  /** For people. */
  readonly text: string;
  readonly properties: readonly string[];
}

/** Null when nothing was refused. */
export function refusalOf(error: SetError | undefined): Refusal | null {
  if (!error) return null;
  return { text: error.description || t("The mail server refused this ({type}).", { type: error.type }), properties: error.properties ?? [] };
}

/** The words for one property, if it was refused. */
export function complaint(refusal: Refusal | null, property: string): string | undefined {
  return refusal?.properties.includes(property) ? refusal.text : undefined;
}
