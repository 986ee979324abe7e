/** Signing out: what is written is saved, what is under way ends, and only then the session does. */
import { composing } from "../compose/index.js";
import { leave } from "../core/leaving.js";

/**
 * For the `submit` event of a form that ends the session.
 *
 * A form sends itself when no script runs; with one, the letters being written are saved
 * first. What could not be saved the browser asks about, when the page goes.
 */
export function signOut(event: SubmitEvent): void {
  event.preventDefault();
  const form = event.target as HTMLFormElement;
  void leave(() => form.submit(), composing.value?.settle());
}
