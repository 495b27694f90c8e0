// A fleet that grows past the limits of a policy that was within them: nothing of the inventory is refused or held back, policy can still
// be changed, and only a policy with more memberships than the one in force is not let through (docs/decisions/memberships.md).

import { expect, test } from 'vitest';
import { reviewPolicy } from '#control-plane/publish/policy-review.ts';
import { millis } from '#model/time.ts';
import { countMemberships, membershipLimits } from '#policy/check/membership-count.ts';
import { fleetUnderTest } from './fleet-under-test.ts';

const externals = 2000;
/** As many as leave room for less than one more workload. */
const segments = Math.floor(membershipLimits.memberships / externals) - 1;

function policyOf(given: { readonly segments: number; readonly port: number }): string {
  const documents = [
    ...Array.from({ length: externals }, (_, at) => ({
      kind: 'Workload',
      metadata: { name: `x-${at}` },
      spec: { kind: 'external', addresses: [`10.${1 + (at >> 8)}.${at & 255}.1`] },
    })),
    ...Array.from({ length: given.segments }, (_, at) => ({
      kind: 'Segment',
      metadata: { name: `s-${at}` },
      spec: {
        selector: `name != "nobody-${at}"`,
        ...(at > 0
          ? {}
          : {
              inbound: 'enforce',
              rules: [{ name: 'r', from: [{ workloads: 'all()' }], to: ['any'], services: [`tcp/${given.port}`] }],
            }),
      },
    })),
  ];
  return documents.map((document) => JSON.stringify({ apiVersion: 'segwall/v1', ...document })).join('\n');
}

test('a host that takes the fleet past the limit is enrolled, protected and told to the others, and policy can still change', async () => {
  const under = await fleetUnderTest();
  const { fleet } = under;
  const text = policyOf({ segments, port: 443 });
  const isOver = () => {
    const { workloads } = fleet.inventory();
    return countMemberships({ policy: fleet.active.policy, workloads, limits: membershipLimits }).kind;
  };
  await under.apply(text);
  expect(isOver()).toBe('counted');

  const first = await under.connect('h1', { addresses: ['10.0.0.1'] });
  expect(isOver()).toBe('exceeded');
  expect(first.sent.at(-1)?.workloads[0]?.inbound).toMatchObject({ mode: 'enforce', grants: [{ segment: 's-0' }] });

  const second = await under.connect('h2', { addresses: ['10.0.0.2'], labels: { app: 'shop' } });
  expect(second.sent.at(-1)?.workloads[0]?.inbound.mode).toBe('enforce');
  const everyone = [...(first.sent.at(-1)?.peerSets.values() ?? [])][0]?.addresses;
  expect(everyone).toHaveLength(externals + 2);
  expect(everyone).toContain('10.0.0.2');

  await fleet.label({ workload: 'h2', set: new Map([['app', 'pay']]), remove: [], actor: 'operator/test' });
  expect(fleet.inventory().workloads.get('h2')?.labels.get('app')).toBe('pay');
  await fleet.quarantine({ workload: 'h2', peers: [], actor: 'operator/test' });
  expect(second.sent.at(-1)?.workloads[0]?.quarantine).toBeDefined();

  const review = (changed: string, inForce = fleet.active.policy) =>
    reviewPolicy({
      files: [{ path: 'policy.yaml', text: changed }],
      inventory: fleet.inventory(),
      now: millis(0),
      tests: 'skip',
      inForce,
    });
  const sizeSaid = (found: ReturnType<typeof review>) =>
    found.kind === 'good' ? found.warnings.filter(({ code }) => code === 'too-many-memberships') : found.kind;
  expect(sizeSaid(review(policyOf({ segments, port: 80 })))).toMatchObject([
    { severity: 'warning', message: expect.stringContaining('let through') },
  ]);
  const more = { kind: 'invalid', problems: [{ severity: 'error', code: 'too-many-memberships' }] };
  expect(review(policyOf({ segments: segments + 1, port: 80 }))).toMatchObject(more);
  const small = review(policyOf({ segments: 1, port: 80 }));
  expect(sizeSaid(small)).toEqual([]);
  if (small.kind === 'good') expect(review(text, small.policy)).toMatchObject(more);

  const again = await under.restart();
  const returned = await again.connect('h2', { addresses: ['10.0.0.2'] });
  expect(returned.sent.at(-1)?.workloads[0]).toMatchObject({ inbound: { mode: 'enforce' } });
  expect(returned.sent.at(-1)?.workloads[0]?.quarantine).toBeDefined();
});
