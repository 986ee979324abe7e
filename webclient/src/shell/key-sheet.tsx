/** The sheet of keys that `?` shows. */
import type { VNode } from "preact";
import { t } from "../core/i18n.js";
import { DialogBody, openDialog } from "../ui/dialog.js";
import type { KeyCommand } from "./keys.js";

type Shown = Pick<KeyCommand, "keys" | "label" | "group">;

function keyName(key: string): string {
  const names: Readonly<Record<string, string>> = {
    ArrowDown: "↓",
    ArrowUp: "↑",
    PageDown: t("Page down"),
    PageUp: t("Page up"),
    Home: t("Home"),
    End: t("End"),
    Escape: t("Esc"),
    Enter: t("Enter"),
    Delete: t("Del"),
    " ": t("Space"),
    Tab: t("Tab"),
  };
  const held = /^Ctrl\+(.+)$/.exec(key)?.[1];
  if (held !== undefined) return t("Ctrl {key}", { key: keyName(held) });
  return names[key] ?? (/^[A-Z]$/.test(key) ? t("Shift {key}", { key }) : key.toUpperCase());
}

/** What a letter has keys for while it is written: it listens itself, as the table is off there. */
function inLetters(): readonly Shown[] {
  const group = t("In a letter");
  return [
    { keys: ["Ctrl+Enter"], label: t("Send"), group },
    { keys: ["Escape"], label: t("Close and keep the draft"), group },
    { keys: ["Tab"], label: t("From the subject to the text"), group },
    { keys: ["Ctrl+b"], label: t("Bold"), group },
    { keys: ["Ctrl+i"], label: t("Italic"), group },
    { keys: ["Ctrl+u"], label: t("Underlined"), group },
    { keys: ["Ctrl+k"], label: t("Link"), group },
  ];
}

export function openKeySheet(table: readonly KeyCommand[]): void {
  const groups = Map.groupBy<string, Shown>([...table, ...inLetters()], (item) => item.group);
  openDialog((close) => (
    <DialogBody title={t("Keys")} wide onClose={close}>
      <div class="key-sheet">
        {[...groups].map(([group, items]) => (
          <section key={group}>
            <h3>{group}</h3>
            <dl>
              {items.map((item) => (
                <Line key={item.label} item={item} />
              ))}
            </dl>
          </section>
        ))}
      </div>
    </DialogBody>
  ));
}

function Line({ item }: { item: Shown }): VNode {
  return (
    <>
      <dt>
        {item.keys.map((keys) => (
          <span key={keys} class="key-combo">
            {(keys === " " ? [keys] : keys.split(" ")).map((key) => (
              <kbd key={key}>{keyName(key)}</kbd>
            ))}
          </span>
        ))}
      </dt>
      <dd>{item.label}</dd>
    </>
  );
}
