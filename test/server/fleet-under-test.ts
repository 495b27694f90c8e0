// A fleet on a store of its own, and agents that are nothing but what the fleet sees of them.

import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import pino from 'pino';
import { onTestFinished } from 'vitest';
import type { AgentConnection } from '#control-plane/agents/agent-backend.ts';
import { Fleet } from '#control-plane/fleet/fleet.ts';
import type { FleetOptions } from '#control-plane/fleet/fleet-parts.ts';
import { tokenHash } from '#control-plane/fleet/tokens.ts';
import { reviewPolicy } from '#control-plane/publish/policy-review.ts';
import type { RevisionProofs } from '#control-plane/publish/revision-proofs.ts';
import type { Store } from '#control-plane/store/store.ts';
import { assertOk } from '#model/result.ts';
import type { HostRuleSet } from '#model/rule-set.ts';
import { Secret } from '#model/secret.ts';
import { type Millis, millis } from '#model/time.ts';
import type { Policy } from '#policy/policy/policy.ts';
import { openInlineStore } from '../hostile/support/inline-store.ts';
import { scratchDirectory } from './scratch-directory.ts';

export const tenant = 'default';

export interface FleetUnderTest {
  readonly store: Store;
  readonly fleet: Fleet;
  readonly storePath: string;
  /** Enrols the host (once) and connects an agent that acknowledges all it is sent unless told otherwise. */
  connect(host: string, given?: ConnectOptions): Promise<TestAgent>;
  /** Gives the enrolment's id. */
  enrol(host: string, labels?: Readonly<Record<string, string>>): Promise<string>;
  apply(text: string): Promise<number>;
  /** Closes everything and builds it again from the file. */
  restart(): Promise<FleetUnderTest>;
}

export interface ConnectOptions {
  readonly labels?: Readonly<Record<string, string>>;
  readonly addresses?: readonly string[];
  readonly answer?: 'ack' | 'nack' | 'silence';
  readonly serial?: string;
  readonly revision?: number;
  readonly digest?: string;
  /** The other end's address. */
  readonly seenFrom?: string;
  /** What its hello shows. */
  readonly proof?: Uint8Array | undefined;
  readonly cutOff?: readonly string[];
  /** Where nothing is sent to it, that is what is expected. */
  readonly hears?: 'something' | 'nothing';
}

export interface TestAgent {
  readonly sent: HostRuleSet[];
  readonly closed: string[];
  readonly proofs: Uint8Array[];
  readonly connection: AgentConnection;
}

