/** A component that is drawn again only when a property, or a signal it reads, has changed. */
import { Component, h, type ComponentType, type FunctionComponent, type VNode } from "preact";

export function memo<P extends object>(inner: FunctionComponent<P>): ComponentType<P> {
  return class Memo extends Component<P> {
    override shouldComponentUpdate(next: Readonly<P>): boolean {
      const before = this.props as Readonly<Record<string, unknown>>;
      return Object.entries(next).some(([name, value]) => before[name] !== value);
    }
    override render(): VNode {
      return h(inner as FunctionComponent, this.props);
    }
  };
}
