// What a test does inside a lab host by the hundred, without a process each time: through one thread of this process
// (inside-thread.ts). Rejects where it could not be done; an nft that refuses is an outcome.

import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import type { MarkSweep } from '#agent-core/netlink/conntrack-mark-sweep.ts';
import type { Result } from '#model/result.ts';
import type { Errands, InsideReply, InsideRequest, NftOutcome } from './inside-thread.ts';
import type { LabHost } from './lab.ts';

type Inside = Pick<LabHost, 'namespace'>;

/** What `nft ARGS` would print and end with in the host; `-f -` takes `input`. No other options than -a -c -j -n -p -s -t. */
export function nftIn(host: Inside, args: readonly string[], input = ''): Promise<NftOutcome> {
  return ask(host, 'nft', { args, input });
}

/** `conntrack -F` in the host. */
export function forgetConnections(host: Inside): Promise<undefined> {
  return ask(host, 'forgetConnections', undefined);
}

/** The agent's sweep of marks in the host. */
export function sweepMarksIn(host: Inside, sweep: MarkSweep): Promise<Result<number>> {
  return ask(host, 'sweepMarks', sweep);
}

const waiting = new Map<
  number,
  { readonly resolve: (gives: never) => void; readonly reject: (error: Error) => void }
>();
let thread: Worker | undefined;
let asked = 0;

function ask<E extends keyof Errands>(host: Inside, errand: E, asks: Errands[E]['asks']): Promise<Errands[E]['gives']> {
  const inside = thread ?? start();
  asked += 1;
  const request: InsideRequest = { id: asked, namespace: host.namespace, errand, asks };
  inside.ref();
  return new Promise((resolve, reject) => {
    waiting.set(request.id, { resolve, reject });
    inside.postMessage(request);
  });
}

function start(): Worker {
  const started = new Worker(fileURLToPath(new URL('./inside-thread.ts', import.meta.url)));
  thread = started;
  started.on('message', (reply: InsideReply) => {
    const asker = waiting.get(reply.id);
    waiting.delete(reply.id);
    // It keeps no process alive that has nothing more to ask.
    if (waiting.size === 0) started.unref();
    if (reply.kind === 'done') asker?.resolve(reply.gives as never);
    else asker?.reject(new Error(reply.message));
  });
  started.on('error', (error: Error) => {
    thread = undefined;
    for (const { reject } of waiting.values()) reject(error);
    waiting.clear();
  });
  return started;
}
