/** The parts of xmpp.js that are used here; the packages bring no types of their own. */
declare module "@xmpp/xml" {
  /** An element as ltx has it: attributes by name, namespace declarations among them. */
  export class Element {
    readonly name: string;
    readonly attrs: Record<string, string | undefined>;
    readonly children: (Element | string)[];
    is(name: string, xmlns?: string): boolean;
    getNS(): string | undefined;
    getChild(name: string, xmlns?: string): Element | undefined;
    getChildren(name: string, xmlns?: string): Element[];
    getChildElements(): Element[];
    getChildText(name: string, xmlns?: string): string | null;
    text(): string;
    append(...children: (Element | string)[]): this;
    toString(): string;
  }
  type Child = Element | string | undefined | null | false;
  export default function xml(name: string, attrs?: Record<string, string | undefined>, ...children: (Child | readonly Child[])[]): Element;
}
declare module "@xmpp/client-core" {
  import type { Element } from "@xmpp/xml";
  export class Client {
    constructor(options: { service: string; domain: string; timeout?: number; lang?: string });
    readonly status: string;
    readonly jid: { toString(): string } | null;
    readonly socket: { end(): void } | null;
    /** Takes the full JID of a stream that was resumed. */
    _jid(jid: string): unknown;
    /** Signing on is over; says nothing to listeners if it was resumed. */
    _ready(resumed?: boolean): void;
    on(event: "stanza" | "nonza", listener: (stanza: Element) => void): this;
    on(event: "online" | "disconnect", listener: () => void): this;
    on(event: "error", listener: (error: unknown) => void): this;
    removeAllListeners(event?: string): this;
    isSecure(): boolean;
    start(): Promise<unknown>;
    stop(): Promise<unknown>;
    send(element: Element): Promise<void>;
  }
}
declare module "@xmpp/websocket" {
  import type { Client } from "@xmpp/client-core";
  export default function websocket(options: { entity: Client }): unknown;
}
declare module "@xmpp/middleware" {
  import type { Client } from "@xmpp/client-core";
  export interface Middleware {
    use(handler: unknown): unknown;
  }
  export default function middleware(options: { entity: Client }): Middleware;
}
declare module "@xmpp/stream-features" {
  import type { Middleware } from "@xmpp/middleware";
  export interface StreamFeatures {
    use(name: string, xmlns: string, handler: unknown): unknown;
  }
  export default function streamFeatures(options: { middleware: Middleware }): StreamFeatures;
}
declare module "@xmpp/iq/caller.js" {
  import type { Client } from "@xmpp/client-core";
  import type { Middleware } from "@xmpp/middleware";
  import type { Element } from "@xmpp/xml";
  export interface IqCaller {
    /** Sends an IQ; rejects with a StanzaError (`condition`, `text`) or a TimeoutError. */
    request(stanza: Element, timeout?: number): Promise<Element>;
  }
  export default function iqCaller(options: { middleware: Middleware; entity: Client }): IqCaller;
}
declare module "@xmpp/iq/callee.js" {
  import type { Client } from "@xmpp/client-core";
  import type { Middleware } from "@xmpp/middleware";
  import type { Element } from "@xmpp/xml";
  export interface IqCallee {
    get(xmlns: string, name: string, handler: (context: unknown) => Element | true | object): void;
    set(xmlns: string, name: string, handler: (context: unknown) => Element | true | object): void;
  }
  export default function iqCallee(options: { middleware: Middleware; entity: Client }): IqCallee;
}
declare module "@xmpp/sasl" {
  import type { StreamFeatures } from "@xmpp/stream-features";
  type Authenticate = (credentials: { username: string; password: string }, mechanism: string) => Promise<void>;
  export default function sasl(parts: { streamFeatures: StreamFeatures; saslFactory: unknown }, onAuthenticate: (authenticate: Authenticate, mechanisms: readonly string[]) => Promise<void>): void;
}
declare module "@xmpp/sasl-plain" {
  export default function plain(factory: unknown): void;
}
declare module "saslmechanisms" {
  export default class Factory {
    use(mechanism: unknown): this;
  }
}
declare module "@xmpp/resource-binding" {
  import type { IqCaller } from "@xmpp/iq/caller.js";
  import type { StreamFeatures } from "@xmpp/stream-features";
  export default function resourceBinding(parts: { streamFeatures: StreamFeatures; iqCaller: IqCaller }, resource: string): void;
}
