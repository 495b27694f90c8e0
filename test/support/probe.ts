// The test's side of the probe process: start one in a host, open services, try connections, hold some open. And the
// connectivity matrix over many of them, every cell at once. A cell that could not be tried is broken, never blocked.

import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { Family } from '#model/address.ts';
import type { LabHost } from './lab.ts';
import type {
  HoldProgress,
  HoldTarget,
  HttpRequest,
  HttpResponse,
  Listener,
  Message,
  ProbeOutcome,
  ProbeTarget,
  Reply,
  Request,
  Transport,
} from './probe-protocol.ts';

export interface HostProbe {
  readonly host: LabHost;
  listen(listeners: readonly Listener[]): Promise<void>;
  unlisten(listeners: readonly Listener[]): Promise<void>;
  /** One outcome a target, in order. */
  probe(targets: readonly ProbeTarget[], timeoutMs?: number): Promise<readonly ProbeOutcome[]>;
  /** Unix milliseconds of the first answer, undefined if none came in time. */
  firstAllowedAt(request: {
    readonly target: ProbeTarget;
    readonly intervalMs: number;
    readonly timeoutMs: number;
  }): Promise<number | undefined>;
  /** Resolves once the first tick came back over the new connection; throws if it is refused. */
  hold(target: HoldTarget): Promise<void>;
  release(id: string): Promise<void>;
  held(side: 'client' | 'server'): Promise<Readonly<Record<string, HoldProgress>>>;
  http(request: HttpRequest): Promise<HttpResponse>;
  stop(): Promise<void>;
}

export interface Cell {
  readonly from: string;
  readonly to: string;
  readonly family: Family;
  readonly transport: Transport;
  readonly port: number;
}

export interface ProbedCell extends Cell {
  readonly outcome: ProbeOutcome;
}

/** Silence, since the last answer of a matrix, after which what has not answered counts as dropped; answers take 1 to 20 ms here. */
export const defaultSilenceMs = 350;
/** The same where the kernel's counters are asked too whether anything was let through. */
export const shortSilenceMs = 120;

const defaultPatienceMs = 3_000;
const processFile = fileURLToPath(new URL('./probe-process.ts', import.meta.url));
/** Where the next process begins to take ports; enough for some thousand probes before it meets what the one before took. */
const portsApart = 2_131;
let started = 0;

/**
 * `rejections: 'swift'`: the host's packets are received on another core than its programs run on. Else a rejected IPv6 connect hears
 * of it only when its SYN is sent again after a second: over veth the first ICMP error arrives while connect() still holds the
 * socket, and Linux 6.18 then keeps it as a soft error. For labs whose speed is not what is measured.
 */
export async function startProbe(host: LabHost, options: { readonly rejections?: 'swift' } = {}): Promise<HostProbe> {
  const [own, other] = options.rejections === undefined ? [] : twoCores();
  if (other !== undefined) await receiveOn(host, other);
  const child = host.spawn([
    ...(own === undefined || other === undefined ? [] : ['taskset', '--cpu-list', String(own)]),
    process.execPath,
    '--disable-warning=ExperimentalWarning',
    processFile,
    String(started * portsApart),
  ]);
  started += 1;
  const waiting = new Map<number, { resolve: (reply: Reply) => void; reject: (error: Error) => void }>();
  const complaints: string[] = [];
  let sequence = 0;
  const ready = new Promise<Reply>((resolve, reject) => waiting.set(0, { resolve, reject }));
  child.stderr?.on('data', (chunk) => complaints.push(String(chunk)));
  if (child.stdout === null || child.stdin === null) throw new Error('the probe process has no pipes');
  const { stdin } = child;
  stdin.on('error', () => undefined);
  createInterface({ input: child.stdout }).on('line', (line) => {
    const message = JSON.parse(line) as Message<Reply>;
    waiting.get(message.id)?.resolve(message.body);
    waiting.delete(message.id);
  });
  const ended = new Promise<void>((resolve) => {
    child.once('close', () => {
      const error = new Error(`the probe process of ${host.name} ended: ${complaints.join('').trim() || 'no message'}`);
      for (const { reject } of waiting.values()) reject(error);
      waiting.clear();
      resolve();
    });
  });
  const ask = (body: Request): Promise<Reply> => {
    sequence += 1;
    const id = sequence;
    return new Promise((resolve, reject) => {
      if (child.exitCode !== null || child.signalCode !== null) {
        reject(new Error(`the probe process of ${host.name} has ended: ${complaints.join('').trim()}`));
        return;
      }
      waiting.set(id, { resolve, reject });
      stdin.write(`${JSON.stringify({ id, body } satisfies Message<Request>)}\n`);
    });
  };
  const must = async <Kind extends Reply['kind']>(body: Request, kind: Kind) => {
    const reply = await ask(body);
    if (reply.kind === kind) return reply as Extract<Reply, { readonly kind: Kind }>;
    throw new Error(`${host.name}: ${body.op} ${reply.kind === 'failed' ? `failed: ${reply.message}` : reply.kind}`);
  };
  await ready;
  return {
    host,
    listen: async (listeners) => void (await must({ op: 'listen', listeners }, 'done')),
    unlisten: async (listeners) => void (await must({ op: 'unlisten', listeners }, 'done')),
    probe: async (targets, timeoutMs = defaultSilenceMs) =>
      (await must({ op: 'probe', targets, timeoutMs }, 'outcomes')).outcomes,
    firstAllowedAt: async (request) => (await must({ op: 'until-allowed', ...request }, 'allowed-at')).at,
    hold: async (target) => void (await must({ op: 'hold', target }, 'done')),
    release: async (id) => void (await must({ op: 'release', id }, 'done')),
    held: async (side) => (await must({ op: 'held', side }, 'held')).held,
    http: async (request) => (await must({ op: 'http', request }, 'http')).response,
    stop: async () => {
      stdin.end();
      await ended;
    },
  };
}

