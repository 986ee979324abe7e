/** The list of completions below a field of recipients. */
import type { VNode } from "preact";
import { useLayoutEffect, useRef } from "preact/hooks";
import { t } from "../core/i18n.js";
import { Avatar } from "../ui/avatar.js";
import { Icon } from "../ui/icon.js";
import { place } from "../ui/menu.js";
import type { Person } from "./people-search.js";

interface Props {
  readonly id: string;
  readonly label: string;
  readonly people: readonly Person[];
  readonly active: number;
  readonly anchor: () => Element | null;
  readonly choose: (person: Person) => void;
  readonly point: (index: number) => void;
}

export function optionId(list: string, index: number): string {
  return `${list}-${index}`;
}

/** A popover, so that no pane cuts it off; the focus stays in the field. */
export function Options({ id, label, people, active, anchor, choose, point }: Props): VNode {
  const list = useRef<HTMLUListElement>(null);
  useLayoutEffect(() => {
    const element = list.current;
    const field = anchor();
    if (!element || !field) return;
    if (!people.length) {
      element.hidePopover();
      return;
    }
    element.showPopover();
    place(element, field.getBoundingClientRect());
  }, [people, anchor]);
  useLayoutEffect(() => {
    list.current?.querySelector('[aria-selected="true"]')?.scrollIntoView({ block: "nearest" });
  }, [active]);
  return (
    <ul ref={list} id={id} class="menu people-list" role="listbox" popover="manual" aria-label={t("Completions for {field}", { field: label })}>
      {people.map((person, index) => (
        <li
          key={person.email}
          id={optionId(id, index)}
          class="people-option"
          role="option"
          aria-selected={index === active}
          onPointerMove={() => point(index)}
          onPointerDown={(event) => event.preventDefault()}
          onClick={() => choose(person)}
        >
          <Avatar name={person.name} address={person.email} size={32} />
          <span class="people-words">
            <span dir="auto">{person.name || person.email}</span>
            {person.name ? (
              <span class="people-address" dir="ltr">
                {person.email}
              </span>
            ) : null}
          </span>
          {person.kind === "group" ? (
            <span class="people-kind">
              <Icon name="contacts" size={16} />
              {t("Group")}
            </span>
          ) : null}
        </li>
      ))}
    </ul>
  );
}
