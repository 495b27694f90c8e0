import { setTimeout } from 'node:timers/promises';
import pino from 'pino';
import { expect, test } from 'vitest';
import { createCommitConfirm } from '#agent/policy/commit-confirm.ts';
import { err, ok, type Result } from '#model/result.ts';
import type { HostRuleSet } from '#model/rule-set.ts';
import { hostRuleSet } from './rule-sets.ts';

const revision = (number: number) => hostRuleSet({ revision: number, addresses: ['10.0.0.1'] });

/** An enforcer that takes everything; each revision takes something away unless told that it only widens. */
function fakeEnforcer(widens: ReadonlySet<number> = new Set()) {
  const applied: (number | 'open')[] = [];
  let held: HostRuleSet | undefined;
  return {
    applied,
    held: () => held,
    open: async () => {
      applied.push('open');
      held = undefined;
      return ok(undefined);
    },
    resume: async () => ({ kind: 'in-force', revision: held?.revision ?? 0 }) as const,
    apply: async (ruleSet: HostRuleSet, beforeNarrowing?: () => Promise<void>) => {
      if (!widens.has(ruleSet.revision)) await beforeNarrowing?.();
      applied.push(ruleSet.revision);
      held = ruleSet;
      return { kind: 'applied', revision: ruleSet.revision } as const;
    },
  };
}

/** `ours`: our own table denies each try that fails; `theirs`: somebody else does. `heard`: what the stream does once the change is in force. */
function guard(
  enforcer: ReturnType<typeof fakeEnforcer>,
  reach: () => Result<void>,
  fault: 'ours' | 'theirs' = 'ours',
  heard?: () => Promise<void>,
) {
  const log = pino({ level: 'silent' });
  const denials = fault === 'ours' ? 'some' : 'none';
  return createCommitConfirm({
    enforcer,
    reach: async () => reach(),
    watchedTry: async () => {
      const tried = reach();
      return { tried, denials: tried.ok ? 'none' : denials };
    },
    heard: heard ?? (() => new Promise(() => undefined)),
    log,
    // Where the stream is to end the wait, nothing else may.
    limitMs: heard === undefined ? 300 : 60_000,
    tryMs: 50,
  });
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
  const guarded = guard(enforcer, () => (enforcer.applied.at(-1) === 2 ? err('EHOSTUNREACH') : ok(undefined)));
  await guarded.apply(revision(1));
  const outcome = await guarded.apply(revision(2));
  expect(outcome).toMatchObject({ kind: 'refused', revision: 2 });
  expect(outcome.kind === 'refused' && outcome.reason).toContain('revision 1 is in force again');
  expect(enforcer.applied).toEqual([1, 2, 1]);
  expect(guarded.held()?.revision).toBe(1);
});

test('a first policy that cuts the control plane off opens the host again', async () => {
  const enforcer = fakeEnforcer();
  const guarded = guard(enforcer, () => (enforcer.applied.length === 0 ? ok(undefined) : err('ETIMEDOUT')));
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
  const afterNarrowing = probes;
  await guarded.apply(revision(2));
  expect([afterNarrowing, probes]).toEqual([2, 2]);
});

test('a try late in the limit is given time enough for a packet to leave', async () => {
  const enforcer = fakeEnforcer();
  const reach = async () => (enforcer.applied.length === 0 ? ok(undefined) : err('ETIMEDOUT'));
  const guarded = createCommitConfirm({
    enforcer,
    reach,
    watchedTry: async (signal) => {
      // A packet needs its time to leave; timers end in the order in which they are due, however busy the machine is.
      await setTimeout(20);
      return { tried: err('ETIMEDOUT'), denials: signal.aborted ? 'none' : 'some' };
    },
    heard: () => new Promise(() => undefined),
    log: pino({ level: 'silent' }),
    // Over before the first watched try begins.
    limitMs: 0,
  });
  expect(await guarded.apply(revision(1))).toMatchObject({ kind: 'refused' });
});

test('a control plane that is slow to answer is given the whole limit', async () => {
  const enforcer = fakeEnforcer();
  let probes = 0;
  const guarded = guard(enforcer, () => {
    probes += 1;
    return probes === 2 ? err('ETIMEDOUT') : ok(undefined);
  });
  expect(await guarded.apply(revision(1))).toEqual({ kind: 'applied', revision: 1 });
});

test.each(['EADDRNOTAVAIL', 'ETIMEDOUT', 'EHOSTUNREACH', 'ABORT_ERR'])(
  'tries that fail with %s, which our own table did not deny, undo nothing',
  async (error) => {
    const enforcer = fakeEnforcer();
    const reach = () => (enforcer.applied.length === 0 ? ok(undefined) : err(error));
    const guarded = guard(enforcer, reach, 'theirs');
    expect(await guarded.apply(revision(1))).toEqual({ kind: 'applied', revision: 1 });
    expect(enforcer.applied).toEqual([1]);
  },
);

test('where the control plane could not be reached before a change either, nothing is tried after it', async () => {
  const enforcer = fakeEnforcer();
  let probes = 0;
  const guarded = guard(enforcer, () => {
    probes += 1;
    return err('ETIMEDOUT');
  });
  expect(await guarded.apply(revision(1))).toEqual({ kind: 'applied', revision: 1 });
  expect({ applied: enforcer.applied, probes }).toEqual({ applied: [1], probes: 1 });
});

test('a stream on which the control plane is heard keeps a change, whatever the tries say', async () => {
  const enforcer = fakeEnforcer();
  let failedTries = 0;
  let tellHeard: () => void = () => undefined;
  const heard = new Promise<void>((resolve) => {
    tellHeard = resolve;
  });
  const reach = () => {
    if (enforcer.applied.length === 0) return ok(undefined);
    failedTries += 1;
    if (failedTries === 2) tellHeard();
    return err('ETIMEDOUT');
  };
  const guarded = guard(enforcer, reach, 'ours', () => heard);
  expect(await guarded.apply(revision(1))).toEqual({ kind: 'applied', revision: 1 });
  expect({ applied: enforcer.applied, failedTries }).toEqual({ applied: [1], failedTries: 2 });
});

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
