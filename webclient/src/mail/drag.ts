/** Dragging messages to a folder. */
import { tn } from "../core/i18n.js";
import type { Id } from "../jmap/types.js";

const TYPE = "application/x-mailim-emails";

/** Begins a drag of messages; their number is what hangs at the pointer. */
export function startDrag(event: DragEvent, ids: readonly Id[]): void {
  const data = event.dataTransfer;
  if (!data) return;
  data.effectAllowed = "move";
  data.setData(TYPE, JSON.stringify(ids));
  const chip = document.createElement("div");
  chip.className = "drag-chip";
  chip.textContent = tn("1 message", "{n} messages", ids.length);
  document.body.append(chip);
  data.setDragImage(chip, -12, -8);
  setTimeout(() => chip.remove());
}

/** Whether what is over a folder is messages. */
export function holdsEmails(event: DragEvent): boolean {
  return event.dataTransfer?.types.includes(TYPE) ?? false;
}

export function droppedEmails(event: DragEvent): readonly Id[] {
  const text = event.dataTransfer?.getData(TYPE) ?? "";
  return text ? (JSON.parse(text) as Id[]) : [];
}
