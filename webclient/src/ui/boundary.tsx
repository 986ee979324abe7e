/** Keeps a fault in one part of the page from taking the rest down. */
import { Component, type ComponentChildren, type VNode } from "preact";
import { t } from "../core/i18n.js";
import { Button } from "./button.js";
import { EmptyState } from "./empty.js";

interface Props {
  readonly children: ComponentChildren;
}
interface State {
  readonly failed: boolean;
}

export class Boundary extends Component<Props, State> {
  override state: State = { failed: false };
  static override getDerivedStateFromError(): State {
    return { failed: true };
  }
  override componentDidCatch(error: unknown): void {
    console.error(error);
  }
  override render(): VNode {
    if (!this.state.failed) return <>{this.props.children}</>;
    return (
      <EmptyState icon="warning" title={t("This part of the page has failed")} text={t("Nothing is lost. The fault is in the browser's console.")}>
        <Button icon="refresh" onClick={() => this.setState({ failed: false })}>
          {t("Try again")}
        </Button>
      </EmptyState>
    );
  }
}
