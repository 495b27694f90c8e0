// A control plane for transport tests: the real PKI, server and TLS on a loopback port, over a backend that is a script. It keeps
// what the transport told it, and gives tests the sessions to send with.

import { X509Certificate } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pino from 'pino';
import { createCertificateRequest, createHostKey } from '#agent/link/certificate-request.ts';
import { enroll } from '#agent/link/enroll.ts';
import { type Identity, openIdentity } from '#agent/link/identity.ts';
import type {
  AgentBackend,
  AgentHello,
  AgentSession,
  AgentStatus,
  EnrolmentRefusal,
  EnrolmentRequest,
  RefusedEnrolment,
} from '#control-plane/agents/agent-backend.ts';
import { type AgentServer, type AgentServerOptions, startAgentServer } from '#control-plane/agents/agent-service.ts';
import type { StreamTimes } from '#control-plane/agents/policy-stream.ts';
import type { AgentCertificate, AgentIdentity, CertificateRecord } from '#control-plane/pki/agent-identity.ts';
import { openPki, type Pki } from '#control-plane/pki/pki.ts';
import type { FlowBatch } from '#model/flow.ts';
import type { HostEvent } from '#model/host-event.ts';
import { err, ok } from '#model/result.ts';
import type { HostRuleSet } from '#model/rule-set.ts';
import { Secret } from '#model/secret.ts';
import { type Millis, millis } from '#model/time.ts';

export const silent = pino({ level: 'silent' });

/** One stream as the backend saw it; `heard` is what it reported, in order, as short words. */
export interface SeenStream {
  readonly identity: AgentIdentity;
  readonly hello: AgentHello;
  readonly session: AgentSession;
  readonly heard: string[];
  /** The status that was told last before each ACK, by revision. */
  readonly statusAtAck: Map<number, AgentStatus>;
}

export class FakeBackend implements AgentBackend {
  readonly streams: SeenStream[] = [];
  readonly certificates: CertificateRecord[] = [];
  readonly batches: FlowBatch[] = [];
  readonly revoked = new Set<string>();
  readonly refusals = new Map<string, EnrolmentRefusal>();
  readonly refused: RefusedEnrolment[] = [];
  /** Sent to every stream as it connects. */
  current: HostRuleSet | undefined;
  readonly homes = new Set<string>();
  readonly refusedHellos: string[] = [];
  /** Whether who enrolled had shown the key of an earlier identity. */
  readonly renewals: EnrolmentRequest['renewal'][] = [];
  readonly renewedLate: { readonly host: string; readonly from: string; readonly expiredAt: Millis }[] = [];
  isClosedToStreams = false;
  isHeldByAnother = false;

  async redeemToken({ token, host, renewal }: EnrolmentRequest) {
    this.renewals.push(renewal);
    const refusal = this.refusals.get(token.reveal());
    return refusal === undefined ? ok({ tenant: 'default', host, enrolment: 'e1' }) : err(refusal);
  }

  async grantHolds(): Promise<boolean> {
    return true;
  }

  helloRefused({ host }: AgentIdentity): void {
    this.refusedHellos.push(host);
  }

  enrolmentRefused(refused: RefusedEnrolment): void {
    this.refused.push(refused);
  }

  renewedExpired({ host }: AgentIdentity, renewed: { readonly from: string; readonly expiredAt: Millis }): void {
    this.renewedLate.push({ host, ...renewed });
  }

  async recordCertificate(certificate: CertificateRecord): Promise<boolean> {
    this.certificates.push(certificate);
    return true;
  }

  refusalOf({ identity }: AgentCertificate): string | undefined {
    return this.revoked.has(identity.serial) ? `the certificate of ${identity.host} is revoked` : undefined;
  }

  isHome(address: string): boolean {
    return this.homes.has(address);
  }

  connect(identity: AgentIdentity, hello: AgentHello, session: AgentSession) {
    const { host } = identity;
    if (this.isClosedToStreams)
      return err({ kind: 'not-admitted' as const, text: `host ${host} is not enrolled any more` });
    if (this.isHeldByAnother)
      return err({ kind: 'identity-shared' as const, text: `another agent is connected as ${host}` });
    for (const other of this.streams) {
      if (other.identity.host === identity.host) other.session.close('replaced by a newer stream of this host');
    }
    const heard: string[] = [];
    const statusAtAck = new Map<number, AgentStatus>();
    let status: AgentStatus | undefined;
    this.streams.push({ identity, hello, session, heard, statusAtAck });
    if (this.current !== undefined) session.send(this.current);
    return ok({
      acked: (revision: number) => {
        heard.push(`acked ${revision}`);
        if (status !== undefined) statusAtAck.set(revision, status);
      },
      nacked: (revision: number, reason: string) => void heard.push(`nacked ${revision}: ${reason}`),
      statusReported: (told: AgentStatus) => {
        heard.push('status');
        status = told;
      },
      hostReported: () => void heard.push('host'),
      eventsReported: async (events: readonly HostEvent[]) => {
        heard.push(...events.map(({ kind }) => `event ${kind}`));
      },
      disconnected: () => void heard.push('disconnected'),
    });
  }

