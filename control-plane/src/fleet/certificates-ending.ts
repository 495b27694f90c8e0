// Whose certificate ends soon, and of which CA each is.

import type { FleetState } from '#control-plane/changes/fleet-state.ts';
import { compareCodeUnits } from '#model/code-unit-order.ts';
import type { Millis } from '#model/time.ts';
import { type HostCas, type RotationProgress, rotationProgress } from '#policy/ca-progress.ts';
import { certificateSoonMs } from './agent-view.ts';
import type { FleetParts } from './fleet-parts.ts';

const ownCertificates = ['ca', 'server'] as const;
export type OwnCertificate = (typeof ownCertificates)[number];

export class CertificatePort {
  readonly #toldEnding = new Map<string, Millis>();
  readonly #parts: FleetParts;

  constructor(parts: FleetParts) {
    this.#parts = parts;
  }

  /** Hosts whose certificate ends within ten days, or has ended; told in the audit log, each certificate once. */
  certificatesEnding(): readonly string[] {
    const { state, happenings } = this.#parts;
    const now = this.#parts.now();
    const ending = [...state.inventory.hosts()].flatMap(({ name }) => {
      const endsAt = state.enrolments.isRevoked(name) ? undefined : state.enrolments.endOf(name);
      return endsAt === undefined || endsAt > now + certificateSoonMs ? [] : [{ name, endsAt }];
    });
    for (const { name, endsAt } of ending) {
      if (this.#toldEnding.get(name) === endsAt) continue;
      this.#toldEnding.set(name, endsAt);
      happenings.take('certificate-ending', name, { endsAt });
    }
    return ending.map(({ name }) => name);
  }

  /** Which of the control plane's own end within ten days, or have ended; told in the audit log, each certificate once. */
  ownCertificatesEnding(): readonly OwnCertificate[] {
    const { pki, notes } = this.#parts;
    const ends = pki?.ends();
    if (ends === undefined) return [];
    const now = this.#parts.now();
    const ending = ownCertificates.filter((of) => ends[of] <= now + certificateSoonMs);
    for (const of of ending) {
      const target = `control-plane/${of}`;
      const endsAt = ends[of];
      if (this.#toldEnding.get(target) === endsAt) continue;
      this.#toldEnding.set(target, endsAt);
      notes.soon({ actor: 'control-plane', action: 'certificate-ending', target, details: { endsAt } });
    }
    return ending;
  }

  /** How far hosts are on their way to the next CA, or undefined where the CA is not being replaced. */
  caRotation(): Omit<RotationProgress, 'operators'> | undefined {
    const next = this.#parts.pki?.cas().next;
    if (next === undefined) return undefined;
    const { operators: _, ...progress } = rotationProgress({ hosts: this.certificateCas(), operators: [], next });
    return progress;
  }

  certificateCas(): readonly HostCas[] {
    return certificateCas(this.#parts.state);
  }

  /** Tells the audit log which ends soon. */
  look(): void {
    this.certificatesEnding();
    this.ownCertificatesEnding();
  }
}

/** Of which CAs the certificates of hosts are that are enrolled and not revoked; in order. */
export function certificateCas({ inventory, enrolments }: FleetState): readonly HostCas[] {
  return [...inventory.hosts()]
    .flatMap(({ name }) => {
      const cas = enrolments.casOf(name);
      return cas === undefined ? [] : [{ name, used: cas.usedCa, issued: cas.issuedCa }];
    })
    .sort((one, other) => compareCodeUnits(one.name, other.name));
}
