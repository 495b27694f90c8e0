// The demo's story, step by step, told the way an operator lives it: through the segwall command. Every matrix is compared
// with what the roles of the machines say it must be; a mismatch does not stop the story but fails it.

import { join } from 'node:path';
import { parse } from 'yaml';
import { commandError, type Fleet, patienceMs, startFleet, writePolicy } from '#test/support/fleet.ts';
import type { Lab } from '#test/support/lab.ts';
import {
  allCells,
  type Cell,
  cellText,
  type Expected,
  type HostProbe,
  probeMatrix,
  startProbe,
} from '#test/support/probe.ts';
import type { Listener } from '#test/support/probe-protocol.ts';
import { waitFor } from '#test/support/wait.ts';
import { forgetClosed } from './closed-connections.ts';
import { lastByteAfter, longestGapMs, openConnections, stillAlive } from './held-connections.ts';
import {
  type Conversation,
  controlMachine,
  everythingOpen,
  firstMachines,
  heldByShop,
  heldByStrangers,
  lateMachine,
  lateRole,
  type Machine,
  ports,
  ringFenced,
  shopTraffic,
  strayTraffic,
} from './machines.ts';
import { matrixView } from './matrix-view.ts';
import type { Narrator } from './narrator.ts';

/** The last line of `--json`. Times in milliseconds. */
export interface DemoFigures {
  /** Machines under policy at the end. */
  hosts: number;
  cells: number;
  mismatches: number;
  flows: number;
  suggestedRules: number;
  newPeerMs: number;
  applyMs: number;
}

export interface DemoOptions {
  readonly lab: Lab;
  readonly directory: string;
  readonly narrator: Narrator;
}

/** What `segwall flows --json` says of a flow, as far as the story needs it. */
interface Flow {
  readonly from: { readonly workload?: string; readonly address: string };
  readonly to: { readonly workload?: string; readonly address: string };
  readonly port: number;
  readonly direction: string;
}

const services: readonly Listener[] = ports.map((port) => ({ transport: 'tcp', port }));
/** A cut connection carries nothing later than this after the change. */
const cutLimitMs = 1000;
/** Of commands that wait. */
const waiting = ['--wait', '--timeout', `${patienceMs}ms`];

export class Story {
  readonly figures: DemoFigures = {
    hosts: 0,
    cells: 0,
    mismatches: 0,
    flows: 0,
    suggestedRules: 0,
    newPeerMs: -1,
    applyMs: -1,
  };
  /** What went otherwise than it should, apart from cells of a matrix. */
  readonly faults: string[] = [];
  readonly #lab: Lab;
  readonly #directory: string;
  readonly #narrator: Narrator;
  readonly #probes = new Map<string, HostProbe>();
  #fleet: Fleet | undefined;
  #dayBeganAt = 0;

  constructor({ lab, directory, narrator }: DemoOptions) {
    this.#lab = lab;
    this.#directory = directory;
    this.#narrator = narrator;
  }

