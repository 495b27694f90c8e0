// How far the fleet has come on its way from one CA to the next, and whom a retirement of the old one would lose.
//
//   steady ── rotate ──► rotating ── retire ──► steady
//               │  ▲        │  ▲
//               └──┘ again  └──┘ refused while somebody would be lost, unless that is accepted
//
// A host has moved once it has used a certificate of the next CA: it trusts that one alone from then on. One that was issued to it shows
// that it trusts the next CA, and may have been lost on the way. Ids are of CAs, by their keys.

export interface HostCas {
  readonly name: string;
  /** Of the certificate that it used last, and of the one that was issued to it last; empty where that is not known. */
  readonly used: string;
  readonly issued: string;
}

/** A token of an operator that holds; `ca` is the fingerprint that its text names. */
export interface OperatorCa {
  readonly name: string;
  readonly ca: string;
}

export interface RotationProgress {
  readonly hosts: number;
  /** Hosts that trust the next CA: one of its certificates was issued to them, who have checked its own first. */
  readonly trusting: number;
  /** … and that use it. */
  readonly moved: number;
  /** Hosts that have not: refused once the old CA is retired, until they are enrolled anew. */
  readonly left: readonly string[];
  /** Whose tokens name the old CA: over https they find no control plane once it is retired. */
  readonly operators: readonly string[];
}

export interface RotatingFleet {
  readonly hosts: readonly HostCas[];
  /** None where the API is not reached over TLS. */
  readonly operators: readonly OperatorCa[];
  readonly next: { readonly id: string; readonly fingerprint: string };
}

export function rotationProgress({ hosts, operators, next }: RotatingFleet): RotationProgress {
  const left = hosts.filter(({ used }) => used !== next.id).map(({ name }) => name);
  return {
    hosts: hosts.length,
    trusting: hosts.filter(({ issued, used }) => issued === next.id || used === next.id).length,
    moved: hosts.length - left.length,
    left,
    operators: [...new Set(operators.filter(({ ca }) => ca !== next.fingerprint).map(({ name }) => name))],
  };
}

/** Why the old CA is not retired now, in words; undefined where nobody is lost by it. */
export function retirementRefusal({ hosts, left, operators }: RotationProgress): string | undefined {
  const lost = [
    ...(left.length === 0
      ? []
      : [`${left.length} of ${hosts} hosts hold no certificate of the next CA (${some(left)})`]),
    ...(operators.length === 0 ? [] : [`tokens of operators name the old CA (${some(operators)})`]),
  ];
  return lost.length === 0 ? undefined : lost.join(', and ');
}

function some(names: readonly string[]): string {
  const shown = names.slice(0, 10).join(', ');
  return names.length > 10 ? `${shown} and ${names.length - 10} more` : shown;
}