export async function fleetUnderTest(
  given: {
    readonly now?: () => Millis;
    readonly elapsedMs?: () => number;
    readonly directory?: string;
    readonly proofs?: RevisionProofs;
    readonly pki?: FleetOptions['pki'];
    readonly happened?: FleetOptions['happened'];
  } = {},
): Promise<FleetUnderTest> {
  const now = given.now ?? (() => millis(Date.now()));
  const directory = given.directory ?? (await scratchDirectory());
  const storePath = join(directory, 'store.db');
  const store = await openInlineStore(storePath);
  const stored = await store.listActivations({ tenant, limit: 1 });
  const files =
    stored[0] === undefined ? [] : ((await store.readPolicy({ tenant, id: stored[0].policy }))?.files ?? []);
  const { policy: id, revision } = stored[0] ?? { policy: 0, revision: 0 };
  const active = { id, revision, policy: checkedPolicy(files[0]?.text) };
  const clock = {
    ...(given.elapsedMs === undefined ? {} : { elapsedMs: given.elapsedMs }),
    ...(given.proofs === undefined ? {} : { proofs: given.proofs }),
    ...(given.pki === undefined ? {} : { pki: given.pki }),
    ...(given.happened === undefined ? {} : { happened: given.happened }),
  };
  const fleet = await Fleet.open({ store, tenant, now, log: pino({ level: 'silent' }), ...clock }, active);
  const close = async () => {
    await fleet.stop();
    await store.close();
  };
  onTestFinished(close);

  const enrol = async (host: string, labels: Readonly<Record<string, string>> = {}) => {
    const id = `token-${host}-${randomUUID()}`;
    const token = new Secret(id);
    const note = { at: now(), actor: 'operator/test', action: 'token-created', target: host };
    const expiresAt = millis(now() + 60_000);
    await store.createJoinToken({ tenant, id, hash: tokenHash(token), labels, uses: 1, expiresAt, note });
    return assertOk(await fleet.redeemToken({ token, host })).enrolment;
  };

  return {
    store,
    fleet,
    storePath,
    enrol,
    async connect(
      host,
      {
        labels = {},
        addresses = [],
        answer = 'ack',
        serial = `serial-${host}`,
        revision: held = 0,
        digest,
        seenFrom,
        proof,
        cutOff = [],
        hears = 'something',
      } = {},
    ) {
      if (fleet.hostEntry(host) === undefined) await enrol(host, labels);
      const agent: {
        sent: HostRuleSet[];
        closed: string[];
        proofs: Uint8Array[];
        connection: AgentConnection | undefined;
      } = {
        sent: [],
        closed: [],
        proofs: [],
        connection: undefined,
      };
      const identity = { tenant, host, serial };
      const report = { addresses, facts: new Map([['os', 'debian']]), agentVersion: '0.1.0' };
      const hello = { ...report, revision: held, cutOff, ...(digest === undefined ? {} : { digest }) };
      const connected = fleet.connect(identity, proof === undefined ? hello : { ...hello, proof }, {
        send(ruleSet) {
          agent.sent.push(ruleSet);
          if (answer === 'ack') queueMicrotask(() => agent.connection?.acked(ruleSet.revision));
          if (answer === 'nack') queueMicrotask(() => agent.connection?.nacked(ruleSet.revision, 'nft said no'));
        },
        close: (reason) => agent.closed.push(reason),
        prove: (shown) => agent.proofs.push(shown),
        ...(seenFrom === undefined ? {} : { seenFrom }),
      });
      if (!connected.ok) throw new Error(connected.error.text);
      agent.connection = connected.value;
      if (hears === 'something') await settled(fleet, host);
      else await fleet.quiet();
      return { sent: agent.sent, closed: agent.closed, proofs: agent.proofs, connection: connected.value };
    },
    async apply(text) {
      const source = { kind: 'files' as const, files: [{ path: 'policy.yaml', text }] };
      const note = { actor: 'operator/test', action: 'policy-applied', target: 'policy' };
      return assertOk(await fleet.activate({ policy: checkedPolicy(text), source, kind: 'apply', note })).revision;
    },
    async restart() {
      await close();
      return fleetUnderTest({ ...given, now, directory });
    },
  };
}

/** Turns are taken in order: when a label change that changes nothing is done, so is what came before it. */
async function settled(fleet: Fleet, host: string): Promise<void> {
  await fleet.quiet();
  if (fleet.sessions.of(host)?.sent === undefined) throw new Error(`${host} was sent nothing`);
}

export function checkedPolicy(text: string | undefined): Policy {
  const files = text === undefined ? [] : [{ path: 'policy.yaml', text }];
  const inventory = { workloads: new Map(), resolutions: new Map() };
  const review = reviewPolicy({ files, inventory, now: millis(0), tests: 'skip', testNames: 'trusted' });
  if (review.kind !== 'good') throw new Error(JSON.stringify(review));
  return review.policy;
}

/** `extra` are keys of the rule, in YAML's flow style. */
export function shopPolicy(
  given: { readonly mode?: string; readonly extra?: string; readonly documents?: string } = {},
): string {
  return `apiVersion: segwall/v1
kind: Segment
metadata: { name: shop }
spec:
  selector: app == "shop"
  inbound: ${given.mode ?? 'enforce'}
  rules:
    - { name: web-to-api, from: [{ workloads: 'role == "web"' }], to: [{ workloads: 'role == "api"' }], services: [tcp/8080]${given.extra ?? ''} }
${given.documents ?? ''}`;
}
