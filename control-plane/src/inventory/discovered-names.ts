// The names of workloads that agents discover: HOST-NAME, from a space that hosts, policies and operators share. Who wants such a name gets it
// (name-yielding.ts). Values in, values out.

import { createHash } from 'node:crypto';

export interface Discovered {
  readonly kind: 'unit' | 'container';
  readonly host: string;
  /** As systemd or its engine calls it. */
  readonly own: string;
}

const longestName = 63;

/** "web-1" with "nginx.service" makes "web-1-nginx", "h1" with "shop_web.1" "h1-shop-web-1"; one that does not fit or is taken ends in a digest. */
export function discoveredName(what: Discovered, isTaken: (name: string) => boolean): string {
  const plain = plainName(what);
  return plain === undefined || isTaken(plain) ? digestName(what, isTaken) : plain;
}

/** What it is called where nobody else wants the name; undefined where that does not fit. */
export function plainName(what: Discovered): string | undefined {
  const stem = what.kind === 'unit' ? unitStem(what.own) : readableStem(what).replace(/-+$/, '');
  const plain = `${what.host}-${stem}`;
  return /^[a-z0-9-]*[a-z0-9]$/.test(stem) && plain.length <= longestName ? plain : undefined;
}

/** Of its host and what it is, so that it is the same again after it was forgotten. A host can choose what is in it, so another digest is tried where it is taken. */
export function digestName(what: Discovered, isTaken: (name: string) => boolean): string {
  const text = what.kind === 'unit' ? `${what.host} ${what.own}` : `${what.host} container ${what.own}`;
  for (let attempt = 0; ; attempt += 1) {
    const tried = attempt === 0 ? text : `${text} ${attempt}`;
    const digest = createHash('sha256').update(tried).digest('hex').slice(0, 8);
    const readable = `${what.host}-${readableStem(what)}`.slice(0, longestName - digest.length - 1);
    const name = `${readable.replace(/-+$/, '')}-${digest}`;
    if (!isTaken(name)) return name;
  }
}

const unitStem = (unit: string): string => unit.replace(/\.service$/, '');

function readableStem({ kind, own }: Discovered): string {
  const text = kind === 'unit' ? unitStem(own) : own;
  const stem = text.toLowerCase().replaceAll(/[^a-z0-9]+/g, '-');
  return kind === 'unit' ? stem : stem.replace(/^-+/, '');
}
