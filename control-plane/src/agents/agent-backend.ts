// What the agent-facing gRPC service asks of the rest of the control plane, and nothing else: so that transport, certificates
// and streams can be built and tested against a small fake, and the fleet's state against no network.

import type { AgentCertificate, AgentIdentity, CertificateRecord } from '#control-plane/pki/agent-identity.ts';
import type { FlowBatch, FlowReceipt } from '#model/flow.ts';
import type { HostEvent, Panic } from '#model/host-event.ts';
import type { Result } from '#model/result.ts';
import type { HostRuleSet } from '#model/rule-set.ts';
import type { Secret } from '#model/secret.ts';
import type { Millis } from '#model/time.ts';
import type { AddressStanding } from '#wire/policy-sync-messages.ts';

export type EnrolmentRefusal =
  | 'token-unknown'
  | 'token-spent'
  | 'token-expired'
  | 'name-taken'
  | 'name-invalid'
  | 'csr-invalid'
  | 'clock-skew';

export interface EnrolmentRequest {
  readonly token: Secret;
  readonly host: string;
  /** The caller has shown the key of this identity of the host, and asks for a new one. That it is still the host's is asked where the token is spent. */
  readonly renewal?: ProvenIdentity;
}

/** What a certificate says whose key was shown. */
export interface ProvenIdentity {
  readonly enrolment: string;
  readonly serial: string;
}

/** Someone who was not enrolled. `address` is the caller's, `host` the name claimed, as claimed; never the token. */
export interface RefusedEnrolment {
  readonly address: string;
  readonly host: string;
  readonly reason: EnrolmentRefusal | 'request-malformed';
}

/** What an agent reports of its host; facts are without the "fact/" prefix. */
export interface HostReport {
  readonly addresses: readonly string[];
  readonly facts: ReadonlyMap<string, string>;
  /** systemd services it has seen running, by systemd's names; absent where the agent discovers none. */
  readonly units?: readonly string[];
  /** Containers that run on it now; absent where the agent discovers none. */
  readonly containers?: readonly ReportedContainer[];
  /** How much of it was beyond its bounds and left out. */
  readonly cut?: number;
}

/** `name` as its engine calls it; `reachable` are those of its addresses by which other hosts can reach it. */
export interface ReportedContainer {
  readonly name: string;
  readonly addresses: readonly string[];
  readonly reachable: readonly string[];
}

export interface AgentHello extends HostReport {
  readonly agentVersion: string;
  /** Revision in force on the host, 0 for none. */
  readonly revision: number;
  /** Of the rule set in force, as both sides compute it. */
  readonly digest?: string;
  /** What an earlier stream gave it to show, as it shows it; see revision-proofs.ts. */
  readonly proof?: Uint8Array;
  /** Names of quarantines that it says are in force there. */
  readonly cutOff?: readonly string[];
}

/** What an agent reports of itself, every few seconds and after each change. */
export interface AgentStatus {
  readonly revision: number;
  readonly enforcing: boolean;
  /** Lost flows since the agent started, all causes. */
  readonly lost: number;
  readonly spooledBatches: number;
  readonly repairs: number;
  /** The last thing that went wrong and still holds, or empty. */
  readonly problem: string;
  /** While the host is open because someone at its console said so. */
  readonly panic?: Panic;
  /** What on the host may keep its rules from holding; absent where there is nothing. */
  readonly warnings?: readonly string[];
  /** systemd's names of units that are not judged as these units; absent where there are none. */
  readonly unjudgedUnits?: readonly string[];
  /** The host's own clock as it was sent. */
  readonly clock?: Millis;
  /** How far that is ahead of ours, negative where it is behind; ours to say. */
  readonly clockAheadMs?: number;
}

/** One live stream, as the backend sees it. `send` replaces anything not yet sent: only the newest rule set matters. */
export interface AgentSession {
  send(ruleSet: HostRuleSet): void;
  /** The other end's address, as its socket gives it; absent where that is not known. */
  readonly seenFrom?: string;
  /** Nothing happens where the agent is of a version that does not take it. */
  standing?(standing: AddressStanding): void;
  /** As with `standing`: what it may show of the revision that it acknowledged. */
  prove?(proof: Uint8Array): void;
  /** Ends the stream; the agent is told the reason. */
  close(reason: string): void;
}

/** Why a stream ends before it has begun. `identity-shared`: another agent is connected with this identity, and stays. */
export interface ConnectRefusal {
  readonly kind: 'not-admitted' | 'identity-shared';
  readonly text: string;
}

/** One live stream, as the transport sees it. `disconnected` is called once, last. */
export interface AgentConnection {
  acked(revision: number): void;
  nacked(revision: number, reason: string): void;
  statusReported(status: AgentStatus): void;
  hostReported(report: HostReport): void;
  /** Resolves once they are written down; each once, however often it is sent. */
  eventsReported(events: readonly HostEvent[]): Promise<void>;
  disconnected(): void;
}

export interface AgentBackend {
  /** Spends one use of the token and claims the name for the host, or says why not; both or neither. */
  redeemToken(
    request: EnrolmentRequest,
  ): Promise<Result<{ readonly tenant: string; readonly host: string; readonly enrolment: string }, EnrolmentRefusal>>;
  /** Whether what was granted by the token holds still: neither was the token revoked since, nor the host, and it has no other identity. */
  grantHolds(granted: { readonly token: Secret; readonly host: string; readonly enrolment: string }): Promise<boolean>;
  /** May be called as often as strangers like. */
  enrolmentRefused(refused: RefusedEnrolment): void;
  /** False where its enrolment holds no more: then it must not be given away. */
  recordCertificate(certificate: CertificateRecord): Promise<boolean>;
  /** Why a certificate that is in its time is not good; undefined where it is, and then it counts as used. `from`: the address of a caller that is refused for it. */
  refusalOf(certificate: AgentCertificate, from?: string): string | undefined;
  /** The host connects more often than it may. May be called as often as it likes. */
  helloRefused?(identity: AgentIdentity, refused: { readonly from: string; readonly reason: string }): void;
  /** A certificate that had expired was renewed, by who has its key. `from`: its address. */
  renewedExpired?(identity: AgentIdentity, renewed: { readonly from: string; readonly expiredAt: Millis }): void;
  /** An enrolled host holds the address, or was seen there last: who comes from it is served beside strangers, not among them. */
  isHome?(address: string): boolean;
  /** Refuses a host that is not enrolled any more. A second stream of one host replaces the first. */
  connect(identity: AgentIdentity, hello: AgentHello, session: AgentSession): Result<AgentConnection, ConnectRefusal>;
  /** Stores the batch once, however often it is sent, and of it what the sender may speak for. */
  ingestFlows(identity: AgentIdentity, batch: FlowBatch): Promise<Result<FlowReceipt, ConnectRefusal>>;
}
