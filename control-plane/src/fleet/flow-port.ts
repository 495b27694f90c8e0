// Flows that agents report, and of them what the host may speak for.

import type { ConnectRefusal } from '#control-plane/agents/agent-backend.ts';
import { withCurrentName } from '#control-plane/inventory/name-yielding.ts';
import type { AgentIdentity } from '#control-plane/pki/agent-identity.ts';
import type { Address } from '#model/address.ts';
import type { FlowBatch, FlowReceipt } from '#model/flow.ts';
import { err, ok, type Result } from '#model/result.ts';
import { believeFlows, type RefusedFlows } from '#policy/learn/believed-flows.ts';
import type { JoinedParts } from './joined-parts.ts';

/** Since the process started. */
export interface FlowCounts {
  batchesTaken: number;
  batchesKnown: number;
  records: number;
  /** Connections that were denied, and that would have been. */
  denied: number;
  wouldDeny: number;
}

export class FlowPort {
  readonly #counts: FlowCounts = { batchesTaken: 0, batchesKnown: 0, records: 0, denied: 0, wouldDeny: 0 };
  readonly #parts: JoinedParts;

  constructor(parts: JoinedParts) {
    this.#parts = parts;
  }

  get flowCounts(): Readonly<FlowCounts> {
    return this.#counts;
  }

  async ingestFlows(identity: AgentIdentity, batch: FlowBatch): Promise<Result<FlowReceipt, ConnectRefusal>> {
    const { admission, state, now, intake, elapsedMs, store, tenant } = this.#parts;
    const { host, serial } = identity;
    const refusal = admission.mayReport(identity);
    const entry = state.inventory.host(host);
    if (refusal !== undefined || entry === undefined)
      return err(refusal ?? { kind: 'not-admitted', text: `host ${host} is not enrolled here` });
    const at = now();
    const holderOf = (address: Address) => state.inventory.holderOf(address);
    const mayHoldVirtual = (address: Address) => state.inventory.claims.mayHoldVirtual(host, address);
    const reporter = intake.reporterOf(entry, { at: elapsedMs(), holderOf, mayHoldVirtual });
    const named = batch.records.map((record) => withCurrentName(entry, record));
    const { records, refused } = believeFlows(named, { reporter, now: at });
    const flows = records.map((record) => ({ ...record, peerWorkload: holderOf(record.peer) ?? '' }));
    const { sequence, run = '', lost } = batch;
    const kind = await store.ingestFlows({ tenant, host, serial, run, sequence, flows, lost });
    if (kind === 'not-admitted') return err({ kind, text: `host ${host} may not report any more` });
    intake.reported(host, at);
    if (kind === 'taken') {
      this.#counts.batchesTaken += 1;
      this.#counts.records += flows.length;
      for (const { end, connections } of flows) {
        if (end.verdict === 'deny') this.#counts.denied += connections;
        else if (end.verdict === 'would-deny') this.#counts.wouldDeny += connections;
      }
      this.#tellRefused(host, refused);
    } else this.#counts.batchesKnown += 1;
    return ok({ sequence, kind, refused: refused.counts });
  }

  flowsPruned(host: string, rows: number): void {
    this.#parts.intake.pruned(host, rows);
  }

  #tellRefused(host: string, refused: RefusedFlows): void {
    const { intake, elapsedMs, log, notes } = this.#parts;
    const details = intake.refused(host, refused, elapsedMs());
    if (details === undefined) return;
    log.warn({ host, refused: details }, 'flow records of a host do not count: they are not its own');
    notes.ofHost({ actor: 'control-plane', action: 'flows-refused', target: host, details });
  }
}
