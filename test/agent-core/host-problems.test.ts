// What is told of a host, by its condition: one row a reason, each beside a condition that has nothing wrong.

import { describe, expect, test } from 'vitest';
import { type HostCondition, hostProblems, problemText } from '#agent-core/host/host-problems.ts';
import type { ForeignFinding } from '#agent-core/host/other-tables.ts';
import { millis } from '#model/time.ts';

const day = 86_400_000;
const now = millis(Date.parse('2027-01-15T12:00:00Z'));
const well: HostCondition = {
  addresses: { published: 2, beyond: 0 },
  connection: { kind: 'connected', since: now },
  certificate: { notBefore: millis(now - day), notAfter: millis(now + 29 * day) },
  clockAheadMs: 0,
  conntrack: { entries: 100, most: 262_144 },
  freeDisk: { bytes: 1 << 30, blocks: 'some' },
  foreign: [],
  stamps: 'written',
  unjudgedBridges: [],
  claimedAddresses: [],
  unjudgedUnits: [],
  outwardBridges: [],
  doubtfulLinks: [],
  taughtLinks: [],
  policyProblem: '',
  applied: 7,
  opened: undefined,
  refusedRecords: 0,
  lostEvents: 0,
};
const finding = (kind: ForeignFinding['kind'], effect: ForeignFinding['effect'] = 'weakens'): ForeignFinding => ({
  ...{ effect, kind, table: 'ip raw', chain: 'pre', rule: 'a rule', text: 'what it does' },
});
const away = (cause: 'unreached' | 'refused' | 'unknown-here' | 'shared', reason = 'why'): Partial<HostCondition> => ({
  connection: { kind: 'not-connected', since: now, reason, cause },
});

describe('a host’s problems', () => {
  const rows: readonly (readonly [string, Partial<HostCondition>, readonly string[]])[] = [
    ['none', {}, []],
    ['no address that others could reach', { addresses: { published: 0, beyond: 0 } }, ['no-addresses']],
    ['more addresses than are taken', { addresses: { published: 4096, beyond: 3 } }, ['addresses-left-out']],
    ['another writes our mark', { foreign: [finding('mark')] }, ['mark-shared']],
    ['another reads our mark', { foreign: [finding('mark-read', 'misled')] }, ['mark-read']],
    ['another takes packets out of tracking', { foreign: [finding('notrack')] }, ['others-override']],
    ['another only denies', { foreign: [finding('denial', 'denies')] }, []],
    ['two others', { foreign: [finding('mark'), finding('offload')] }, ['mark-shared', 'others-override']],
    ['a container’s address that is not believed', { claimedAddresses: ['10.0.0.9'] }, ['container-addresses']],
    [
      'a unit in a network of its own',
      { unjudgedUnits: ['unit a.service uses a network of its own'] },
      ['unjudged-units'],
    ],
    ['guests on a bridge that leads outside', { outwardBridges: ['br0'] }, ['unjudged-guests']],
    ['an interface that may lead to guests or outside', { doubtfulLinks: ['br0'] }, ['doubtful-guests']],
    ['guests whose router advertisements the host follows', { taughtLinks: ['br0'] }, ['guest-routes']],
    ['containers unjudged', { unjudgedBridges: ['br0'] }, ['unjudged-containers']],
    ['conntrack at four fifths', { conntrack: { entries: 80, most: 100 } }, ['conntrack-filling']],
    ['conntrack below', { conntrack: { entries: 79, most: 100 } }, []],
    ['conntrack full', { conntrack: { entries: 98, most: 100 } }, ['conntrack-full']],
    ['conntrack unknown', { conntrack: undefined }, []],
    ['not connected', away('unreached'), ['control-plane-unreachable']],
    ['not connected yet', away('unreached', ''), ['control-plane-unreachable']],
    ['refused', away('refused'), ['control-plane-refuses']],
    ['unknown there', away('unknown-here'), ['unknown-here']],
    ['another has its identity', away('shared'), ['identity-shared']],
    ['certificate at ten days', { certificate: { notBefore: millis(0), notAfter: millis(now + 10 * day) } }, []],
    [
      'certificate below',
      { certificate: { notBefore: millis(0), notAfter: millis(now + 10 * day - 1) } },
      ['certificate-ending'],
    ],
    ['certificate ended', { certificate: { notBefore: millis(0), notAfter: now } }, ['certificate-expired']],
    [
      'certificate of the future',
      { certificate: { notBefore: millis(now + 1), notAfter: millis(now + 30 * day) } },
      ['certificate-not-yet-valid'],
    ],
    ['clock ahead', { clockAheadMs: 60_000 }, ['clock-skew']],
    ['clock behind', { clockAheadMs: -60_000 }, ['clock-skew']],
    ['clock a little off', { clockAheadMs: 59_999 }, []],
    ['disk full', { freeDisk: { bytes: 1 << 20, blocks: 'some' } }, ['disk-full']],
    ['no room for files', { freeDisk: { bytes: 1 << 30, blocks: 'none' } }, ['disk-full']],
    ['never had a policy', { applied: 0 }, ['no-policy']],
    ['opened at the console', { opened: { reason: 'ssh' } }, ['opened']],
    ['opened before any policy', { opened: { reason: '' }, applied: 0 }, ['opened']],
    ['a refused revision', { policyProblem: 'revision 8 refused: too large' }, ['policy-problem']],
    ['flows that did not count', { refusedRecords: 4 }, ['flows-refused']],
    ['events lost', { lostEvents: 1 }, ['events-lost']],
  ];
  test.each(rows)('%s', (_what, condition, expected) => {
    const problems = hostProblems({ ...well, ...condition }, now);
    expect(problems.map(({ code }) => code)).toEqual(expected);
    for (const problem of problems) expect(problemText(problem)).toMatch(/^[a-z-]+: \S.*\.$/);
  });

  test('what is told of a connection says since when and why', () => {
    const [problem] = hostProblems({ ...well, ...away('refused', 'the certificate of web-1 is revoked') }, now);
    expect(problem?.text).toBe('not connected since 2027-01-15T12:00:00.000Z: the certificate of web-1 is revoked');
  });
});
