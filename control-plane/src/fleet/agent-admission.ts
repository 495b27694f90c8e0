// Which agent may speak for a host.

import type { AgentHello, ConnectRefusal } from '#control-plane/agents/agent-backend.ts';
import { reportedAddresses } from '#control-plane/inventory/host-report.ts';
import type { AgentIdentity } from '#control-plane/pki/agent-identity.ts';
import type { FleetParts } from './fleet-parts.ts';

/** In one audit entry. */
const addressesTold = 32;

export class AgentAdmission {
  readonly #parts: FleetParts;

  constructor(parts: FleetParts) {
    this.#parts = parts;
  }

  /** Why it is no host of this fleet, or none any more; undefined where it is. */
  notAdmitted({ tenant, host }: Pick<AgentIdentity, 'tenant' | 'host'>): string | undefined {
    const { state } = this.#parts;
    if (tenant !== this.#parts.tenant || state.inventory.host(host) === undefined)
      return `host ${host} is not enrolled here`;
    return state.enrolments.isRevoked(host) ? `host ${host} is revoked; enrol it anew` : undefined;
  }

  /** Why what this caller reports may not be written down now: asked when it came, after its certificate (`refusalOf`) was found good. */
  mayReport({ tenant, host, connection }: AgentIdentity): ConnectRefusal | undefined {
    const { sessions, disputes, elapsedMs } = this.#parts;
    const text = this.notAdmitted({ tenant, host });
    if (text !== undefined) return { kind: 'not-admitted', text };
    // A copied identity has the same certificate: what tells the two apart is the connection that the live stream came by.
    const live = sessions.of(host);
    const isOther = live !== undefined && live.connection !== undefined && live.connection !== connection;
    const isKeptOut = disputes.isDisputed(host, elapsedMs()) && (live === undefined || isOther);
    return isKeptOut ? { kind: 'identity-shared', text: `another agent is connected as ${host}` } : undefined;
  }

  /** Whether the live agent of the host stays, and the one that says hello goes. */
  keepsItsPlace(
    host: string,
    { hello, from }: { readonly hello: AgentHello; readonly from: string | undefined },
  ): boolean {
    const { sessions, disputes, elapsedMs, state, log, notes } = this.#parts;
    const live = sessions.of(host);
    if (live === undefined) return false;
    const verdict = disputes.judge(host, { at: elapsedMs(), from, live: live.session.seenFrom });
    if (verdict === 'yields') return false;
    if (verdict.stays === 'begins') {
      const details = {
        connected: (state.inventory.host(host)?.addresses ?? []).slice(0, addressesTold),
        keptOut: reportedAddresses(hello.addresses).slice(0, addressesTold),
      };
      log.warn({ host, told: details }, 'two agents hold one identity; the connected one keeps its place');
      notes.ofHost({ actor: 'control-plane', action: 'identity-shared', target: host, details });
    }
    return true;
  }
}
