// Policy and inventory, at one instant, as what each host is to enforce: what FleetCompiler says before anything has changed.
// The order of files, documents and lists never shows in the result.

import type { HostRuleSet } from '#model/rule-set.ts';
import type { Millis } from '#model/time.ts';
import type { Inventory, Policy } from '#policy/policy/policy.ts';
import { FleetCompiler } from './fleet-compiler.ts';

/** `hosts` are those with a managed workload. `nextChangeAt` is when time alone next changes a rule: compile again then. */
export interface CompiledFleet {
  readonly hosts: ReadonlySet<string>;
  readonly nextChangeAt: Millis | undefined;
  /** Undefined for a host without managed workloads. The first call for a host does its work; later ones only renumber. */
  ruleSetOf(host: string, revision: number): HostRuleSet | undefined;
}

export interface CompileRequest {
  readonly policy: Policy;
  readonly inventory: Inventory;
  readonly now: Millis;
}

export function compileFleet(request: CompileRequest): CompiledFleet {
  return new FleetCompiler(request);
}
