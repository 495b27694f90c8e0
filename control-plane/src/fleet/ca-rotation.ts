// The CA replaced by another, while the fleet goes on: an operator begins it, hosts move by themselves, and an operator retires the old one.
// Each step is in the audit log before it is done.

import type { Logger } from 'pino';
import type { CaView, Pki } from '#control-plane/pki/pki.ts';
import type { Store } from '#control-plane/store/store.ts';
import { err, ok, type Result } from '#model/result.ts';
import type { Millis } from '#model/time.ts';
import { type RotationProgress, retirementRefusal, rotationProgress } from '#policy/ca-progress.ts';
import type { Fleet } from './fleet.ts';
import type { OperatorTokens } from './operator-tokens.ts';

export interface CaRotationParts {
  readonly pki: Pki;
  readonly fleet: Pick<Fleet, 'certificateCas'>;
  readonly operators: Pick<OperatorTokens, 'list'>;
  /** How operators reach the API: a token's fingerprint counts over TLS alone. */
  readonly api: 'https' | 'http';
  readonly store: Pick<Store, 'appendAudit'>;
  readonly tenant: string;
  readonly now: () => Millis;
  readonly log: Logger;
  /** The PKI has other CAs: what is shown, told and let in changes at once. */
  readonly changed: () => void;
}

export interface CaStanding {
  readonly present: CaView;
  readonly next?: CaView & RotationProgress;
}

export class CaRotation {
  readonly #parts: CaRotationParts;

  constructor(parts: CaRotationParts) {
    this.#parts = parts;
  }

  standing(): CaStanding {
    const { present, next } = this.#parts.pki.cas();
    return next === undefined ? { present } : { present, next: { ...viewOf(next), ...this.#progress(next) } };
  }

  /** Says whether it began now; one that is under way goes on. */
  async rotate(actor: string): Promise<boolean> {
    const { pki, changed, log } = this.#parts;
    if (pki.cas().next !== undefined) return false;
    await this.#note(actor, 'ca-rotation-began', { present: pki.cas().present.fingerprint });
    const hasBegun = await pki.rotate();
    if (!hasBegun) return false;
    log.info({ next: pki.caFingerprint }, 'the CA is replaced: hosts are told of the next one');
    changed();
    return true;
  }

  /** The hosts and operators that are lost by it, or why it is not done. Nothing is under way: undefined. */
  async retire(
    actor: string,
    losing: 'refuse' | 'accept',
  ): Promise<Result<Pick<RotationProgress, 'left' | 'operators'>, string> | undefined> {
    const { pki, changed, log } = this.#parts;
    const { present, next } = pki.cas();
    if (next === undefined) return undefined;
    const progress = this.#progress(next);
    const refusal = retirementRefusal(progress);
    if (refusal !== undefined && losing === 'refuse') return err(refusal);
    const { left, operators } = progress;
    await this.#note(actor, 'ca-retired', {
      ...{ retired: present.fingerprint, present: next.fingerprint },
      ...{ lostHosts: left.length, left: left.slice(0, namesNoted), operators: operators.slice(0, namesNoted) },
    });
    await pki.retire();
    log.warn({ retired: present.fingerprint, present: next.fingerprint, lost: left.length }, 'the old CA is retired');
    changed();
    return ok({ left, operators });
  }

  #progress(next: CaView): RotationProgress {
    const { fleet, operators, api } = this.#parts;
    const tokens = api === 'http' ? [] : operators.list().filter(({ state }) => state === 'holds');
    return rotationProgress({ hosts: fleet.certificateCas(), operators: tokens, next });
  }

  async #note(actor: string, action: 'ca-rotation-began' | 'ca-retired', details: Readonly<Record<string, unknown>>) {
    const { store, tenant, now } = this.#parts;
    await store.appendAudit({ tenant, note: { at: now(), actor, action, target: 'ca', details } });
  }
}

const namesNoted = 32;

function viewOf({ id, fingerprint, endsAt }: CaView): CaView {
  return { id, fingerprint, endsAt };
}
