/** The whole page: bars, folders, the view of the route, dialogs and toasts. */
import type { VNode } from "preact";
import { Dialogs } from "../ui/dialog.js";
import { Toasts } from "../ui/toast.js";

export function App(): VNode {
  return (
    <>
      <Dialogs />
      <Toasts />
    </>
  );
}
