// How long something computed, whatever else the machine did meanwhile, and how fast the machine is: for tests that something ends at once.
// Processor time swings threefold between machines and with what their caches and memory are fought over for, so it is judged beside a
// fixed piece of work in the same process: what is quadratic fails everywhere, a slow machine alone nowhere.

/** Milliseconds of processor time that this thread has had. */
export function threadMs(): number {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1000;
}

const roundsBeside = 3;
/** So often a cost beyond its limit is measured before it is believed. */
const mostTries = 3;

/** Processor time of `work` as a multiple of the reference's, measured right before and after it. */
export function referencesOf(work: () => void): number {
  const before = referenceMs();
  const began = threadMs();
  work();
  const tookMs = threadMs() - began;
  return tookMs / Math.min(before, referenceMs());
}

/** The least of some tries, ended by the first within the limit. */
export function leastReferencesOf(work: () => void, limit: number): number {
  let least = Number.POSITIVE_INFINITY;
  for (let tried = 0; tried < mostTries && least > limit; tried += 1) least = Math.min(least, referencesOf(work));
  return least;
}

/** What the reference takes now: the least of some rounds. */
export function referenceMs(): number {
  let fastest = Number.POSITIVE_INFINITY;
  for (let round = 0; round < roundsBeside; round += 1) {
    const began = threadMs();
    reference(round);
    fastest = Math.min(fastest, threadMs() - began);
  }
  return fastest;
}

const lines = 8000;

/** Text made, split and matched, objects and maps filled, sorted and thrown away: what reading a policy is made of. About 10 ms. */
function reference(seed: number): number {
  const text = Array.from(
    { length: lines },
    (_, at) => `  - { name: r-${(at * 7919 + seed) % lines}, to: "tcp/${at}" }`,
  );
  const found = new Map<string, { readonly name: string; readonly port: number }>();
  for (const line of text.join('\n').split('\n')) {
    const match = /name: ([a-z0-9-]+), to: "tcp\/(\d+)"/.exec(line);
    if (match?.[1] !== undefined) found.set(match[1], { name: match[1], port: Number(match[2]) });
  }
  const sorted = [...found.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
  return JSON.stringify(JSON.parse(JSON.stringify(sorted))).length;
}
