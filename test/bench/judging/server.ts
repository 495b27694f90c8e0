// The server under measurement: a store filled with hosts and flows, a control plane on it, and a watch over its thread. Takes orders on
// standard input, answers on standard output.

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import pino from 'pino';
import { tokenHash } from '#control-plane/fleet/tokens.ts';
import { judge } from '#control-plane/judging/judge.ts';
import { reviewPolicy } from '#control-plane/publish/policy-review.ts';
import { startControlPlane } from '#control-plane/server.ts';
import { readSettings } from '#control-plane/settings/settings.ts';
import { openStore } from '#control-plane/store/store.ts';
import { parseAddress } from '#model/address.ts';
import { assertOk } from '#model/result.ts';
import { Secret } from '#model/secret.ts';
import { millis } from '#model/time.ts';
import { benchFlows, benchHosts, rolesPolicy, type ServerLine } from './fleet.ts';

const [directory = '', sizesText = '{}'] = process.argv.slice(2);
const sizes = JSON.parse(sizesText) as { readonly hosts: number; readonly flows: number };
const tenant = 'default';
const hosts = benchHosts(sizes.hosts);
const say = (line: ServerLine) => process.stdout.write(`${JSON.stringify(line)}\n`);

async function fillStore(): Promise<void> {
  const now = millis(Date.now());
  const store = await openStore({ path: join(directory, 'store.db') });
  await Promise.all(
    hosts.map(async ({ name, address, labels }) => {
      const token = new Secret(`token-${name}`);
      const note = { at: now, actor: 'bench', action: 'token-created', target: name };
      const expiresAt = millis(now + 3_600_000);
      const hash = tokenHash(token);
      await store.createJoinToken({ tenant, id: `token-${name}`, hash, labels, uses: 1, expiresAt, note });
      await store.spendJoinToken({ hash, host: name, at: now, enrolment: name });
      const nothing = { facts: {}, units: {}, containers: {}, forgotten: [] };
      await store.updateHost({
        ...{ tenant, host: name, agentVersion: '0', connectedAt: now, ...nothing },
        addresses: [address],
      });
    }),
  );
  const holders = hosts.map(({ name, address }) => ({ host: name, address: assertOk(parseAddress(address)) }));
  await store.saveAddressStandings({ tenant, upMs: 0, holders, hosts: [] });
  const lost = { overruns: 0, records: 0, spooled: 0, deniedInbound: 0, deniedOutbound: 0 };
  for (const [host, records] of benchFlows(hosts, sizes.flows, now)) {
    const flows = records.map((record) => ({ ...record, peerWorkload: '' }));
    await store.ingestFlows({ tenant, host: host.name, sequence: 1, flows, lost });
  }
  await store.close();
}

/**
 * Samples how late a timer of a millisecond is, and for how much of that this thread itself was at work: the rest is the machine's, where
 * others want its cores. Something that comes at a random moment of a block of L waits between 0 and L.
 */
class Watch {
  readonly #blocks: number[] = [];
  readonly #works: number[] = [];
  #lastWork = process.threadCpuUsage();
  #last = performance.now();
  #startedAt = performance.now();
  #timer: NodeJS.Timeout | undefined;

  start(): void {
    this.#blocks.length = 0;
    this.#works.length = 0;
    this.#lastWork = process.threadCpuUsage();
    this.#startedAt = this.#last = performance.now();
    const tick = () => {
      this.#sample();
      this.#timer = setTimeout(tick, 1);
    };
    this.#timer = setTimeout(tick, 1);
  }

  stop(): ServerLine {
    clearTimeout(this.#timer);
    this.#sample();
    const total = performance.now() - this.#startedAt;
    const own = p99Of(this.#works, total);
    const most = { mostMs: Math.max(...this.#blocks), ownMostMs: Math.max(...this.#works) };
    return { kind: 'waits', p99Ms: p99Of(this.#blocks, total), ...most, ownP99Ms: own };
  }

  #sample(): void {
    const now = performance.now();
    const work = process.threadCpuUsage();
    const workMs = (work.user + work.system - this.#lastWork.user - this.#lastWork.system) / 1000;
    const block = Math.max(0, now - this.#last - 1);
    this.#blocks.push(block);
    this.#works.push(Math.min(block, workMs));
    this.#last = now;
    this.#lastWork = work;
  }
}

/** The wait that one in a hundred random moments of `total` milliseconds exceeds. */
function p99Of(blocks: readonly number[], total: number): number {
  const shareAbove = (wait: number) => blocks.reduce((sum, block) => sum + Math.max(0, block - wait), 0) / total;
  let [low, high] = [0, Math.max(...blocks)];
  for (let step = 0; step < 40; step += 1) {
    const middle = (low + high) / 2;
    if (shareAbove(middle) > 0.01) low = middle;
    else high = middle;
  }
  return high;
}

/** The same work on this thread, as it would be without one of its own. */
async function judgeHere(): Promise<ServerLine> {
  const store = await openStore({ path: join(directory, 'store.db') });
  const now = millis(Date.now());
  const workloads = new Map(
    hosts.map(({ name, address, labels }) => [
      name,
      {
        ...{ name, kind: 'host' as const, host: name, addresses: [assertOk(parseAddress(address))] },
        labels: new Map(Object.entries(labels)),
      },
    ]),
  );
  const inventory = { workloads, resolutions: new Map() };
  const filesOf = (mode: 'observe' | 'enforce') => [{ path: 'policy.yaml', text: rolesPolicy(mode) }];
  const review = reviewPolicy({ files: filesOf('observe'), inventory, now, tests: 'skip' });
  if (review.kind !== 'good') throw new Error('the policy of the benchmark does not pass its check');
  const fleet = {
    inventory,
    policy: review.policy,
    files: filesOf('observe'),
    revision: 1,
    active: 1,
    connected: new Set<string>(),
    now,
  };
  const observed = (since: number) => store.listObserved({ tenant, since: millis(since), limit: 500_000 });
  const skipped = () => store.countBadFlows({ tenant });
  const watch = new Watch();
  watch.start();
  for (let round = 0; round < 3; round += 1) {
    JSON.stringify(await judge({ kind: 'plan', files: filesOf('enforce'), since: 0 }, { fleet, observed, skipped }));
    const suggestion = { kind: 'suggest', segment: 'app-0', since: 0, outside: 'comment', denied: 'comment' } as const;
    JSON.stringify(await judge(suggestion, { fleet, observed, skipped }));
  }
  const waits = watch.stop();
  await store.close();
  return waits;
}

const settings = assertOk(readSettings({ data: directory, agents: '127.0.0.1:0', api: '127.0.0.1:0' }, {}));
const died = (error: Error) => {
  throw error;
};
const start = () => startControlPlane({ settings, log: pino({ level: 'silent' }), version: '0', died });
// Its CA has to be there before its store knows hosts.
await (await start()).stop();
await fillStore();
const controlPlane = await start();
const { adminToken } = JSON.parse(await readFile(join(directory, 'first-start.json'), 'utf8')) as {
  adminToken: string;
};
const watch = new Watch();
say({ kind: 'ready', apiUrl: controlPlane.apiUrl, token: adminToken });
for await (const order of createInterface({ input: process.stdin })) {
  if (order === 'watch') {
    watch.start();
    say({ kind: 'watching' });
  } else if (order === 'report') say(watch.stop());
  else if (order === 'judge-here') say(await judgeHere());
  else break;
}
await controlPlane.stop();
