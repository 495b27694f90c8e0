// What was asked for, and judged, before something came in between, and has its turn after it: a hold, a revocation, a removal, the end of
// the asker's token. The turn looks again, and what is not wanted any more is not done.

import { describe, expect, test } from 'vitest';
import { type Asker, AuthorityEnded } from '#control-plane/fleet/asker.ts';
import { RevisionProofs } from '#control-plane/publish/revision-proofs.ts';
import { millis } from '#model/time.ts';
import { checkedPolicy, type FleetUnderTest, fleetUnderTest, shopPolicy, tenant } from './fleet-under-test.ts';

const proofs = new RevisionProofs(Buffer.alloc(32, 7));
const actor = 'operator/ann';
const shop = { app: 'shop' };
const text = shopPolicy();
const source = { kind: 'files' as const, files: [{ path: 'policy.yaml', text }] };
const note = { actor, action: 'policy-applied', target: 'policy' };
const limits = { holdMs: 3_600_000, answerMs: 3_600_000 };

interface Late extends FleetUnderTest {
  /** Asks `change` while another turn is under way, lets `meanwhile` happen (once `until`), and lets turns go on. */
  after<T>(meanwhile: () => Promise<unknown>, change: () => Promise<T>, until?: () => Promise<void>): Promise<T>;
  /** A host shows that the store lacks what it was told. */
  hold(): Promise<unknown>;
  done(): Promise<readonly string[]>;
}

async function late(): Promise<Late> {
  const under = await fleetUnderTest({ proofs });
  const { fleet, store } = under;
  await under.connect('web-1', { labels: shop, addresses: ['10.0.0.1'] });
  await under.enrol('gone-1');
  await under.enrol('other-1');
  await fleet.passTime();
  const { changeLabels } = store;
  return {
    ...under,
    async after(meanwhile, change, until) {
      const [came, gate] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
      const slow: typeof changeLabels = async (input) => {
        came.resolve();
        await gate.promise;
        Object.assign(store, { changeLabels });
        await changeLabels(input);
      };
      Object.assign(store, { changeLabels: slow });
      const first = fleet.label({ workload: 'web-1', set: new Map([['a', 'b']]), remove: [], actor: 'operator/bob' });
      await came.promise;
      const changed = change();
      await until?.();
      const happened = meanwhile();
      gate.resolve();
      await Promise.all([first, happened]);
      return changed;
    },
    hold: () => {
      const run = { name: 'cd'.repeat(16), number: 3 };
      const proof = proofs.issue('other-1', { lineage: 'ab'.repeat(16), revision: 1, run });
      return under.connect('other-1', { proof, hears: 'nothing' });
    },
    async done() {
      const entries = await store.listAudit({ tenant, afterSeq: 0, limit: 1000 });
      return entries.filter((entry) => entry.actor === actor).map(({ action }) => action);
    },
  };
}

describe('a hold that begins in between does not end, and nothing is done by what was asked for before it', () => {
  const rows: readonly (readonly [string, (given: Late) => Promise<unknown>, unknown])[] = [
    [
      'an apply',
      ({ fleet }) => fleet.activate({ policy: checkedPolicy(text), source, kind: 'apply', note }),
      { ok: false, error: 'hold-began' },
    ],
    [
      'a rollback',
      ({ fleet }) => fleet.activate({ policy: checkedPolicy(text), source, kind: 'rollback', note }),
      { ok: false, error: 'hold-began' },
    ],
    [
      'a canary',
      ({ fleet }) => fleet.startCanary({ policy: checkedPolicy(text), source, hosts: ['web-1'], limits, actor }),
      { ok: false, error: 'hold-began' },
    ],
    ['a resume', ({ fleet }) => fleet.resume(actor), undefined],
    [
      'a removal of hosts that are silent',
      ({ fleet }) =>
        fleet.removeOffline(fleet.offline({ offlineForMs: 0, hosts: new Set(['gone-1']) }), { offlineForMs: 0, actor }),
      [],
    ],
  ];
  test.each(rows)('%s', async (_, change, outcome) => {
    const given = await late();
    expect(await given.after(given.hold, () => change(given))).toEqual(outcome);
    expect(given.fleet.hold?.kind).toBe('behind');
    expect(await given.done()).toEqual([]);
  });

  test('but what is asked for in it ends it', async () => {
    const { fleet, hold } = await late();
    await hold();
    const applied = await fleet.activate({ policy: checkedPolicy(text), source, kind: 'apply', note });
    expect([applied.ok, fleet.hold]).toEqual([true, undefined]);
  });

  test('nor one that came to light while a resume waited: it asks again what would be let in', async () => {
    const given = await late();
    const { fleet, hold, after } = given;
    await hold();
    const refused = new Error('somebody would be let in again');
    let isCutOff = false;
    const resumed = after(
      async () => {
        isCutOff = true;
      },
      () =>
        fleet.resume(actor, () => {
          if (isCutOff) throw refused;
        }),
    );
    await expect(resumed).rejects.toBe(refused);
    expect(fleet.hold?.kind).toBe('behind');
  });
});

