// What the commands that contain a host say for people, and which answers decide whether it holds. The word of a host that may be lost is shown
// and decides nothing. Pure.

import { counted } from '#cli/output/counted.ts';
import type { Progress, QuarantineAnswer, RemoveAnswer, RevokeAnswer } from '#control-plane/answers/schemas.ts';
import { namesText } from './waiting.ts';

/**
 * `done`: who has cut it off. `done-and-own-word`: the workload is a host, which may be lost: what it says itself is told apart, and decides
 * nothing. `troubles`: where the change does not hold yet, as of any other.
 */
export type Told = 'done' | 'done-and-own-word' | 'troubles';

/** Who counts, and what to say of those who do. */
export function containedOutcome(
  progress: Progress,
  { told, host }: { readonly told: Told; readonly host: string },
): { readonly judged: Progress; readonly lines: readonly string[] } {
  if (told === 'troubles') return { judged: progress, lines: [] };
  if (told === 'done') return { judged: progress, lines: [doneText(progress)] };
  const judged = withoutHost(progress, host);
  return { judged, lines: [doneText(judged), ownWord(progress, host)] };
}

/** What is let through by name: a host chooses how its units and containers are called. */
export function quarantineLines(answer: QuarantineAnswer): readonly string[] {
  return [...containedLines(answer), ...answer.named.map(namedText)];
}

function namedText({ name, kind, host, unit, count, addresses }: QuarantineAnswer['named'][number]): string {
  const what =
    kind === 'unit'
      ? `the unit ${unit} of host ${host}`
      : kind === 'container'
        ? `a container of host ${host}`
        : `a workload of kind ${kind}`;
  return `let through by name: ${name} is ${what}, ${addressesText({ count, addresses })}`;
}

function containedLines(answer: QuarantineAnswer): readonly string[] {
  const { workload, revision, host, state, quarantinedBy, cutOff } = answer;
  const first = `${workload} is ${state}, as of revision ${revision}`;
  if (state === 'released')
    return quarantinedBy === undefined
      ? [first]
      : [
          first,
          `it is cut off all the same, with ${quarantinedBy}: a host that is quarantined or revoked is so as a whole`,
        ];
  if (cutOff.count > 0) return [first, `all other hosts cut off ${addressesText(cutOff)}`];
  return host === workload
    ? [first, 'it holds no address that others could cut off']
    : [
        first,
        `others know it by the addresses of ${host}: it is held there alone; to have them cut it off, quarantine ${host}`,
      ];
}

export function revokeLines({ host, revision, cutOff }: RevokeAnswer): readonly string[] {
  return [
    `the certificates of ${host} are revoked; it keeps enforcing what it has, and hears nothing new`,
    cutOff.count === 0
      ? 'it holds no address that others could cut off'
      : `all other hosts cut off ${addressesText(cutOff)}, as of revision ${revision}, until segwall agents remove ${host}`,
  ];
}

export function removeLines({ host, was }: RemoveAnswer): readonly string[] {
  const first = `${host} is forgotten: its addresses belong to no workload any more`;
  if (was === 'free') return [first];
  return [
    first,
    'nobody cuts them off any more: a machine that still has them is a stranger, whom enforced inbound rules keep out and observing ones do not',
  ];
}

function doneText({ acked, open }: Progress): string {
  const done = acked.filter((host) => !open.includes(host));
  return `cut off by ${counted(done.length, 'host')}${done.length === 0 ? '' : `: ${namesText(done)}`}`;
}

function ownWord({ acked, nacked, offline }: Progress, host: string): string {
  if (acked.includes(host)) return `${host} says that it enforces it too`;
  if (nacked.some((one) => one.host === host)) return `${host} itself refused it; the others hold all the same`;
  return offline.includes(host)
    ? `${host} itself is offline; the others hold all the same`
    : `${host} itself has not answered; the others hold all the same`;
}

function withoutHost({ acked, nacked, pending, offline, open, ...rest }: Progress, host: string): Progress {
  const others = (names: readonly string[]) => names.filter((name) => name !== host);
  return {
    ...rest,
    acked: others(acked),
    nacked: nacked.filter((one) => one.host !== host),
    pending: others(pending),
    offline: others(offline),
    open: others(open),
  };
}

function addressesText({ count, addresses }: QuarantineAnswer['cutOff']): string {
  const shown = addresses.slice(0, 8);
  return `${shown.join(', ')}${count > shown.length ? ` and ${count - shown.length} more addresses` : ''}`;
}