  get fleet(): Fleet {
    if (this.#fleet === undefined) throw new Error('the control plane has not been started');
    return this.#fleet;
  }

  async tell(): Promise<void> {
    const { step } = this.#narrator;
    await step('A network of namespaces', () => this.#buildNetwork());
    await step('The control plane', () => this.#startControlPlane());
    await step('Enrol', () => this.#enrol());
    await step('Observe', () => this.#observeRing());
    await step('Matrix under observation', () => this.#matrix(everythingOpen));
    await step('A working day', () => this.#traffic());
    await step('Suggest', () => this.#suggest());
    await step('Plan', () => this.#plan());
    await step('Enforce', () => this.#enforce());
    await step('Matrix under enforcement', () => this.#matrix(ringFenced));
    await step('A web host more', () => this.#addWeb());
    await step('Matrix with it', () => this.#matrix(ringFenced));
    await step('A bad policy', () => this.#badPolicy());
    await step('Matrix after it', () => this.#matrix(ringFenced));
    await step('The control plane is killed', () => this.#killControlPlane());
    await step('Matrix without it', () => this.#matrix(ringFenced));
    await step('Roll back', () => this.#rollBack());
    await step('Matrix after the roll back', () => this.#matrix(everythingOpen));
  }

  /** Ends every process of the fleet. */
  async end(): Promise<void> {
    await this.#fleet?.stop();
  }

  async #buildNetwork(): Promise<string> {
    const [control] = await Promise.all([
      this.#lab.addHost(controlMachine),
      ...firstMachines.map((machine) => this.#startMachine(machine)),
    ]);
    const hosts = this.#lab.hosts.size;
    return `${hosts} hosts, ${firstMachines.length * services.length} TCP services over IPv4 and IPv6, control plane at ${control.ipv4}`;
  }

  async #startMachine(machine: Machine): Promise<void> {
    const probe = await startProbe(await this.#lab.addHost(machine));
    await probe.listen(services);
    this.#probes.set(machine.name, probe);
  }

  async #startControlPlane(): Promise<string> {
    const controlPlane = this.#lab.hosts.get(controlMachine.name);
    if (controlPlane === undefined) throw new Error('the control plane has no host');
    this.#fleet = await startFleet({ controlPlane, directory: this.#directory });
    return `own CA ${this.fleet.firstStart.caFingerprint.slice(0, 16)}…, operators at ${this.fleet.firstStart.apiUrl}`;
  }

  async #enrol(): Promise<string> {
    const managed = firstMachines.filter((machine) => machine.labels !== undefined);
    const byLabels = Map.groupBy(managed, ({ labels }) => JSON.stringify(labels));
    await Promise.all(
      [...byLabels.values()].map(async (machines) => {
        const token = await this.fleet.token(machines[0]?.labels ?? {}, machines.length);
        await Promise.all(machines.map((machine) => this.fleet.enrolWithToken(this.#hostOf(machine.name), token)));
      }),
    );
    await this.fleet.inForce(managed.map(({ name }) => name));
    this.figures.hosts = managed.length;
    return `${managed.length} agents with ${byLabels.size} join tokens, a first policy in force at each; the outsider has none`;
  }

  async #observeRing(): Promise<string> {
    const directory = await writePolicy(join(this.#directory, 'observed'), { 'shop.yaml': ringText('observe') });
    const applied = await this.#everywhere(['apply', directory]);
    await openConnections(this.#probes, [...heldByShop, ...heldByStrangers]);
    return `segment "shop" around web, api and db, mode observe, revision ${applied.revision}; ${heldByShop.length + heldByStrangers.length} connections held open`;
  }

  /** Returns once every host enforces it; a host that does not makes the command fail. */
  #everywhere(args: readonly string[]): Promise<{ readonly revision: number }> {
    return this.fleet.segwallJson([...args, ...waiting], { timeoutMs: 2 * patienceMs });
  }

  async #matrix(expectedOf: (cell: Cell) => Expected): Promise<string> {
    const hosts = [...firstMachines, lateMachine].flatMap(({ name }) => this.#probes.get(name)?.host ?? []);
    const cells = allCells(hosts, services);
    const probed = await probeMatrix({ probes: this.#probes, cells, patienceMs }, expectedOf);
    const wrong = probed.filter((cell) => cell.outcome.kind !== expectedOf(cell));
    const open = probed.filter((cell) => cell.outcome.kind === 'allowed').length;
    this.figures.cells += probed.length;
    this.figures.mismatches += wrong.length;
    this.#narrator.show(
      matrixView(
        probed,
        hosts.map(({ name }) => name),
      ),
    );
    for (const cell of wrong.slice(0, 10)) {
      this.#narrator.show(`wrong: ${cellText(cell)}: expected ${expectedOf(cell)}, saw ${cell.outcome.kind}`);
    }
    return `${open} of ${probed.length} cells open, ${wrong.length === 0 ? 'as expected' : `${wrong.length} WRONG`}`;
  }

  async #traffic(): Promise<string> {
    const all = [...shopTraffic, ...strayTraffic];
    await this.#forgetMatrix();
    let connections = 0;
    for (let round = 0; round < 3; round += 1) {
      for (const outcomes of await Promise.all(all.map((conversation) => this.#talk(conversation)))) {
        connections += outcomes.filter(({ kind }) => kind === 'allowed').length;
      }
    }
    await this.#allReported(all);
    const flows = await this.#flowsOfTheDay();
    this.figures.flows = flows.length;
    return `${flows.length} flows reported of ${connections} connections of ${shopTraffic.length} approved and ${strayTraffic.length} stray pairs`;
  }

  /**
   * The matrix was traffic too, and agents report how far a connection came for as long as the kernel remembers it, which is two
   * minutes after its end. So its remains are taken out of conntrack; when the conversations after that have been reported, all
   * before them has been, and the day may begin.
   */
  async #forgetMatrix(): Promise<void> {
    await this.#allReported(everyConversation(this.#probes.keys()));
    await Promise.all(
      [...this.fleet.agents.values()].map(({ host }) =>
        forgetClosed(host, { ports, held: [...heldByShop, ...heldByStrangers] }),
      ),
    );
    this.#dayBeganAt = Date.now();
    await Promise.all(shopTraffic.map((conversation) => this.#talk(conversation)));
    await this.#allReported(shopTraffic);
    this.#dayBeganAt = Date.now();
  }

  #talk({ from, to, port }: Conversation) {
    const { ipv4 = '', ipv6 = '' } = this.#hostOf(to);
    const targets = [ipv4, ipv6].map((address) => ({ transport: 'tcp' as const, address, port }));
    return this.#probeOf(from).probe(targets, patienceMs);
  }

  async #allReported(conversations: readonly Conversation[]): Promise<void> {
    await waitFor(async () => (await this.#unseen(conversations)).length === 0, {
      what: 'every conversation has been reported by both of its ends',
      timeoutMs: patienceMs,
      intervalMs: 100,
      explain: async () =>
        `missing: ${(await this.#unseen(conversations)).slice(0, 20).join(', ')}\n${this.fleet.logs()}`,
    });
  }

  async #flowsOfTheDay(): Promise<readonly Flow[]> {
    return (await this.fleet.flows(`since=${this.#dayBeganAt}`)) as readonly Flow[];
  }

  /** Which ends of which conversations have not reported yet. */
  async #unseen(conversations: readonly Conversation[]): Promise<readonly string[]> {
    const ends = (flow: Flow) => `${flow.from.address} > ${flow.to.address}:${flow.port} ${flow.direction}`;
    const seen = new Set((await this.#flowsOfTheDay()).map(ends));
    return conversations.flatMap(({ from, to, port }) => {
      const [client, server] = [this.#hostOf(from), this.#hostOf(to)];
      return (['ipv4', 'ipv6'] as const).flatMap((family) =>
        (['outbound', 'inbound'] as const)
          .filter((direction) => this.fleet.agents.has(direction === 'outbound' ? from : to))
          .map((direction) => `${client[family]} > ${server[family]}:${port} ${direction}`)
          .filter((end) => !seen.has(end)),
      );
    });
  }

  async #suggest(): Promise<string> {
    const args = ['suggest', '--segment', 'shop', '--exclude', 'role == "dev"'];
    const result = await this.fleet.segwall([...args, ...this.#sinceTheDayBegan()]);
    if (result.exitCode !== 0) throw commandError(['segwall', ...args], result);
    this.#narrator.show(firstLines(result.stdout, 60));
    const suggested = parse(result.stdout) as { readonly spec: { readonly rules: readonly unknown[] } };
    this.figures.suggestedRules = suggested.spec.rules.length;
    if (this.figures.suggestedRules === 0) this.faults.push('no rule was suggested');
    const text = result.stdout
      .replace('inbound: observe', 'inbound: enforce')
      .replace('outbound: observe', 'outbound: enforce');
    await writePolicy(join(this.#directory, 'enforced'), { 'shop.yaml': text });
    return `${this.figures.suggestedRules} rules from what was seen; the operator leaves the developer out, saves them, and switches to enforce`;
  }

  #sinceTheDayBegan(): readonly string[] {
    return ['--since', new Date(this.#dayBeganAt).toISOString()];
  }

  async #plan(): Promise<string> {
    const result = await this.fleet.segwall(['plan', join(this.#directory, 'enforced'), ...this.#sinceTheDayBegan()]);
    if (result.exitCode > 1) throw commandError(['segwall', 'plan'], result);
    this.#narrator.show(firstLines(result.stdout, 30));
    return 'what would change, and which observed flows would be newly denied';
  }

  async #enforce(): Promise<string> {
    const startedAt = performance.now();
    await this.#everywhere(['apply', join(this.#directory, 'enforced')]);
    this.figures.applyMs = Math.round(performance.now() - startedAt);
    const inForceAt = performance.timeOrigin + performance.now();
    await waitFor(() => performance.timeOrigin + performance.now() > inForceAt + 2 * cutLimitMs, {
      what: 'the time limit for cutting connections has passed twice',
    });
    const lastByteMs = await lastByteAfter(this.#probes, heldByStrangers, inForceAt);
    const revived = await stillAlive(this.#probes, heldByStrangers);
    const kept = await stillAlive(this.#probes, heldByShop, patienceMs);
    const limitMs = cutLimitMs + (await longestGapMs(this.#probes, heldByShop));
    if (lastByteMs > limitMs || revived.length > 0) {
      this.faults.push(
        `connections that should be cut still carry data: ${revived.join(', ')}, last byte after ${lastByteMs} ms`,
      );
    }
    if (kept.length < heldByShop.length) {
      this.faults.push(`only ${kept.length} of the shop's ${heldByShop.length} open connections go on`);
    }
    return `in force everywhere after ${this.figures.applyMs} ms; ${heldByStrangers.length - revived.length} open connections of the developer's machine and the outsider are cut, last byte ${Math.round(lastByteMs)} ms after the apply; ${kept.length} of the shop's ${heldByShop.length} go on`;
  }

  async #addWeb(): Promise<string> {
    await this.#startMachine(lateMachine);
    await this.fleet.enrol(this.#hostOf(lateMachine.name), lateMachine.labels ?? {});
    await this.fleet.inForce([lateMachine.name]);
    this.figures.hosts += 1;
    const target = { transport: 'tcp', address: this.#hostOf('api-1').ipv4 ?? '', port: 8080 } as const;
    const probe = this.#probeOf(lateMachine.name);
    const [before] = await probe.probe([target]);
    if (before?.kind === 'allowed') this.faults.push(`${lateMachine.name} reached api-1 before it had a role`);
    const first = probe.firstAllowedAt({ target, intervalMs: 5, timeoutMs: patienceMs });
    const answer = await this.#label(lateMachine.name, { role: lateRole });
    const allowedAt = await first;
    if (allowedAt === undefined) throw new Error(`api-1 did not let ${lateMachine.name} in\n${this.fleet.logs()}`);
    this.figures.newPeerMs = Math.round(allowedAt - answer.sentAt);
    await this.fleet.inForce(this.#managed());
    return `${lateMachine.name} enrolled without a role, its first policy in force, and kept out; labelled role=${lateRole}, api-1 let it in after ${this.figures.newPeerMs} ms`;
  }

  async #label(workload: string, labels: Readonly<Record<string, string>>) {
    const answer = await this.fleet.api({
      method: 'PATCH',
      path: `/api/v1/workloads/${workload}/labels`,
      body: { set: labels, remove: [] },
    });
    if (answer.status >= 300) throw new Error(`the label was refused (${answer.status}): ${answer.body}`);
    return answer;
  }

  async #badPolicy(): Promise<string> {
    const text = ringText('enforce').replace('app == "shop"', 'app == shop');
    const directory = await writePolicy(join(this.#directory, 'bad'), { 'shop.yaml': text });
    const result = await this.fleet.segwall(['apply', directory, '--wait']);
    this.#narrator.show(firstLines(`${result.stdout}${result.stderr}`, 4));
    if (result.exitCode !== 1) throw new Error(`a bad policy ended with ${result.exitCode}, not 1`);
    return 'refused, nothing changes';
  }

  async #killControlPlane(): Promise<string> {
    await this.fleet.killControlPlane();
    const kept = await stillAlive(this.#probes, heldByShop, patienceMs);
    if (kept.length < heldByShop.length) this.faults.push('an open connection ended with the control plane');
    return `enforcement goes on from the kernels; ${kept.length} of the shop's ${heldByShop.length} open connections go on`;
  }

  async #rollBack(): Promise<string> {
    await this.fleet.startControlPlane();
    await this.fleet.inForce(this.#managed());
    const rolled = await this.#everywhere(['rollback']);
    return `the control plane is back, ${this.figures.hosts} agents reconnected, revision ${rolled.revision} observes again`;
  }

  #managed(): readonly string[] {
    return [...this.fleet.agents.keys()];
  }

  #hostOf(name: string) {
    const host = this.#lab.hosts.get(name);
    if (host === undefined) throw new Error(`the lab has no host ${name}`);
    return host;
  }

  #probeOf(name: string): HostProbe {
    const probe = this.#probes.get(name);
    if (probe === undefined) throw new Error(`no probe runs on ${name}`);
    return probe;
  }
}

function everyConversation(machines: Iterable<string>): readonly Conversation[] {
  const names = [...machines];
  return names.flatMap((from) =>
    names.filter((to) => to !== from).flatMap((to) => ports.map((port) => ({ from, to, port }))),
  );
}

function ringText(mode: 'observe' | 'enforce'): string {
  return `apiVersion: segwall/v1
kind: Segment
metadata: { name: shop, description: "Web shop, production" }
spec:
  selector: app == "shop" && env == "prod"
  inbound: ${mode}
  outbound: ${mode}
  rules: []
`;
}

function firstLines(text: string, count: number): string {
  return text.trim().split('\n').slice(0, count).join('\n');
}