describe('a canary that runs fails, and is not everybody’s however well it did, where', () => {
  const begin = async (given: Late, holdMs: number, by: Asker | string = actor) => {
    const started = await given.fleet.startCanary({
      ...{ policy: checkedPolicy(text), source, hosts: ['web-1'], actor: by },
      limits: { holdMs, answerMs: 3_600_000 },
    });
    expect(started.ok).toBe(true);
  };
  const failed = async ({ fleet }: Late) => {
    await expect.poll(() => fleet.canary?.state, { timeout: 60_000 }).not.toBe('running');
    return fleet.canary;
  };

  test('a hold begins', async () => {
    const given = await late();
    await begin(given, 3_600_000);
    await given.hold();
    expect(await failed(given)).toMatchObject({
      state: 'failed',
      reason: expect.stringMatching(/older than what agents/),
    });
    expect(given.fleet.hold?.kind).toBe('behind');
    expect(await given.done()).toEqual(['canary-started']);
  });

  test('a hold begins once it has held, before that had its turn', async () => {
    const given = await late();
    const { fleet } = given;
    const { connection } = await given.connect('web-1', { serial: 'second', answer: 'silence' });
    await begin(given, 0);
    const concluded = () => expect.poll(() => fleet.queue.operators, { timeout: 60_000 }).toBe(1);
    await given.after(given.hold, async () => connection.acked(fleet.revision), concluded);
    expect(await failed(given)).toMatchObject({ state: 'failed' });
    expect(fleet.hold?.kind).toBe('behind');
    expect(await given.done()).toEqual(['canary-started']);
  });

  test('the token ends by which it was asked for', async () => {
    const given = await late();
    const token = new AbortController();
    const holding = () => {
      if (token.signal.aborted) throw token.signal.reason;
      return actor;
    };
    await begin(given, 3_600_000, { name: 'ann', ended: token.signal, holding });
    token.abort(new AuthorityEnded('this token of operator ann was revoked at noon', 'token-revoked'));
    const reason = 'whoever asked for it may do so no more: this token of operator ann was revoked at noon';
    expect(await failed(given)).toMatchObject({ state: 'failed', reason });
    expect(await given.done()).toEqual(['canary-started']);
  });
});

describe('a host that is revoked in between', () => {
  test('has nothing more taken of what it told before', async () => {
    const given = await late();
    const { fleet, store } = given;
    const { connection } = await given.connect('web-1', { serial: 'second' });
    const event = { id: 'ab'.repeat(16), kind: 'table-tampered' as const, at: millis(0), details: new Map() };
    await given.after(
      () => fleet.revokeAgent('web-1', actor),
      () => connection.eventsReported([event]),
    );
    const entries = await store.listAudit({ tenant, afterSeq: 0, limit: 1000 });
    expect(entries.map(({ action }) => action)).not.toContain('table-tampered');
    expect(entries.map(({ action }) => action)).toContain('agent-revoked');
  });
});

describe('a host that is removed in between: the change finds none, and leaves nothing behind', () => {
  const rows: readonly (readonly [string, (given: Late) => Promise<unknown>])[] = [
    ['labels', ({ fleet }) => fleet.label({ workload: 'gone-1', set: new Map([['a', 'b']]), remove: [], actor })],
    ['addresses', ({ fleet }) => fleet.allowAddresses({ host: 'gone-1', change: { kind: 'clear' }, actor })],
    ['a removal', ({ fleet }) => fleet.removeAgent('gone-1', actor)],
  ];
  test.each(rows)('%s', async (_, change) => {
    const given = await late();
    let removed: Promise<unknown> | undefined;
    const changed = await given.after(
      async () => removed,
      () => {
        removed = given.fleet.removeAgent('gone-1', 'operator/bob');
        return change(given);
      },
    );
    expect(changed).toBeUndefined();
    expect(await given.done()).toEqual([]);
  });
});

test('an asker whose right ended changes nothing, whatever he asked for', async () => {
  const given = await late();
  const { fleet } = given;
  const ended = new AuthorityEnded('this token of operator ann was revoked', 'token-revoked');
  let isEnded = false;
  const by: Asker = {
    name: 'ann',
    ended: new AbortController().signal,
    holding: () => {
      if (isEnded) throw ended;
      return actor;
    },
  };
  const found = fleet.offline({ offlineForMs: 0, hosts: new Set(['gone-1']) });
  const changes: readonly (() => Promise<unknown>)[] = [
    () => fleet.activate({ policy: checkedPolicy(text), source, kind: 'apply', note: { ...note, actor: by } }),
    () => fleet.startCanary({ policy: checkedPolicy(text), source, hosts: ['web-1'], limits, actor: by }),
    () => fleet.endCanary({ reason: 'enough', actor: by }),
    () => fleet.deleteDraft({ id: 1, actor: by }),
    () => fleet.resume(by),
    () => fleet.label({ workload: 'web-1', set: new Map([['c', 'd']]), remove: [], actor: by }),
    () => fleet.quarantine({ workload: 'web-1', peers: [], actor: by }),
    () => fleet.revokeAgent('web-1', by),
    () => fleet.removeAgent('web-1', by),
    () => fleet.removeOffline(found, { offlineForMs: 0, actor: by }),
    () => fleet.allowAddresses({ host: 'web-1', change: { kind: 'clear' }, actor: by }),
    () => fleet.inTurn(by, async () => 'done'),
  ];
  const outcomes = await given.after(
    async () => {
      isEnded = true;
    },
    () => Promise.allSettled(changes.map((change) => change())),
  );
  expect(outcomes.map((outcome) => (outcome.status === 'rejected' ? outcome.reason : outcome.value))).toEqual(
    changes.map(() => ended),
  );
  expect(await given.done()).toEqual([]);
});
