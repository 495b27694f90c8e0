// A policy that comes into force is judged and compiled where it holds up nobody: containment passes meanwhile, and what is published is
// judged beside what is in force by then.

import fc from 'fast-check';
import pino from 'pino';
import { describe, expect, onTestFinished, test } from 'vitest';
import { type JudgedPolicy, judgedChange } from '#control-plane/api/judged-change.ts';
import { Judging } from '#control-plane/judging/judging.ts';
import { policyParts, readPolicyParts } from '#control-plane/judging/policy-parts.ts';
import { PolicyTurns } from '#control-plane/judging/policy-turns.ts';
import { inventoryUnder } from '#control-plane/publish/policy-review.ts';
import { PreparedPolicy } from '#control-plane/publish/prepared-policy.ts';
import { err, ok } from '#model/result.ts';
import { millis } from '#model/time.ts';
import { FleetCompiler } from '#policy/compile/fleet-compiler.ts';
import type { Policy } from '#policy/policy/policy.ts';
import { arbitraryWorld } from '#test/property/arbitraries.ts';
import { checkedPolicy, fleetUnderTest, shopPolicy, tenant } from '#test/server/fleet-under-test.ts';
import { startApiServer } from './support/api-server.ts';
import { operatorOf } from './support/operator.ts';

const forever = new AbortController().signal;
const by = { operator: 'ann', gone: forever };
const segments = (count: number) =>
  Array.from(
    { length: count },
    (_, at) => `apiVersion: segwall/v1
kind: Segment
metadata: { name: s-${at} }
spec: { selector: 'app == "a-${at}"', rules: [{ name: r, from: [any], to: [any], services: [any] }] }
`,
  ).join('---\n');

test('an operator’s call is answered while a policy is judged for an apply, and for the way back', async () => {
  const server = await startApiServer();
  onTestFinished(() => server.close());
  const { call } = operatorOf(server);
  const answered: string[] = [];
  const noting = async (what: string, done: ReturnType<typeof call>) => {
    const { status } = await done;
    answered.push(`${what} ${status}`);
  };
  const apply = (count: number) =>
    call('POST', '/api/v1/policy/apply', { files: [{ path: 'many.yaml', text: segments(count) }] });
  const quarantine = () => call('PUT', '/api/v1/workloads/lost/quarantine', { peers: [] });
  const beside = async (what: string, change: ReturnType<typeof call>) => {
    const changing = noting(what, change);
    // The first may be served before the change has come.
    for (let time = 0; time < 3; time += 1) await noting('quarantine', quarantine());
    await changing;
  };
  await beside('apply', apply(4000));
  await call('POST', '/api/v1/policy/apply', { files: [], empty: 'allow' });
  await beside('rollback', call('POST', '/api/v1/policy/rollback', { to: 2 }));
  const quarantines = Array.from({ length: 3 }, () => 'quarantine 404');
  expect(answered).toEqual([...quarantines, 'apply 200', ...quarantines, 'rollback 200']);
});

describe('what was judged', () => {
  async function judged() {
    const under = await fleetUnderTest();
    const { fleet, storePath } = under;
    const log = pino({ level: 'silent' });
    const judging = new Judging({ fleet, storePath, tenant, now: () => millis(Date.now()), log, work: 'changes' });
    onTestFinished(() => judging.stop());
    const files = [{ path: 'policy.yaml', text: shopPolicy() }];
    const publish = async ({ policy, prepared, beside }: JudgedPolicy) =>
      fleet.activate({
        ...{ policy, source: { kind: 'files' as const, files }, kind: 'apply' as const },
        ...(prepared === undefined ? {} : { prepared }),
        judged: { beside, hostNames: 'refused' },
        note: { actor: 'operator/ann', action: 'policy-applied', target: 'policy' },
      });
    const change = (first: (judged: JudgedPolicy, round: number) => Promise<void>) => {
      let round = 0;
      return judgedChange(
        { fleet, judging, turns: new PolicyTurns() },
        {
          job: { kind: 'review', source: { kind: 'files', files }, tests: 'run' },
          by,
          assertWanted: async () => undefined,
          async publish(one) {
            round += 1;
            await first(one, round);
            const published = await publish(one);
            return published.ok ? ok({ round, ...published.value }) : err(published.error);
          },
        },
      );
    };
    return { ...under, change };
  }

  test('beside another policy than is in force by now is judged again, and is given up in the end', async () => {
    const { fleet, apply, change } = await judged();
    const once = await change(async (_, round) => {
      if (round === 1) await apply(shopPolicy({ mode: 'observe' }));
    });
    expect(once).toMatchObject({ ok: true, value: { round: 2, revision: fleet.revision } });
    await apply(shopPolicy({ mode: 'selective' }));
    const always = change(async () => void (await apply(shopPolicy({ mode: 'observe' }))));
    await expect(always).rejects.toMatchObject({ code: 'overtaken' });
    expect(fleet.active).toMatchObject({
      revision: fleet.revision,
      policy: checkedPolicy(shopPolicy({ mode: 'observe' })),
    });
  });

  test('has the containment in it that came since, and hosts that came and changed', async () => {
    const { fleet, connect, apply, change, restart } = await judged();
    await apply(shopPolicy({ mode: 'observe' }));
    const shop = (role: string, address: string) => ({ labels: { app: 'shop', role }, addresses: [address] });
    const web = await connect('web-1', shop('web', '10.0.0.1'));
    const api = await connect('api-1', shop('api', '10.0.0.2'));
    await change(async () => {
      await connect('web-2', shop('web', '10.0.0.3'));
      await fleet.quarantine({ workload: 'web-1', peers: [], actor: 'operator/ann' });
      await fleet.label({ workload: 'web-2', set: new Map([['role', 'api']]), remove: [], actor: 'operator/ann' });
    });
    const sent = [web, api].map(({ sent: all }) => all.at(-1));
    expect(sent.map((one) => one?.revision)).toEqual([fleet.revision, fleet.revision]);
    const { fleet: again } = await restart();
    for (const name of ['web-1', 'api-1', 'web-2']) {
      const workload = again.inventory().workloads.get(name);
      if (workload === undefined) throw new Error(`${name} is gone`);
      const rules = again.rulesOf(workload);
      expect(fleet.rulesOf(workload), name).toEqual(rules);
    }
  });
});

