/** How a message makes itself heard: a sound and the system's notification, as the settings have it. */
import { settings } from "../core/session.js";
import { systemNotice } from "../ui/cards.js";

/** Milliseconds between two sounds. */
const REST = 1_500;

export class Announcer {
  private audio: AudioContext | null = null;
  private last = 0;
  /** Among several tabs of one person only one makes sounds. */
  private leads = !("locks" in navigator);

  start(): void {
    if ("locks" in navigator) {
      void navigator.locks.request("mailim-chat-sound", () => {
        this.leads = true;
        return new Promise<never>(() => undefined); // until the tab is closed
      });
    }
  }

  /** Two short tones, made here: no file has to be fetched. */
  sound(): void {
    if (!settings.value.sounds || !this.leads || Date.now() - this.last < REST) return;
    this.last = Date.now();
    try {
      this.audio ??= new AudioContext();
      const { audio } = this;
      if (audio.state === "suspended") void audio.resume(); // a browser that waits for a first click stays silent
      for (const [pitch, at] of [[660, 0], [880, 0.12]] as const) this.tone(audio, pitch, audio.currentTime + at);
    } catch {
      // no sound device
    }
  }

  private tone(audio: AudioContext, pitch: number, at: number): void {
    const oscillator = audio.createOscillator();
    const gain = audio.createGain();
    oscillator.frequency.value = pitch;
    gain.gain.setValueAtTime(0, at);
    gain.gain.linearRampToValueAtTime(0.12, at + 0.015);
    gain.gain.exponentialRampToValueAtTime(0.0001, at + 0.3);
    oscillator.connect(gain).connect(audio.destination);
    oscillator.start(at);
    oscillator.stop(at + 0.32);
  }

  /** A notice of the system, while the page is in the background; later ones of the same `tag` replace it. */
  notice(tag: string, title: string, body: string, open: () => void): void {
    if (settings.value.notifications) systemNotice(`chat-${tag}`, title, body, open);
  }
}
