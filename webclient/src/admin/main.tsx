/** The administration page. Not written yet: it says so. */
import { render } from "preact";
import { t } from "../core/i18n.js";
import { EmptyState } from "../ui/empty.js";

const root = document.getElementById("app");
if (root) render(<EmptyState icon="settings" title={t("The administration page is not built yet")} />, root);
