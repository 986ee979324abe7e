/** The rules for mail: which are in force, what is wrong in their file, and trying them on a mail. */
import type { VNode } from "preact";
import { t, tn } from "../core/i18n.js";
import { EmptyState } from "../ui/empty.js";
import { call, useLoaded } from "./api.js";
import type { RuleList, RuleRow } from "./filter-model.js";
import { Problems, RuleTitle } from "./filter-parts.js";
import { FilterTest } from "./filter-test.js";
import { Failure, Head, Skeleton, Tag } from "./parts.js";

const SECONDS = 15;

function Rule({ rule }: { rule: RuleRow }): VNode {
  const joint = rule.match === "all" ? t("and") : t("or");
  return (
    <li class={rule.enabled ? "rule" : "rule rule-off"}>
      <RuleTitle rule={rule}>{rule.enabled ? <Tag kind="good">{t("On")}</Tag> : <Tag kind="plain">{t("Off")}</Tag>}</RuleTitle>
      <dl class="rule-words">
        {rule.conditions.map((text, at) => (
          <div key={at}>
            <dt>{at ? joint : t("if")}</dt>
            <dd dir="auto">{text}</dd>
          </div>
        ))}
        {rule.actions.map((text, at) => (
          <div key={at}>
            <dt>{t("then")}</dt>
            <dd dir="auto">{text}</dd>
          </div>
        ))}
      </dl>
    </li>
  );
}

function noteOf(list: RuleList): string {
  if (!list.in_force) return t("There are no rules in force.");
  if (!list.enabled) return t("The rules are switched off.");
  const on = list.rules.filter((rule) => rule.enabled).length;
  return t("{rules}, {on} on", { rules: tn("1 rule", "{n} rules", list.rules.length), on });
}

export function Filters(): VNode {
  const loaded = useLoaded(() => call<RuleList>("filter.list"), SECONDS);
  const list = loaded.data.value;
  return (
    <>
      <Head title={t("Filters")} note={list ? noteOf(list) : undefined} />
      <Failure loaded={loaded} />
      {!list && loaded.failure.value === null ? <Skeleton /> : null}
      {list ? <Problems problems={list.problems} inForce={list.in_force} /> : null}
      {list && !list.rules.length ? <EmptyState icon="check" title={t("There are no rules")} text={t("Rules stand in {file}; a change takes effect at once.", { file: list.file })} /> : null}
      <FilterTest />
      {list?.rules.length ? (
        <section class="card rules" aria-label={t("Rules")}>
          <p class="rules-file">
            {t("Asked in this order. They stand in this file; a change takes effect at once:")} <code dir="ltr">{list.file}</code>
          </p>
          <ol>
            {list.rules.map((rule) => (
              <Rule key={rule.number} rule={rule} />
            ))}
          </ol>
        </section>
      ) : null}
    </>
  );
}
