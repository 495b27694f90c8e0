// A certificate that ends is told of ten days before, in status, in metrics and in the audit log: the CA's, the server's and a host's. And how
// far hosts are on their way to another CA, for whoever watches.

import { expect, test } from 'vitest';
import { createMetrics } from '#control-plane/api/metrics.ts';
import { type Millis, millis } from '#model/time.ts';
import { waitFor } from '#test/support/wait.ts';
import { type ApiUnderTest, apiUnderTest } from '../hostile/support/api-under-test.ts';
import { tenant } from './fleet-under-test.ts';

const admission = () =>
  ({ agents: 0, strangers: 0, agentBytes: 0, hellos: 0, handshakes: 0, handshakesWaiting: 0, refused: {} }) as never;
const day = 86_400_000;
const begin = 1_700_000_000_000;

interface Status {
  readonly certificates: { readonly ending: readonly string[]; readonly hosts: { readonly count: number } };
  readonly rotation?: { readonly moved: number };
}

interface Wound {
  readonly under: ApiUnderTest;
  setDay(day: number): void;
  numberOf(name: string): Promise<string | undefined>;
  status(): Promise<Status>;
  /** What the audit log tells of certificates that end, by whose they are. */
  told(): Promise<readonly string[]>;
}

/** Ends in days after the begin; of a host with one certificate, web-1. */
async function wound(given: { readonly ca: number; readonly server: number; readonly host: number }): Promise<Wound> {
  let nowMs = begin;
  const at = (days: number): Millis => millis(begin + days * day);
  const pki = {
    ends: () => ({ ca: at(given.ca), server: at(given.server) }),
    cas: () => ({ present: { id: 'old', fingerprint: 'old', endsAt: at(given.ca) } }),
  };
  const under = await apiUnderTest({ now: () => millis(nowMs), pki });
  const enrolment = await under.enrol('web-1');
  const certificate = { serial: 's1', tenant, host: 'web-1', enrolment, fingerprint: '', authority: 'old' };
  expect(await under.fleet.recordCertificate({ ...certificate, notBefore: at(0), notAfter: at(given.host) })).toBe(
    true,
  );
  let elapsedMs = 0;
  const metrics = createMetrics({
    fleet: under.fleet,
    admission,
    certificates: pki.ends,
    apiRefused: {},
    disk: () => undefined,
    lostFlows: async () => [],
    elapsedMs: () => (elapsedMs += 10_000),
  });
  return {
    under,
    setDay: (days) => {
      nowMs = at(days);
    },
    async numberOf(name) {
      const { text } = await metrics.render();
      return /^-?[\d.]+/.exec(text.split(`\n${name} `)[1] ?? '')?.[0];
    },
    status: () => under.call<Status>('GET', '/api/v1/status'),
    async told() {
      const entries = await under.store.listAudit({ tenant, afterSeq: 0, limit: 100 });
      return entries.filter(({ action }) => action === 'certificate-ending').map(({ target }) => target);
    },
  };
}

const far = { ca: 1000, server: 1000, host: 1000 };

test.each([
  { of: 'ca', target: 'control-plane/ca', gauge: 'segwall_certificates_ending' },
  { of: 'server', target: 'control-plane/server', gauge: 'segwall_certificates_ending' },
  { of: 'host', target: 'web-1', gauge: 'segwall_host_certificates_ending' },
] as const)(
  'the certificate of the $of that ends is told of ten days before, and not sooner',
  async ({ of, target, gauge }) => {
    const { setDay, numberOf, status, told } = await wound({ ...far, [of]: 30 });
    const shown = async () => {
      const { ending, hosts } = (await status()).certificates;
      return [...ending, ...(hosts.count > 0 ? ['host'] : [])];
    };
    setDay(19.9);
    expect([await numberOf(gauge), await shown(), await told()]).toEqual(['0', [], []]);
    for (const days of [20, 25, 31]) {
      setDay(days);
      expect([await numberOf(gauge), await shown()]).toEqual(['1', [of]]);
    }
    // Each certificate once, however often it is looked at.
    await waitFor(async () => (await told()).length > 0, { what: 'the audit log has it' });
    expect(await told()).toEqual([target]);
    // The same in the others' numbers: nothing.
    const other = of === 'host' ? 'segwall_certificates_ending' : 'segwall_host_certificates_ending';
    expect(await numberOf(other)).toBe('0');
  },
);

test('while the CA is replaced, status and metrics say how many hosts are on the old one and on the new', async () => {
  const next: { ca?: { id: string; fingerprint: string; endsAt: Millis } } = {};
  const present = { id: 'old', fingerprint: 'old', endsAt: millis(begin + 1000 * day) };
  const pki = {
    ends: () => ({ ca: present.endsAt, server: present.endsAt }),
    cas: () => ({ present, ...(next.ca === undefined ? {} : { next: next.ca }) }),
  };
  const under = await apiUnderTest({ now: () => millis(begin), pki });
  const metrics = createMetrics({
    fleet: under.fleet,
    admission,
    certificates: pki.ends,
    apiRefused: {},
    disk: () => undefined,
    lostFlows: async () => [],
    elapsedMs: (() => {
      let elapsedMs = 0;
      return () => (elapsedMs += 10_000);
    })(),
  });
  const seen = async () => {
    const { text } = await metrics.render();
    const numbers = [...text.matchAll(/^segwall_ca_(?:rotating|hosts\{ca="(?:present|next)"\}) (\d+)$/gm)];
    const { rotation } = await under.call<Status>('GET', '/api/v1/status');
    return [numbers.map(([, number]) => number), rotation];
  };
  const used = async (host: string, enrolment: string, authority: string) => {
    const certificate = { serial: `${host}-${authority}`, tenant, host, enrolment, fingerprint: '', authority };
    const life = { notBefore: millis(begin - day), notAfter: millis(begin + 100 * day) };
    await under.fleet.recordCertificate({ ...certificate, ...life });
    const identity = { tenant, host, serial: certificate.serial };
    expect(under.fleet.refusalOf({ identity, enrolment, authority, ...life })).toBeUndefined();
  };
  const [web, db] = [await under.enrol('web-1'), await under.enrol('db-1')];
  await used('web-1', web, 'old');
  await used('db-1', db, 'old');
  expect(await seen()).toEqual([['0', '2', '0'], undefined]);
  next.ca = { id: 'new', fingerprint: 'new', endsAt: present.endsAt };
  const left = (names: readonly string[]) => ({ count: names.length, names });
  expect(await seen()).toEqual([['1', '2', '0'], { hosts: 2, trusting: 0, moved: 0, left: left(['db-1', 'web-1']) }]);
  await used('web-1', web, 'new');
  expect(await seen()).toEqual([['1', '1', '1'], { hosts: 2, trusting: 1, moved: 1, left: left(['db-1']) }]);
  await used('db-1', db, 'new');
  expect(await seen()).toEqual([['1', '0', '2'], { hosts: 2, trusting: 2, moved: 2, left: left([]) }]);
});
