/** The files of a letter: name, size, how far they are; each can be cancelled, tried again, removed. */
import type { VNode } from "preact";
import { fileSize } from "../core/format.js";
import { t } from "../core/i18n.js";
import { kindOf } from "../mail/attachments.js";
import { IconButton } from "../ui/button.js";
import { Icon } from "../ui/icon.js";
import type { Composer } from "./composer.js";
import type { Attached, Files } from "./files.js";
import type { Upload } from "./uploads.js";

function Progress({ upload, size, name }: { upload: Upload; size: number; name: string }): VNode | null {
  const state = upload.state.value;
  if (state === "failed") return <span class="compose-file-failed">{upload.failure.value}</span>;
  if (state === "waiting") return <span>{t("Waiting")}</span>;
  if (state !== "running") return null;
  const share = size ? Math.min(1, upload.sent.value / size) : 1;
  // When all is sent the server still has to answer.
  return <progress max={1} value={share} aria-label={t("Upload of {name}", { name })} />;
}

function FileView({ file, files }: { file: Attached; files: Files }): VNode {
  const state = file.upload?.state.value ?? "done";
  const name = file.name || t("Unnamed file");
  return (
    <li class={state === "failed" ? "compose-file compose-file-bad" : "compose-file"}>
      <span class="compose-file-icon">
        <Icon name={file.type.startsWith("image/") ? "image" : file.type === "message/rfc822" ? "mail" : "file"} size={18} />
      </span>
      <span class="compose-file-words">
        <span class="compose-file-name" dir="auto" title={name}>
          {name}
        </span>
        <span class="compose-file-size">
          {state === "running" || state === "failed" || state === "waiting" ? null : `${kindOf(file)} · `}
          {state === "running" && file.upload ? t("{sent} of {size}", { sent: fileSize(file.upload.sent.value), size: fileSize(file.size) }) : state === "failed" ? null : fileSize(file.size)}
          {file.upload ? <Progress upload={file.upload} size={file.size} name={name} /> : null}
        </span>
      </span>
      {state === "failed" ? <IconButton icon="refresh" size={16} label={t("Upload {name} again", { name })} onClick={() => files.retry(file)} /> : null}
      <IconButton icon="close" size={16} label={state === "running" || state === "waiting" ? t("Cancel {name}", { name }) : t("Remove {name}", { name })} onClick={() => files.remove(file)} />
    </li>
  );
}

/** Pictures that stand in the text are not listed, but while they are on their way. */
export function FilesView({ composer }: { composer: Composer }): VNode | null {
  const { files } = composer;
  const plain = composer.format.value === "plain";
  const listed = files.list.value.filter(({ cid, upload }) => (cid === null ? true : !plain && upload !== null && upload.state.value !== "done"));
  if (!listed.length) return null;
  return (
    <ul class="compose-files" aria-label={t("Attachments")}>
      {listed.map((file) => (
        <FileView key={file.key} file={file} files={files} />
      ))}
    </ul>
  );
}
