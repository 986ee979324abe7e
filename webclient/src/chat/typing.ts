/** Tells the other side that one is typing (XEP-0085 §5), and that one has stopped. */
import { stateMessage, type ChatState } from "./stanzas.js";

/** Milliseconds without a key until "paused". */
const PAUSE = 5_000;

export class Typing {
  private state: ChatState = "active";
  private timer: ReturnType<typeof setTimeout> | undefined;

  /** `send` gets the stanza if somebody is there to see it. */
  constructor(
    private readonly jid: string,
    private readonly send: (stanza: ReturnType<typeof stateMessage>) => void,
  ) {}

  /** A key was pressed; `some`: there is text now. */
  input(some: boolean): void {
    clearTimeout(this.timer);
    this.tell(some ? "composing" : "active");
    if (some) this.timer = setTimeout(() => this.tell("paused"), PAUSE);
  }

  /** The message was sent, which says "active" itself. */
  sent(): void {
    clearTimeout(this.timer);
    this.state = "active";
  }

  /** One turns away. */
  stop(): void {
    clearTimeout(this.timer);
    if (this.state === "composing") this.tell("paused");
  }

  private tell(state: ChatState): void {
    if (state === this.state) return;
    this.state = state;
    this.send(stateMessage(this.jid, state));
  }
}
