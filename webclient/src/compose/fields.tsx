/** From, To, Cc, Bcc and Subject. */
import { useSignal } from "@preact/signals";
import type { TargetedKeyboardEvent, VNode } from "preact";
import { t } from "../core/i18n.js";
import type { Composer } from "./composer.js";
import { Recipients } from "./recipients.js";

function From({ composer }: { composer: Composer }): VNode | null {
  const { identities } = composer;
  if (identities.length < 2) return null;
  return (
    <label class="compose-line">
      <span class="compose-label">{t("From")}</span>
      <select
        class="compose-from"
        value={composer.identity.value?.id}
        onChange={(event) => {
          const chosen = identities.find(({ id }) => id === event.currentTarget.value);
          if (chosen) composer.setIdentity(chosen);
        }}
      >
        {identities.map(({ id, name, email }) => (
          <option key={id} value={id}>
            {name ? `${name} <${email}>` : email}
          </option>
        ))}
      </select>
    </label>
  );
}

/** Tab leads from the subject to the text; the toolbar between them is reached from there, backwards. */
function onSubjectKey(event: TargetedKeyboardEvent<HTMLInputElement>, composer: Composer): void {
  if (event.key !== "Tab" || event.shiftKey || event.ctrlKey || event.altKey || event.metaKey || composer.format.peek() !== "html") return;
  event.preventDefault();
  composer.bodyWanted.value = true;
}

interface MoreProps {
  readonly cc: boolean;
  readonly bcc: boolean;
  readonly show: (which: "cc" | "bcc") => void;
}

function More({ cc, bcc, show }: MoreProps): VNode | null {
  if (cc && bcc) return null;
  return (
    <span class="compose-more">
      {cc ? null : (
        <button type="button" class="compose-add" aria-label={t("Add Cc")} onClick={() => show("cc")}>
          {t("Cc")}
        </button>
      )}
      {bcc ? null : (
        <button type="button" class="compose-add" aria-label={t("Add Bcc")} onClick={() => show("bcc")}>
          {t("Bcc")}
        </button>
      )}
    </span>
  );
}

export function Fields({ composer }: { composer: Composer }): VNode {
  const asked = useSignal<"cc" | "bcc" | null>(null);
  const shown = useSignal<readonly string[]>([]);
  const show = (which: "cc" | "bcc"): void => {
    shown.value = [...shown.value, which];
    asked.value = which;
  };
  const cc = composer.cc.value.length > 0 || shown.value.includes("cc");
  const bcc = composer.bcc.value.length > 0 || shown.value.includes("bcc");
  const problems = composer.problems.value;
  return (
    <div class="compose-fields">
      <From composer={composer} />
      <div class="compose-line compose-to">
        <Recipients label={t("To")} value={composer.to.value} onChange={(value) => composer.set("to", value)} problems={problems} />
        <More cc={cc} bcc={bcc} show={show} />
      </div>
      {cc ? (
        <div class="compose-line compose-cc">
          <Recipients label={t("Cc")} value={composer.cc.value} onChange={(value) => composer.set("cc", value)} problems={problems} autofocus={asked.value === "cc"} />
        </div>
      ) : null}
      {bcc ? (
        <div class="compose-line compose-bcc">
          <Recipients label={t("Bcc")} value={composer.bcc.value} onChange={(value) => composer.set("bcc", value)} problems={problems} autofocus={asked.value === "bcc"} />
        </div>
      ) : null}
      <label class="compose-line">
        <span class="compose-label">{t("Subject")}</span>
        <input
          class="compose-subject"
          name="subject"
          dir="auto"
          maxLength={900}
          autocomplete="off"
          value={composer.subject.value}
          onInput={(event) => composer.setSubject(event.currentTarget.value)}
          onKeyDown={(event) => onSubjectKey(event, composer)}
        />
      </label>
    </div>
  );
}
