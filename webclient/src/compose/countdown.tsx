/** How long something still takes, counted down for the eye only: it is not read out each second. */
import type { VNode } from "preact";
import { useEffect, useState } from "preact/hooks";
import { t, tn } from "../core/i18n.js";

interface Props {
  /** A time of the clock here. */
  readonly until: number;
  /** The sentence, of words such as "in 5 seconds". */
  readonly words: (time: string) => string;
}

export function Countdown({ until, words }: Props): VNode {
  const [now, setNow] = useState(Date.now());
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), 1_000);
    return () => clearInterval(timer);
  }, []);
  const seconds = Math.ceil((until - now) / 1_000);
  return <span aria-hidden="true">{words(seconds > 0 ? tn("in 1 second", "in {n} seconds", seconds) : t("now"))}</span>;
}