const everything = (extra: string) => `${shopPolicy()}
---
apiVersion: segwall/v1
kind: IPList
metadata: { name: many }
spec: { cidrs: [${Array.from({ length: 2500 }, (_, at) => `10.${at >> 8}.${at & 255}.0/25`).join(', ')}] }
---
apiVersion: segwall/v1
kind: Service
metadata: { name: web }
spec: { ports: [tcp/80, tcp/443] }
---
apiVersion: segwall/v1
kind: Workload
metadata: { name: vip, labels: { app: shop } }
spec: { kind: virtual, addresses: [192.0.2.1], holders: role == "web" }
---
apiVersion: segwall/v1
kind: Segment
metadata: { name: lists }
spec:
  selector: all()
  each: [app]
  rules:
    - { name: in, from: [{ ipList: many }], to: [any], services: [web], expires: 2100-01-01T00:00:00Z }
    - { name: out, from: [any], to: [{ ipList: many }, { cidr: 10.0.0.0/8, except: [10.1.0.0/16] }], services: [any] }
---
apiVersion: segwall/v1
kind: Guardrail
metadata: { name: g }
spec: { mode: observe, deny: [{ from: [{ ipList: many }], to: [any], services: [web], reason: why }] }
---
apiVersion: segwall/v1
kind: PolicyTest
metadata: { name: t }
spec: { judge: as-enforced, tests: [{ from: { ip: 10.0.0.1 }, to: { labels: { app: shop } }, service: web, expect: deny }] }
${extra}`;

test.each([
  ['one of every kind', everything('')],
  ['many segments, of which no part holds all', everything(`---\n${segments(3000)}`)],
])('a policy is the same after it was handed over in parts: %s', async (_, text) => {
  const policy = checkedPolicy(text);
  const parts = policyParts(policy);
  const read = await readPolicyParts(parts.map((part) => structuredClone(part)));
  expect(read).toEqual(policy);
  expect([...read.segments.keys()]).toEqual([...policy.segments.keys()]);
  for (const part of parts) expect(part.length).toBeLessThanOrEqual(256 * 1024);
  const listsIn = ({ segments: all }: Policy) =>
    [...(all.get('lists')?.rules ?? [])].flatMap(({ from, to }) =>
      [...from, ...to].flatMap((peer) => (peer.kind === 'ranges' ? [peer.ranges] : [])),
    );
  expect(new Set(listsIn(read)).size).toBe(2);
  expect(listsIn(read)[0]).toBe(read.ipLists.get('many'));
});

test('a policy that was compiled beside the one in force gives what compiling it from scratch gives, whatever came meanwhile', async () => {
  let compared = 0;
  await fc.assert(
    fc.asyncProperty(arbitraryWorld(), arbitraryWorld(), async ({ policy, inventory, now }, after) => {
      const before = new FleetCompiler({ policy, inventory: inventoryUnder(policy, inventory), now });
      const [hosts, at] = [() => before.hosts, () => now];
      const prepared = await PreparedPolicy.make({ policy, inventory: () => inventory, hosts, now: at });
      const next = inventoryUnder(policy, after.inventory);
      prepared.bringUpTo(next, after.now);
      const scratch = new FleetCompiler({ policy, inventory: next, now: after.now, schedules: 'carried' });
      expect([...prepared.compiler.hosts]).toEqual([...scratch.hosts]);
      expect(prepared.compiler.nextChangeAt).toBe(scratch.nextChangeAt);
      for (const host of scratch.hosts) {
        compared += 1;
        expect(prepared.compiler.ruleSetOf(host, 1)).toEqual(scratch.ruleSetOf(host, 1));
      }
    }),
    { numRuns: 60 },
  );
  expect(compared).toBeGreaterThan(60);
});
