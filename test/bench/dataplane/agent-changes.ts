// A process of its own inside a host's namespace, with the agent's runtime flags: its enforcement takes deltas of one peer that comes to
// and goes from a crowd, as they come off the wire, and prints what each took until the agent would acknowledge it (in the kernel, read
// back and on disk), and what of that the agent's own computing was. The crowd's size and a directory are its arguments.

import { pino } from 'pino';
import { createEnforcer } from '#agent/enforce/enforcer.ts';
import { createElementSocket } from '#agent/nft/element-socket.ts';
import { createNft } from '#agent/nft/nft.ts';
import { readStateRule } from '#agent/nft/state-rule.ts';
import { openStateDirectory } from '#agent/state/state-directory.ts';
import { assertOk, ok } from '#model/result.ts';
import { applyRuleSetDelta, diffRuleSets } from '#model/rule-set-delta.ts';
import { hostRuleSet } from '#test/enforcer/rule-sets.ts';
import { ipv4Crowd } from './peers.ts';

const repeats = 20;
const [size = '', directory = ''] = process.argv.slice(2);
const log = pino({ level: 'silent' });
let kernelMs = 0;
const nft = createNft();
const elements = createElementSocket();
const enforcer = createEnforcer({
  nft: {
    ...nft,
    apply: async (script) => {
      const startedAt = performance.now();
      const applied = await nft.apply(script);
      kernelMs += performance.now() - startedAt;
      return applied;
    },
  },
  stateDirectory: openStateDirectory(directory),
  essentials: () => [],
  log,
  sweepMarks: async () => ok(0),
  stateRule: readStateRule,
  elements: {
    ...elements,
    apply(changes, state) {
      const startedAt = performance.now();
      const applied = elements.apply(changes, state);
      kernelMs += performance.now() - startedAt;
      return applied;
    },
  },
});
await enforcer.start();

const crowd = Number(size);
const without = hostRuleSet(ipv4Crowd(crowd, 0));
const withIt = hostRuleSet(ipv4Crowd(crowd, 1));
const deltas = { comes: diffRuleSets(without, withIt), goes: diffRuleSets(withIt, without) };
let held = without;
await enforcer.apply(held);

for (let revision = 2; revision < 2 + 2 * repeats; revision += 1) {
  const change = revision % 2 === 0 ? 'comes' : 'goes';
  kernelMs = 0;
  const startedAt = performance.now();
  held = assertOk(applyRuleSetDelta(held, { ...deltas[change], baseRevision: held.revision, revision }));
  const outcome = await enforcer.apply(held);
  const took = performance.now() - startedAt;
  if (outcome.kind !== 'applied') throw new Error(JSON.stringify(outcome));
  process.stdout.write(`${JSON.stringify({ change, milliseconds: took, ownMs: took - kernelMs })}\n`);
}
process.exit(0);
