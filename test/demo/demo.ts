// `npm run demo`: a fleet of network namespaces is enrolled, observed, segmented and defended, with a line for every step. Ends
// by itself and leaves nothing behind, also after Ctrl-C; `--keep` leaves it running until Ctrl-C; `--json` ends with one line of
// figures. Exit 0: every matrix was as expected; 1: something was not; 2: wrong use; 3: the machine cannot show it.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { createLab } from '#test/support/lab.ts';
import { run } from '#test/support/run-command.ts';
import { createNarrator } from './narrator.ts';
import { playingHints } from './playing-hints.ts';
import { Story } from './story.ts';

const usage = 'usage: npm run demo -- [--keep] [--json]';

async function main(): Promise<number> {
  const options = readOptions();
  if (options === undefined) {
    process.stderr.write(`${usage}\n`);
    return 2;
  }
  const missing = await whatIsMissing();
  if (missing !== undefined) {
    process.stderr.write(`The demo ${missing}.\n`);
    return 3;
  }
  const interrupted = AbortSignal.any(
    (['SIGINT', 'SIGTERM'] as const).map((signal) => {
      const controller = new AbortController();
      process.on(signal, () => controller.abort(signal));
      return controller.signal;
    }),
  );
  const narrator = createNarrator((text) => process.stdout.write(text));
  const lab = await createLab({ name: 'demo' });
  const directory = await mkdtemp(join(tmpdir(), `segwall-demo-${process.pid}-`));
  lab.alsoRemove(directory);
  try {
    const story = new Story({ lab, directory, narrator });
    await story.tell();
    const isAsExpected = story.figures.mismatches === 0 && story.faults.length === 0;
    for (const fault of story.faults) narrator.say(`not as it should be: ${fault}`);
    narrator.say(isAsExpected ? 'Every matrix was as expected.' : 'Not everything was as expected.');
    if (options.keep) narrator.say(playingHints(lab, story.fleet));
    if (options.json) narrator.say(JSON.stringify(story.figures));
    if (options.keep) await new Promise(() => setInterval(() => undefined, 60_000));
    await story.end();
    return isAsExpected ? 0 : 1;
  } catch (error) {
    // The lab goes at once on a signal, so whatever the story was doing fails; that is no news.
    if (interrupted.aborted) return interrupted.reason === 'SIGINT' ? 130 : 143;
    process.stderr.write(`The demo stopped: ${error instanceof Error ? error.message : String(error)}\n`);
    return 1;
  } finally {
    await lab.remove();
    await rm(directory, { recursive: true, force: true, maxRetries: 10 });
  }
}

function readOptions(): { readonly keep: boolean; readonly json: boolean } | undefined {
  try {
    const { values } = parseArgs({
      options: { keep: { type: 'boolean', default: false }, json: { type: 'boolean', default: false } },
    });
    return values;
  } catch {
    return undefined;
  }
}

async function whatIsMissing(): Promise<string | undefined> {
  if (process.getuid?.() !== 0) return 'needs root, because it makes network namespaces';
  for (const [program, probe] of [
    ['nft', ['nft', '--version']],
    ['ip', ['ip', '-V']],
    ['conntrack', ['conntrack', '--version']],
    ['nsenter', ['nsenter', '--version']],
  ] as const) {
    const result = await run(probe);
    if (result.exitCode !== 0) return `needs the program ${program}, which is not installed or does not run here`;
  }
  const listing = await run(['unshare', '--net', 'nft', 'list', 'ruleset']);
  if (listing.exitCode !== 0) return `needs a kernel with nftables and network namespaces: ${listing.stderr.trim()}`;
  return undefined;
}

process.exitCode = await main();
process.exit();
