// The live fleet as the documents that `--inventory` takes. What the policy itself declares (external and virtual workloads) stands in its
// directory and is left out; what nobody could judge by, a host of which no address is known, is left out too, and named in a comment.

import type { WorkloadView } from '#control-plane/answers/schemas.ts';
import { oneLine } from '#model/safe-text.ts';

export function inventoryText(workloads: readonly WorkloadView[], from: string): string {
  const managed = workloads.filter(({ kind }) => kind !== 'external' && kind !== 'virtual');
  const isKnown = (one: WorkloadView) => one.kind === 'unit' || one.addresses.length > 0;
  const hosts = new Set(managed.filter((one) => one.kind === 'host' && isKnown(one)).map(({ host }) => host));
  const written = managed.filter((one) => isKnown(one) && (one.kind !== 'unit' || hosts.has(one.host)));
  const left = managed.filter((one) => !written.includes(one)).map(({ name }) => name);
  return [
    `# ${oneLine(`The workloads of ${from}: ${written.length}`)}\n`,
    ...(left.length === 0 ? [] : [`# ${oneLine(`without an address, and left out: ${left.join(', ')}`)}\n`]),
    ...written.map(documentOf),
  ].join('');
}

/** JSON is YAML: quoted as it is, no value can be taken for anything but a string. */
function documentOf({ name, kind, host = '', unit, addresses, labels, facts }: WorkloadView): string {
  const spec = {
    host,
    kind,
    ...(kind === 'unit' ? {} : { addresses }),
    ...(unit === undefined ? {} : { unit }),
    ...(Object.keys(facts).length === 0 ? {} : { facts }),
  };
  const metadata = { name, ...(Object.keys(labels).length === 0 ? {} : { labels }) };
  return [
    '---',
    'apiVersion: segwall/v1',
    'kind: Workload',
    `metadata: ${JSON.stringify(metadata)}`,
    `spec: ${JSON.stringify(spec)}`,
    '',
  ].join('\n');
}
