/** The files of a message: name, kind, size; a click downloads. */
import type { VNode } from "preact";
import { fileSize } from "../core/format.js";
import { t, tn } from "../core/i18n.js";
import type { BodyPart, EmailFull } from "../jmap/types.js";
import { Icon, type IconName } from "../ui/icon.js";
import { useMail } from "./context.js";

/** A short word for the kind of file: its extension, else the media subtype. */
export function kindOf(part: Pick<BodyPart, "name" | "type">): string {
  const extension = /\.([A-Za-z0-9]{1,5})$/.exec(part.name ?? "")?.[1];
  return (extension ?? part.type.split("/")[1]?.slice(0, 5) ?? "file").toUpperCase();
}

function iconOf(type: string): IconName {
  if (type.startsWith("image/")) return "image";
  return type === "message/rfc822" ? "mail" : "file";
}

function Attachment({ part }: { part: BodyPart }): VNode | null {
  const { mail } = useMail();
  const name = part.name ?? t("Unnamed file");
  if (!part.blobId) return null;
  return (
    <li>
      <a class="attachment" href={mail.client.downloadUrl(part.blobId, name, part.type)} download={name} title={t("Download {name}", { name })}>
        <span class="attachment-icon">
          <Icon name={iconOf(part.type)} size={20} />
        </span>
        <span class="attachment-words">
          <span class="attachment-name" dir="auto">
            {name}
          </span>
          <span class="attachment-size">
            {kindOf(part)} · {fileSize(part.size)}
          </span>
        </span>
        <Icon name="download" size={18} />
      </a>
    </li>
  );
}

/** Parts that belong to the HTML text (they have a cid and are inline) are not listed. */
export function listedParts(email: Pick<EmailFull, "attachments" | "htmlBody">): readonly BodyPart[] {
  const html = email.htmlBody.some((part) => part.type === "text/html");
  return email.attachments.filter((part) => !(html && part.cid && part.disposition !== "attachment" && part.type.startsWith("image/")));
}

export function Attachments({ email }: { email: EmailFull }): VNode | null {
  const parts = listedParts(email);
  if (!parts.length) return null;
  const size = parts.reduce((sum, part) => sum + part.size, 0);
  return (
    <section class="attachments" aria-label={t("Attachments")}>
      <h2>
        {tn("1 attachment", "{n} attachments", parts.length)} <span>· {fileSize(size)}</span>
      </h2>
      <ul>
        {parts.map((part, index) => (
          <Attachment key={part.blobId ?? index} part={part} />
        ))}
      </ul>
    </section>
  );
}
