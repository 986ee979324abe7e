/** The sound of a new message, made here: no file has to be fetched. */
import { settings } from "../core/session.js";

/** Milliseconds between two sounds. */
const REST = 1_500;
/** The two tones: pitch in hertz, beginning in seconds. */
const TONES = [
  [660, 0],
  [880, 0.12],
] as const;

export class Bell {
  private audio: AudioContext | null = null;
  private last = 0;
  /** Among several tabs of one person only one makes sounds. */
  private leads = false;

  start(): void {
    if (!("locks" in navigator)) {
      this.leads = true;
      return;
    }
    void navigator.locks.request("mailim-sound", () => {
      this.leads = true;
      return new Promise<never>(() => undefined); // until the tab is closed
    });
  }

  /** Two short tones, if the settings allow them. */
  ring(): void {
    if (!settings.value.sounds || !this.leads || Date.now() - this.last < REST) return;
    this.last = Date.now();
    try {
      this.audio ??= new AudioContext();
      const { audio } = this;
      if (audio.state === "suspended") void audio.resume(); // a browser that waits for a first click stays silent
      for (const [pitch, at] of TONES) tone(audio, pitch, audio.currentTime + at);
    } catch {
      // no sound device
    }
  }
}

function tone(audio: AudioContext, pitch: number, at: number): void {
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

/** The one of this tab. */
export const bell = new Bell();
