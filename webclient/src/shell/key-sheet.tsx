/** The sheet of keys that `?` shows. */
import type { VNode } from "preact";
import { t } from "../core/i18n.js";
import { DialogBody, openDialog } from "../ui/dialog.js";
import type { KeyCommand } from "./keys.js";

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
    "Ctrl+a": t("Ctrl A"),
  };
  return names[key] ?? (/^[A-Z]$/.test(key) ? t("Shift {key}", { key }) : key.toUpperCase());
}

export function openKeySheet(table: readonly KeyCommand[]): void {
  const groups = Map.groupBy(table, (item) => item.group);
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

function Line({ item }: { item: KeyCommand }): VNode {
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
