/** How letters begin: empty, from a link, as an answer, passed on, or where a draft was left. */
import type { Composer } from "./composer.js";
import type { Drafts, Loaded } from "./drafts.js";
import { addressesOf, chosenIdentity, type Identity } from "./identities.js";
import type { ComposeRequest } from "./index.js";
import { htmlOfEmail, letterOfDraft, partsOfEmail, type Format, type Original } from "./letter.js";
import { parseMailto } from "./mailto.js";
import { forwardQuote, NO_QUOTE, replyQuote } from "./quoting.js";
import { addressedAs, forwardSubject, replyRecipients, replySubject, threadOf } from "./replying.js";

const FORMAT_KEY = "compose-format";

/** How one likes to write; formatted until something else was chosen. */
export function likedFormat(): Format {
  try {
    return localStorage.getItem(FORMAT_KEY) === "plain" ? "plain" : "html";
  } catch {
    return "html";
  }
}

export function likeFormat(format: Format): void {
  try {
    localStorage.setItem(FORMAT_KEY, format);
  } catch {
    // it is chosen anew the next time
  }
}

function beginMailto(composer: Composer, href: string): void {
  const link = parseMailto(href);
  composer.format.value = likedFormat();
  composer.to.value = link?.to ?? [];
  composer.cc.value = link?.cc ?? [];
  composer.bcc.value = link?.bcc ?? [];
  composer.subject.value = link?.subject ?? "";
  composer.begin(link?.body ?? "", NO_QUOTE);
  composer.focus = !link?.to.length ? "to" : link.subject ? "body" : "subject";
}

/** As whom one answers: the address it was sent to. */
function answerAs(composer: Composer, original: Original): void {
  const own = addressesOf(composer.identities);
  composer.identity.value = chosenIdentity(composer.identities, null, addressedAs(original, own));
}

/** An answer is written like the message; a plain one stays plain. */
function formatFor(original: Original): Format {
  return htmlOfEmail(original) ? "html" : "plain";
}

function picturesOf(original: Original): ReturnType<typeof partsOfEmail> {
  return partsOfEmail(original, htmlOfEmail(original)).filter(({ cid }) => cid !== null);
}

/** `own`: the account's addresses, in lower case. */
export function beginReply(composer: Composer, original: Original, all: boolean, own: ReadonlySet<string>): void {
  const { to, cc } = replyRecipients(original, own, all);
  const { inReplyTo, references } = threadOf(original);
  answerAs(composer, original);
  composer.to.value = to;
  composer.cc.value = cc;
  composer.subject.value = replySubject(original.subject);
  composer.format.value = formatFor(original);
  composer.files.reset(picturesOf(original));
  composer.setThread(inReplyTo, references, { id: original.id, keyword: "$answered" });
  composer.begin("", replyQuote(original));
  composer.focus = "body";
}

export function beginForward(composer: Composer, original: Original): void {
  const { references } = threadOf(original);
  answerAs(composer, original);
  composer.subject.value = forwardSubject(original.subject);
  composer.format.value = formatFor(original);
  composer.files.reset(partsOfEmail(original, htmlOfEmail(original)));
  composer.setThread([], references, { id: original.id, keyword: "$forwarded" });
  composer.begin("", forwardQuote(original));
  composer.focus = "to";
}

function beginDraft(composer: Composer, { email: draft, state }: Loaded, identities: readonly Identity[]): void {
  composer.goOn(letterOfDraft(draft, (address) => chosenIdentity(identities, null, address)?.id ?? null), { base: { id: draft.id, state } });
  composer.focus = draft.to?.length ? "body" : "to";
}

/** Fills a composer; rejects when the message it is about cannot be loaded. */
export async function begin(composer: Composer, request: ComposeRequest, drafts: Drafts, own: ReadonlySet<string>): Promise<void> {
  switch (request.kind) {
    case "new":
      composer.format.value = likedFormat();
      composer.begin("", NO_QUOTE);
      break;
    case "mailto":
      beginMailto(composer, request.href);
      break;
    case "draft":
      beginDraft(composer, await drafts.loadDraft(request.id), composer.identities);
      break;
    case "forward":
      beginForward(composer, await drafts.load(request.id));
      break;
    default:
      beginReply(composer, await drafts.load(request.id), request.kind === "reply-all", own);
  }
}
