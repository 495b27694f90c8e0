// From the state in force to the agents' streams: compiles what changed, sends to each connected agent that it concerns, and
// says when time alone will change something. Asked to as often as one likes, it works once, when told to publish.

import type { Timer } from '#clock/clock.ts';
import { systemClock } from '#clock/system-clock.ts';
import type { HostRuleSet } from '#model/rule-set.ts';
import { type Millis, millis } from '#model/time.ts';
import { apartFrom, isManaged, virtualAddressesIn } from '#policy/claims/managed-workload.ts';
import { type FleetChange, FleetCompiler } from '#policy/compile/fleet-compiler.ts';
import type { Inventory, Policy } from '#policy/policy/policy.ts';
import type { AgentSessions, LiveAgent } from './agent-sessions.ts';
import { inventoryUnder } from './policy-review.ts';
import type { PreparedPolicy } from './prepared-policy.ts';

/** `changed` sends to agents whose rule set is another than they were sent last; `always` to all, so that all acknowledge it. */
export type SendWhen = 'changed' | 'always';

export interface PublicationOptions {
  readonly sessions: AgentSessions;
  readonly now: () => Millis;
  /** The instant has come at which rules begin or end by themselves. */
  readonly timeCame: () => void;
}

export interface InForce {
  readonly policy: Policy;
  /** Workloads that changed since this was last asked; at first, all of them. Asked only when they are compiled. */
  readonly takeChanges: () => readonly FleetChange[];
  readonly revision: number;
  /** `hold`: agents keep what they have. */
  readonly sending: 'send' | 'hold';
  /** A policy that some hosts enforce instead; the same object for as long as it is on trial. */
  readonly trial?: Trial | undefined;
  readonly inventory: () => Inventory;
  /** Enrolled hosts without a stream. */
  readonly away: () => Iterable<string>;
}

export interface Trial {
  readonly policy: Policy;
  readonly hosts: ReadonlySet<string>;
}

interface CompiledTrial {
  readonly trial: Trial;
  readonly compiler: FleetCompiler;
}

export class Publication {
  readonly #options: PublicationOptions;
  #compiler: FleetCompiler;
  #policy: Policy;
  /** Compiled already, for when they come into force or on trial. */
  readonly #prepared = new WeakMap<Policy, PreparedPolicy>();
  #trial: CompiledTrial | undefined;
  #due: SendWhen | undefined;
  readonly #newcomers = new Set<LiveAgent>();
  /** The newest revision that changed something for a host; for all of them at least `#dueEverywhere`. */
  readonly #dueAt = new Map<string, number>();
  #dueEverywhere = 0;
  #isAwaited = false;
  /** As of the last publication; a turn that is not settled may know more. */
  #published: Pick<InForce, 'revision' | 'sending'>;
  #timer: Timer | undefined;
  #isStopped = false;

