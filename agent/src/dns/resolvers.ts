// Which resolvers this host uses: those of its settings, else those that its resolv.conf names, and with systemd-resolved also
// those that its stub asks. Answers of others teach nothing.

import { readFileSync } from 'node:fs';
import { type Address, parseAddress } from '#model/address.ts';

const files = ['/etc/resolv.conf', '/run/systemd/resolve/resolv.conf'];
/** More than any resolv.conf is read for. */
const resolversMost = 32;

export function readResolvers(configured: readonly Address[], paths: readonly string[] = files): readonly Address[] {
  if (configured.length > 0) return configured;
  const found = new Set<Address>();
  for (const path of paths) {
    for (const address of nameservers(readText(path))) if (found.size < resolversMost) found.add(address);
  }
  return [...found].sort();
}

function nameservers(text: string): readonly Address[] {
  return [...text.matchAll(/^[ \t]*nameserver[ \t]+([0-9a-fA-F.:]+)/gm)].flatMap(([, spelling = '']) => {
    const address = parseAddress(spelling);
    return address.ok ? [address.value] : [];
  });
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