/** Of those this process may use, in another order from process to process; fewer where there are not two. */
function twoCores(): readonly number[] {
  const list = /^Cpus_allowed_list:\s+(.*)$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? '';
  const cores = list.split(',').flatMap((part) => {
    const [first = 0, last = first] = part.split('-').map(Number);
    return Array.from({ length: last - first + 1 }, (_, at) => first + at);
  });
  const at = process.pid % Math.max(1, cores.length);
  return [...cores.slice(at), ...cores.slice(0, at)].slice(0, 2);
}

async function receiveOn(host: LabHost, core: number): Promise<void> {
  // As the kernel reads masks: words of 32 bits, the highest first.
  const mask = [(1 << (core % 32)) >>> 0, ...Array.from({ length: Math.floor(core / 32) }, () => 0)]
    .map((word) => word.toString(16).padStart(8, '0'))
    .join(',');
  const script = `mount -t sysfs none /sys && for queue in /sys/class/net/*/queues/rx-0/rps_cpus; do echo ${mask} >$queue; done`;
  const done = await host.exec(['unshare', '--mount', 'sh', '-c', script]);
  if (done.exitCode !== 0) throw new Error(`${host.name}: packets could not be steered to a core: ${done.stderr}`);
}

export interface MatrixOptions {
  readonly probes: ReadonlyMap<string, HostProbe>;
  readonly cells: readonly Cell[];
  readonly silenceMs?: number;
  /** How much silence, at most, is doubted where an answer is expected. Costs nothing where all answer. */
  readonly patienceMs?: number;
}

/** What a cell is expected to be: the matrix needs it only to know which silence to doubt. */
export type Expected = 'allowed' | 'dropped' | 'rejected';

/**
 * Every cell, all at once. A cell that stayed silent though it was expected to answer is tried again, each time with twice the
 * patience, before it is believed: a busy machine can be late, and a rejected IPv6 connect may hear of it only after a second (see
 * startProbe). Policy answers the same every time. What was let through is never tried again.
 */
export async function probeMatrix(
  options: MatrixOptions,
  expectedOf: (cell: Cell) => Expected = () => 'dropped',
): Promise<readonly ProbedCell[]> {
  const silenceMs = options.silenceMs ?? defaultSilenceMs;
  const first = await probeOnce({ ...options, silenceMs });
  const found = new Map(first.map((cell) => [cellText(cell), cell]));
  const patienceMs = options.patienceMs ?? defaultPatienceMs;
  for (let doubtedMs = silenceMs; doubtedMs <= patienceMs; doubtedMs *= 2) {
    const late = [...found.values()].filter(
      (cell) => cell.outcome.kind === 'dropped' && expectedOf(cell) !== 'dropped',
    );
    if (late.length === 0) break;
    for (const cell of await probeOnce({ ...options, cells: late, silenceMs: doubtedMs }))
      found.set(cellText(cell), cell);
  }
  return [...found.values()];
}

async function probeOnce(options: MatrixOptions & { readonly silenceMs: number }): Promise<readonly ProbedCell[]> {
  const byClient = Map.groupBy(options.cells, (cell) => cell.from);
  const rows = await Promise.all(
    [...byClient].map(async ([from, cells]) => {
      const broken = (detail: string) => cells.map((cell) => ({ ...cell, outcome: brokenOutcome(detail) }));
      const probe = options.probes.get(from);
      if (probe === undefined) return broken('no probe process runs there');
      try {
        const targets = cells.map((cell) => targetOf(cell, options.probes));
        const outcomes = await probe.probe(targets, options.silenceMs);
        return cells.map((cell, at) => ({ ...cell, outcome: outcomes[at] ?? brokenOutcome('no outcome') }));
      } catch (error) {
        return broken(error instanceof Error ? error.message : String(error));
      }
    }),
  );
  return rows.flat();
}

function targetOf(cell: Cell, probes: ReadonlyMap<string, HostProbe>): ProbeTarget {
  const server = probes.get(cell.to)?.host;
  const address = cell.family === 'ipv4' ? server?.ipv4 : server?.ipv6;
  if (address === undefined) throw new Error(`${cell.to} has no ${cell.family} address`);
  return { transport: cell.transport, address, port: cell.port };
}

function brokenOutcome(detail: string): ProbeOutcome {
  return { kind: 'broken', detail, tookMs: 0 };
}

/** "web-1 > api-1 tcp/8080 ipv6": how a cell is named in reports and compared. */
export function cellText(cell: Cell): string {
  return `${cell.from} > ${cell.to} ${cell.transport}/${cell.port} ${cell.family}`;
}

/** Hosts × other hosts × services × the families both have. */
export function allCells(
  hosts: readonly Pick<LabHost, 'name' | 'ipv4' | 'ipv6'>[],
  services: readonly Listener[],
  families: readonly Family[] = ['ipv4', 'ipv6'],
): readonly Cell[] {
  const has = (host: Pick<LabHost, Family>, family: Family) =>
    (family === 'ipv4' ? host.ipv4 : host.ipv6) !== undefined;
  return hosts.flatMap((from) =>
    hosts
      .filter((to) => to !== from)
      .flatMap((to) =>
        families
          .filter((family) => has(from, family) && has(to, family))
          .flatMap((family) =>
            services.map(({ transport, port }) => ({ from: from.name, to: to.name, family, transport, port })),
          ),
      ),
  );
}