  constructor(options: PublicationOptions, inForce: InForce) {
    this.#options = options;
    this.#policy = inForce.policy;
    this.#published = inForce;
    const inventory = { workloads: new Map(), resolutions: new Map() };
    this.#compiler = new FleetCompiler({
      policy: inForce.policy,
      inventory,
      now: options.now(),
      schedules: 'carried',
    });
    this.#compile(inForce);
  }

  /** What the host is to enforce, with the schedules of what does not always grant; undefined where no agent of the inventory does. */
  ruleSetOf(host: string, revision: number): HostRuleSet | undefined {
    return this.#compilerOf(host).ruleSetOf(host, revision);
  }

  /**
   * Policy or inventory changed: the next publication compiles and sends. `awaited`: somebody may wait for it, so whom it concerns is to be
   * known of hosts that are away, too.
   */
  mark(when: SendWhen, attention: 'awaited' | 'unwatched' = 'unwatched'): void {
    if (this.#due !== 'always') this.#due = when;
    if (attention === 'awaited') this.#isAwaited = true;
  }

  /** The next publication that finds its policy in force, or on trial, has nothing left to compile but what changed since. */
  prepared(one: PreparedPolicy): void {
    this.#prepared.set(one.policy, one);
  }

  /** Hosts whose rule sets were asked for. */
  askedHosts(): Iterable<string> {
    return this.#compiler.askedHosts();
  }

  /** A new stream: the next publication sends it its rule set, where it has not been sent one before. */
  welcome(agent: LiveAgent): void {
    this.#newcomers.add(agent);
  }

  /**
   * A new stream is sent at once what its host was to enforce as of the last publication, where it is known: a first policy is not to wait for
   * the store, nor for who else waits for that. Its report may change that; then it is sent the change.
   */
  greet(agent: LiveAgent, held: number): void {
    if (held <= this.#published.revision) this.#send(agent, this.#published);
  }

  /** 0 where nothing ever concerned it. */
  dueOf(host: string): number {
    return Math.max(this.#dueEverywhere, this.#dueAt.get(host) ?? 0);
  }

  forget(host: string): void {
    this.#dueAt.delete(host);
  }

  isTimeChangeDue(): boolean {
    const at = this.#nextChangeAt();
    return at !== undefined && this.#options.now() >= at;
  }

  publish(inForce: InForce): void {
    const { sessions } = this.#options;
    const due = this.#due;
    this.#due = undefined;
    this.#published = inForce;
    if (due !== undefined) {
      // What a change means to a host is known only where it was known before what the host is to enforce.
      if (this.#isAwaited) for (const host of inForce.away()) this.#compilerOf(host).ruleSetOf(host, 0);
      this.#isAwaited = false;
      const changed = [...this.#compile(inForce)];
      if (due === 'always') this.#dueEverywhere = inForce.revision;
      else for (const host of changed) this.#dueAt.set(host, inForce.revision);
      const concerned = due === 'always' ? sessions.all() : sessions.among(changed);
      // A stream without a first rule set is still to report its host, and is welcomed then.
      for (const agent of concerned) if (agent.sent !== undefined) this.#send(agent, inForce);
    }
    for (const agent of this.#newcomers) {
      const isLive = sessions.of(agent.host) === agent;
      if (isLive && agent.sent === undefined) this.#send(agent, inForce);
      // Met during a hold, it is served when that ends.
      if (!isLive || inForce.sending === 'send') this.#newcomers.delete(agent);
    }
  }

  stop(): void {
    this.#isStopped = true;
    this.#timer?.cancel();
  }

  #send(agent: LiveAgent, { revision, sending }: Pick<InForce, 'revision' | 'sending'>): void {
    const ruleSet = this.#compilerOf(agent.host).ruleSetOf(agent.host, revision);
    if (ruleSet === undefined || sending === 'hold') return;
    this.#options.sessions.send(agent, ruleSet, this.#options.now());
  }

  #compilerOf(host: string): FleetCompiler {
    return this.#trial?.trial.hosts.has(host) ? this.#trial.compiler : this.#compiler;
  }

  #nextChangeAt(): Millis | undefined {
    const instants = [this.#compiler.nextChangeAt, this.#trial?.compiler.nextChangeAt].filter((at) => at !== undefined);
    return instants.length === 0 ? undefined : millis(Math.min(...instants));
  }

  /** Gives the hosts whose rule set is now another. */
  #compile(inForce: InForce): Iterable<string> {
    const { takeChanges } = inForce;
    const { now, timeCame } = this.#options;
    const at = now();
    const changes = takeChanges();
    const changed = this.#compileActive(inForce, { changes, at });
    this.#compileTrial(inForce, { changes, changed, at });
    this.#timer?.cancel();
    const nextChangeAt = this.#nextChangeAt();
    if (nextChangeAt !== undefined && !this.#isStopped) {
      this.#timer = systemClock.after(Math.max(0, nextChangeAt - at), timeCame);
      this.#timer.unref();
    }
    return changed;
  }

  #compileActive(
    { policy, inventory }: InForce,
    { changes, at }: { readonly changes: readonly FleetChange[]; readonly at: Millis },
  ): Set<string> {
    const isReplaced = policy !== this.#policy;
    this.#policy = policy;
    const prepared = isReplaced ? this.#takePrepared(policy) : undefined;
    if (prepared !== undefined) {
      prepared.bringUpTo(inventory(), at);
      this.#compiler = prepared.compiler;
      return new Set(this.#compiler.askedHosts());
    }
    const replaced: readonly FleetChange[] = isReplaced ? [{ kind: 'policy-replaced', policy }] : [];
    return new Set(this.#compiler.apply([...replaced, ...changes], at).keys());
  }

  #takePrepared(policy: Policy): PreparedPolicy | undefined {
    const prepared = this.#prepared.get(policy);
    this.#prepared.delete(policy);
    return prepared;
  }

  /** Where the trial begins or ends all its hosts are told, also of what is the same under both policies: they answer for it. */
  #compileTrial(
    { trial, inventory }: InForce,
    work: { readonly changes: readonly FleetChange[]; readonly changed: Set<string>; readonly at: Millis },
  ): void {
    const { changes, changed, at } = work;
    const before = this.#trial;
    if (before !== undefined && before.trial === trial) {
      for (const host of trial.hosts) changed.delete(host);
      // External and virtual workloads are the active policy's; the trial has its own.
      const virtual = virtualAddressesIn(trial.policy.workloads);
      const managed = changes.flatMap((change) => {
        if (change.kind !== 'workload-set') return change;
        return isManaged(change.workload) ? { ...change, workload: apartFrom(change.workload, virtual) } : [];
      });
      // It was asked for no others.
      for (const host of before.compiler.apply(managed, at).keys()) changed.add(host);
      return;
    }
    for (const host of before?.trial.hosts ?? []) changed.add(host);
    this.#trial = undefined;
    if (trial === undefined) return;
    const { policy, hosts } = trial;
    const under = inventoryUnder(policy, inventory());
    const prepared = this.#takePrepared(policy);
    prepared?.bringUpTo(under, at);
    const compiler =
      prepared?.compiler ?? new FleetCompiler({ policy, inventory: under, now: at, schedules: 'carried' });
    this.#trial = { trial, compiler };
    for (const host of hosts) changed.add(host);
  }
}
