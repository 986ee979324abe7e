/** What rules in force and rules that are tried have in common: a rule's head, problems of the file. */
import type { ComponentChildren, VNode } from "preact";
import { t } from "../core/i18n.js";
import { Icon } from "../ui/icon.js";
import type { RuleHead, RuleProblem } from "./filter-model.js";

function queueText(queue: RuleHead["queue"]): string {
  return { local: t("mail for here"), remote: t("mail that leaves"), both: t("all mail") }[queue];
}

export function Problems({ problems, inForce }: { problems: readonly RuleProblem[]; inForce: boolean }): VNode | null {
  if (!problems.length) return null;
  return (
    <div class="notice notice-warn rule-problems" role="alert">
      <Icon name="warning" size={18} />
      <div>
        <strong>{inForce ? t("The file is broken; the last good rules stay in force.") : t("The file is broken; mail waits for good rules.")}</strong>
        <ul>
          {problems.map((one, at) => (
            <li key={at} dir="auto">
              {one.rule ? <strong>{t("Rule {n}, {name}:", { n: one.rule, name: one.name })} </strong> : null}
              {one.path ? <code>{one.path}</code> : null} {one.text}
              {one.hint ? ` (${one.hint})` : ""}
            </li>
          ))}
        </ul>
      </div>
    </div>
  );
}

/** The head of a rule; what stands behind its name says how it is. */
export function RuleTitle({ rule, children }: { rule: RuleHead; children?: ComponentChildren }): VNode {
  return (
    <div class="rule-head">
      <span class="rule-number">{rule.number}</span>
      <h3 dir="auto">{rule.name}</h3>
      {children}
      <span class="rule-queue">{queueText(rule.queue)}</span>
    </div>
  );
}
