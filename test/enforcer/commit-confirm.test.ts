import pino from 'pino';
import { expect, test } from 'vitest';
import { createCommitConfirm } from '#agent/commit-confirm.ts';
import { err, ok, type Result } from '#model/result.ts';
import type { HostRuleSet } from '#model/rule-set.ts';
import { hostRuleSet } from './rule-sets.ts';

const revision = (number: number) => hostRuleSet({ revision: number, addresses: ['10.0.0.1'] });

/** An enforcer that takes everything; a revision above 1 begins a new epoch unless told that it only widens. */
function fakeEnforcer(widens: ReadonlySet<number> = new Set()) {
  const applied: (number | 'open')[] = [];
  let held: HostRuleSet | undefined;
  let epoch = 0;
  return {
    applied,
    held: () => held,
    counts: () => ({ repairs: 0, epoch, settled: 'yes' as const }),
    open: async () => {
      applied.push('open');
      held = undefined;
      return ok(undefined);
    },
    resume: async () => ({ kind: 'in-force', revision: held?.revision ?? 0 }) as const,
    apply: async (ruleSet: HostRuleSet) => {
      applied.push(ruleSet.revision);
      held = ruleSet;
      if (!widens.has(ruleSet.revision)) epoch += 1;
      return { kind: 'applied', revision: ruleSet.revision } as const;
    },
  };
}

/** `ours`: our own table denies each try that fails; `theirs`: somebody else does. */
function guard(
  enforcer: ReturnType<typeof fakeEnforcer>,
  reach: () => Result<void>,
  fault: 'ours' | 'theirs' = 'ours',
) {
  const log = pino({ level: 'silent' });
  let denied = 0;
  const tried = () => {
    const outcome = reach();
    if (!outcome.ok && fault === 'ours') denied += 1;
    return outcome;
  };
  const denials = async () => ok(denied);
  return createCommitConfirm({ enforcer, reach: async () => tried(), denials, log, limitMs: 300, tryMs: 50 });
}

const quarantined = (number: number): HostRuleSet => {
  const ruleSet = revision(number);
  const quarantine = { name: 'lost', peers: { kind: 'sets' as const, ids: [] } };
  return { ...ruleSet, workloads: ruleSet.workloads.map((rules) => ({ ...rules, quarantine })) };
};

test('a change through which the control plane is reached is kept', async () => {
  const enforcer = fakeEnforcer();
  const guarded = guard(enforcer, () => ok(undefined));
  expect(await guarded.apply(revision(1))).toEqual({ kind: 'applied', revision: 1 });
  expect(enforcer.applied).toEqual([1]);
});

test('a change that cuts the control plane off is undone and refused', async () => {
  const enforcer = fakeEnforcer();
  let reachable = ok(undefined) as Result<void>;
  const guarded = guard(enforcer, () => reachable);
  await guarded.apply(revision(1));
  reachable = err('EHOSTUNREACH');
  const outcome = await guarded.apply(revision(2));
  expect(outcome).toMatchObject({ kind: 'refused', revision: 2 });
  expect(outcome.kind === 'refused' && outcome.reason).toContain('revision 1 is in force again');
  expect(enforcer.applied).toEqual([1, 2, 1]);
  expect(guarded.held()?.revision).toBe(1);
});

test('a first policy that cuts the control plane off opens the host again', async () => {
  const enforcer = fakeEnforcer();
  const guarded = guard(enforcer, () => err('ETIMEDOUT'));
  expect(await guarded.apply(revision(1))).toMatchObject({ kind: 'refused', revision: 1 });
  expect(enforcer.applied).toEqual([1, 'open']);
});

test('a change that only widens is not probed', async () => {
  const enforcer = fakeEnforcer(new Set([2]));
  let probes = 0;
  const guarded = guard(enforcer, () => {
    probes += 1;
    return ok(undefined);
  });
  await guarded.apply(revision(1));
  await guarded.apply(revision(2));
  expect(probes).toBe(1);
});

test('a control plane that is slow to answer is given the whole limit', async () => {
  const enforcer = fakeEnforcer();
  let probes = 0;
  const guarded = guard(enforcer, () => {
    probes += 1;
    return probes < 2 ? err('ETIMEDOUT') : ok(undefined);
  });
  expect(await guarded.apply(revision(1))).toEqual({ kind: 'applied', revision: 1 });
});

test.each(['EADDRNOTAVAIL', 'ETIMEDOUT', 'EHOSTUNREACH', 'ABORT_ERR'])(
  'tries that fail with %s, which our own table did not deny, undo nothing',
  async (error) => {
    const enforcer = fakeEnforcer();
    const guarded = guard(enforcer, () => err(error), 'theirs');
    expect(await guarded.apply(revision(1))).toEqual({ kind: 'applied', revision: 1 });
    expect(enforcer.applied).toEqual([1]);
  },
);

test('a quarantine is never undone, nor asked about', async () => {
  const enforcer = fakeEnforcer();
  let probes = 0;
  const guarded = guard(enforcer, () => {
    probes += 1;
    return err('ETIMEDOUT');
  });
  expect(await guarded.apply(quarantined(1))).toEqual({ kind: 'applied', revision: 1 });
  expect((await guarded.resume()).kind).toBe('in-force');
  expect({ applied: enforcer.applied, probes }).toEqual({ applied: [1], probes: 1 });
});
