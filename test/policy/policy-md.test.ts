// The policy language, sentence by sentence, in the order in which it is laid down: each that says what holds has a small case here,
// judged by the oracle and by the compiled rule sets, and where it speaks of what is refused or warned of, checked. What only a live
// fleet can show names the test that does.

import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { millis } from '#model/time.ts';
import type { Direction, End } from '#model/verdict.ts';
import { checkPolicy } from '#policy/check/check-policy.ts';
import { compileFleet } from '#policy/compile/compile.ts';
import { createHolders } from '#policy/judge/address-holders.ts';
import { runPolicyTests } from '#policy/judge/policy-tests.ts';
import { compiledEnd } from './compiled-ends.ts';
import { addresses } from './sentences/addresses.ts';
import { type Case, fleet } from './sentences/case.ts';
import { documents } from './sentences/documents.ts';
import { peers } from './sentences/peers.ts';
import { segments } from './sentences/segments.ts';
import { verdicts } from './sentences/verdicts.ts';
import { createWorld, document, endText, noon, query, type World } from './world.ts';

const sentences = [...documents, ...segments, ...peers, ...verdicts, ...addresses];

function problemsOf(policy: string, inventory: string | undefined) {
  return checkPolicy({
    files: [{ path: 'policy.yaml', text: policy }],
    ...(inventory === undefined ? {} : { inventoryFiles: [{ path: 'inventory.yaml', text: inventory }] }),
    now: noon,
    mode: 'offline',
  }).problems;
}

/** The same query through the rule sets that the hosts of its two ends would be sent. */
function compiledEnds(world: World, asked: ReturnType<typeof query>): Readonly<Record<Direction, End>> {
  const compiled = compileFleet({ ...world, now: asked.at });
  const holders = createHolders(world.inventory.workloads);
  const question = { fleet: compiled, holders, query: asked };
  return { outbound: compiledEnd(question, 'outbound'), inbound: compiledEnd(question, 'inbound') };
}

function holds(one: Case): void {
  switch (one.kind) {
    case 'judged': {
      const world = one.world();
      for (const [text, outbound, inbound] of one.rows) {
        const asked = query(text, one.at === undefined ? noon : millis(Date.parse(one.at)));
        const verdict = world.oracle.judge(asked);
        expect([text, endText(verdict.outbound), endText(verdict.inbound)]).toEqual([text, outbound, inbound]);
        const compiled = compiledEnds(world, asked);
        expect([text, endText(compiled.outbound), endText(compiled.inbound)], 'compiled').toEqual([
          text,
          outbound,
          inbound,
        ]);
      }
      return;
    }
    case 'refused':
    case 'warned': {
      const found = problemsOf(one.policy, one.inventory).find(({ code }) => code === one.code);
      expect(found, JSON.stringify(problemsOf(one.policy, one.inventory))).toBeDefined();
      expect(found?.severity).toBe(one.kind === 'refused' ? 'error' : 'warning');
      expect(found?.line).toBeGreaterThan(0);
      expect(found?.column).toBeGreaterThan(0);
      return;
    }
    case 'accepted':
      expect(problemsOf(one.policy, one.inventory).filter(({ severity }) => severity === 'error')).toEqual([]);
      return;
    case 'tested': {
      const world = createWorld(
        one.policy +
          document('PolicyTest', 't', `judge: ${one.judge ?? 'as-written'}\ntests:\n  - { ${one.assertion} }`),
        fleet,
      );
      expect(runPolicyTests({ ...world, now: noon }).map(({ outcome }) => outcome)).toEqual([one.outcome]);
      return;
    }
    case 'onDeny': {
      const compiled = compileFleet({ ...createWorld(one.policy, fleet), now: noon });
      const [rules] = compiled.ruleSetOf('h2', 1)?.workloads ?? [];
      expect([rules?.inbound.onDeny, rules?.outbound.onDeny]).toEqual([one.inbound, one.outbound]);
      return;
    }
    case 'elsewhere':
      expect(readFileSync(new URL(`../../${one.file}`, import.meta.url), 'utf8'), one.file).toContain(`'${one.test}'`);
  }
}

describe.each([...new Set(sentences.map(([section]) => section))])('%s', (section) => {
  const own = sentences.filter(([name]) => name === section);
  test.each(own.map(([, says, ...cases]) => ({ says, cases })))('$says', ({ cases }) => {
    for (const one of cases) holds(one);
  });
});
