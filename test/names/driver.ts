// The agent's enforcement and its learning of names, without control plane, in the network namespace it is started in: commands
// on standard input, one JSON line each, answered in order. A kernel whose nft knows no queue is told apart by `held`: the words
// are taken out of what nft loads, and the kernel's older NFQUEUE target stands in their place (queue-target.ts).

import { createInterface } from 'node:readline';
import { pino } from 'pino';
import { livePeersAmong } from '#agent/conntrack/live-peers.ts';
import { sweepMarks } from '#agent/conntrack/mark-sweep.ts';
import { createNames } from '#agent/dns/names.ts';
import { createEnforcer } from '#agent/enforce/enforcer.ts';
import { createNft, type Nft } from '#agent/nft/nft.ts';
import type { NameSettings } from '#agent/settings/settings.ts';
import { openStateDirectory } from '#agent/state/state-directory.ts';
import { assertOk, err } from '#model/result.ts';
import { decodeSnapshot } from '#wire/snapshot.ts';
import { loadQueueTarget } from './queue-target.ts';

const [directory = '', settingsText = '', held = ''] = process.argv.slice(2);
const settings = JSON.parse(settingsText) as NameSettings;
const log = pino({ level: process.env['NAMES_LOG'] ?? 'silent' }, pino.destination(2));
const stop = new AbortController();

function withoutQueueWord(nft: Nft): Nft {
  const without = (script: string) => script.replaceAll(/^.* queue num .*\n/gm, '');
  return {
    ...nft,
    apply: (script) => nft.apply(without(script)),
    check: (script) => nft.check(without(script)),
  };
}

const real = createNft();
/** As a kernel that can show answers neither way. */
const blind: Nft = {
  ...real,
  check: (script) => (script.includes('segwall_trial') ? Promise.resolve(err('no such word')) : real.check(script)),
};
const nft = held === 'held' ? withoutQueueWord(real) : held === 'lookups' ? blind : real;
const names = createNames({
  settings,
  stateDirectory: directory,
  nft,
  log,
  liveAmong: livePeersAmong,
  learning: 'on',
});
const enforcer = createEnforcer({
  nft,
  stateDirectory: openStateDirectory(directory),
  essentials: () => [],
  log,
  sweepMarks,
  names,
});
if (held === 'held') await loadQueueTarget(real);
const started = await enforcer.start();
const running = names.run({
  signal: stop.signal,
  async relearn() {
    const outcome = await enforcer.relearn();
    if (outcome?.kind === 'refused') throw new Error(outcome.reason);
    return 'done';
  },
});
running.catch((error: unknown) => {
  process.stderr.write(`${String(error)}\n`);
  process.exit(1);
});

async function answer(command: { readonly op: string; readonly ruleSet?: string }): Promise<object> {
  switch (command.op) {
    case 'apply':
      return enforcer.apply(assertOk(decodeSnapshot(Buffer.from(command.ruleSet ?? '', 'base64'))));
    case 'status':
      return { ...names.status(), epoch: enforcer.counts().epoch, started };
    case 'stop':
      stop.abort();
      await running;
      return { stopped: true };
    default:
      return { unknown: command.op };
  }
}

let last: Promise<unknown> = Promise.resolve();
createInterface({ input: process.stdin })
  .on('line', (line) => {
    last = last.then(async () => {
      const reply = await answer(JSON.parse(line) as { op: string });
      process.stdout.write(`${JSON.stringify(reply)}\n`);
    });
  })
  .on('close', () => process.exit(0));
process.stdout.write('ready\n');
