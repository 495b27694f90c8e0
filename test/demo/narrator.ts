// Tells the story while it happens: one line a step with how long it took, and under it what is worth seeing.

export interface Narrator {
  /** Runs one step; what it returns ends its line. A step that throws is told as failed, and throws on. */
  step(title: string, act: () => Promise<string>): Promise<void>;
  /** Text of several lines, set off. */
  show(text: string): void;
  say(text: string): void;
}

export function createNarrator(write: (text: string) => void): Narrator {
  const startedAt = performance.now();
  const clock = () => `${((performance.now() - startedAt) / 1000).toFixed(1).padStart(5)}s`;
  return {
    step: async (title, act) => {
      try {
        const outcome = await act();
        write(`[${clock()}] ${title}: ${outcome}\n`);
      } catch (error) {
        write(`[${clock()}] ${title}: FAILED\n`);
        throw error;
      }
    },
    show: (text) => write(`${text.replace(/^/gm, '         ').trimEnd()}\n`),
    say: (text) => write(`${text}\n`),
  };
}