  async ingestFlows(_identity: AgentIdentity, batch: FlowBatch) {
    const isKnown = this.batches.some(({ sequence }) => sequence === batch.sequence);
    if (!isKnown) this.batches.push(batch);
    return ok({ sequence: batch.sequence, kind: isKnown ? ('duplicate' as const) : ('taken' as const) });
  }
}

export interface Fixture {
  readonly folder: string;
  readonly pki: Pki;
  readonly backend: FakeBackend;
  readonly server: AgentServer;
  /** Enrols and opens the identity. */
  enrolled(name?: string): Promise<Identity>;
  /** A certificate of that host, without an enrolment's round trip. */
  agentTls(name: string): Promise<{ readonly key: string; readonly certificate: string }>;
  /** On the same port; with the same CA unless another is given. */
  restarted(pki?: Pki): Promise<void>;
  /** For a new key. */
  agentCsr(): Promise<Uint8Array>;
  stop(): Promise<void>;
}

export interface FixtureOptions {
  readonly now?: () => Millis;
  readonly elapsedMs?: () => number;
  readonly times?: Partial<StreamTimes>;
  readonly agentLifetimeDays?: number;
  readonly renewExpiredMs?: number;
  readonly admission?: Pick<AgentServerOptions, 'limits' | 'isShared' | 'connectionRefused'>;
}

export async function startFixture(options: FixtureOptions = {}): Promise<Fixture> {
  const folder = await mkdtemp(join(tmpdir(), 'segwall-transport-'));
  const now = options.now ?? (() => millis(Date.now()));
  const { agentLifetimeDays = 30 } = options;
  const pki = await openPki({ directory: join(folder, 'ca'), serverNames: ['127.0.0.1'], now, agentLifetimeDays });
  const backend = new FakeBackend();
  const times = options.times ?? {};
  const { elapsedMs, renewExpiredMs } = options;
  const clocks = elapsedMs === undefined ? { now } : { now, elapsedMs };
  const late = renewExpiredMs === undefined ? {} : { renewExpiredMs };
  const parts = { pki, backend, log: silent, ...clocks, times, ...late, ...options.admission };
  let server = await startAgentServer({ address: '127.0.0.1:0', ...parts });
  const identities: Identity[] = [];
  return {
    folder,
    pki,
    backend,
    get server() {
      return server;
    },
    async enrolled(name = 'web-1') {
      const stateDirectory = join(folder, `agent-${name}-${identities.length}`);
      const request = {
        controlPlane: server.address,
        caFingerprint: pki.caFingerprint,
        token: new Secret('good'),
        name,
        now,
      };
      const result = await enroll({ ...request, stateDirectory });
      if (!result.ok) throw new Error(`${result.error.code}: ${result.error.message}`);
      const identity = await openIdentity({ stateDirectory, log: silent, now });
      if (!identity.ok) throw new Error(identity.error.message);
      identities.push(identity.value);
      return identity.value;
    },
    agentCsr: async () => createCertificateRequest(await createHostKey(), 'web-1'),
    async agentTls(name) {
      const key = await createHostKey();
      const csr = await createCertificateRequest(key, name);
      const issued = await pki.issueAgentCertificate({ csr, tenant: 'default', host: name, enrolment: 'e1' });
      if (!issued.ok) throw new Error(issued.error);
      await backend.recordCertificate(issued.value.record);
      return { key, certificate: new X509Certificate(issued.value.der).toString() };
    },
    async restarted(other = pki) {
      const { address } = server;
      await server.stop(200);
      await other.renewServerCertificate();
      server = await startAgentServer({ address, ...parts, pki: other });
    },
    async stop() {
      for (const identity of identities) identity.close();
      await server.stop(200);
      await rm(folder, { recursive: true });
    },
  };
}

/** Polls until the condition gives something, at most twenty seconds. */
export async function eventually<T>(what: string, condition: () => T | undefined | false): Promise<T> {
  const deadline = performance.now() + 20_000;
  for (;;) {
    const value = condition();
    if (value !== undefined && value !== false) return value;
    if (performance.now() > deadline) throw new Error(`did not come in 20 s: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}
