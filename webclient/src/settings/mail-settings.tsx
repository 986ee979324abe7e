/** Settings of mail that need more than the first load brings: fetched when one of them is shown. */
import type { ComponentType, VNode } from "preact";
import { useEffect, useState } from "preact/hooks";
import { explain } from "../core/http.js";
import { t } from "../core/i18n.js";
import type { JmapClient } from "../jmap/client.js";
import { useMail } from "../mail/context.js";
import { Button } from "../ui/button.js";
import { EmptyState } from "../ui/empty.js";

interface Pages {
  readonly VacationPage: ComponentType<{ readonly client: JmapClient }>;
  readonly IdentitiesPage: ComponentType<{ readonly client: JmapClient }>;
}

let fetched: Pages | null = null;

export function MailSettings({ page }: { page: keyof Pages }): VNode {
  const { mail } = useMail();
  const [pages, setPages] = useState(fetched);
  const [failure, setFailure] = useState<string | null>(null);
  const [attempt, setAttempt] = useState(0);
  useEffect(() => {
    if (pages) return;
    setFailure(null);
    import("./mail-pages.js").then(
      (found) => {
        fetched = found;
        setPages(found);
      },
      (error: unknown) => setFailure(explain(error)),
    );
  }, [pages, attempt]);
  if (failure !== null) {
    return (
      <EmptyState icon="warning" title={t("This page could not be loaded")} text={failure}>
        <Button icon="refresh" onClick={() => setAttempt(attempt + 1)}>
          {t("Try again")}
        </Button>
      </EmptyState>
    );
  }
  if (!pages) return <div class="skeleton box-skeleton" aria-busy="true" />;
  const Shown = pages[page];
  return <Shown client={mail.client} />;
}
