// Reads the files of a policy directory, and of an inventory, into a checked policy; or says everything that is wrong with
// them, in one run. The same function stands behind `policy check`, `apply` and every offline command, so that all give the
// same errors. Nothing of a policy with an error is handed out.

import type { Address } from '#model/address.ts';
import type { AddressRange } from '#model/address-range.ts';
import { compareCodeUnits } from '#model/code-unit-order.ts';
import type { ServiceTerm } from '#model/service.ts';
import type { Millis } from '#model/time.ts';
import { besideDeclared, isManaged } from '#policy/claims/managed-workload.ts';
import type { Guardrail, Inventory, Policy, PolicyTest, Segment, Workload } from '#policy/policy/policy.ts';
import {
  type CheckMode,
  type CollectedDocuments,
  collectDocuments,
  type EnvelopedDocument,
} from '#policy/read/collect-documents.ts';
import type { DraftDocument } from '#policy/read/draft-document.ts';
import type { ReadContext } from '#policy/read/fields.ts';
import { readFields, requireField } from '#policy/read/fields.ts';
import { readPolicyTest } from '#policy/read/policy-test.ts';
import { type PolicyNames, readGuardrail, readSegment } from '#policy/read/segment.ts';
import { readOwnServiceTerms, readRanges } from '#policy/read/values.ts';
import { readResolution, readWorkload } from '#policy/read/workload.ts';
import { compareProblems, hasErrors, maxProblems, mostProblemsNoted, type Problem } from '#policy/source/problem.ts';
import type { InputFile } from '#policy/source/source-file.ts';
import {
  maxInventoryFileLength,
  maxPolicyFileLength,
  readYamlDocuments,
  type SourceDocument,
} from '#policy/source/yaml-documents.ts';
import { checkInventory } from './check-inventory.ts';
import { membershipProblems } from './check-memberships.ts';
import { warnOfPolicy } from './check-warnings.ts';

export interface CheckInput {
  readonly files: readonly InputFile[];
  /** Absent: the inventory is not known, and names of workloads in tests are taken on trust. */
  readonly inventoryFiles?: readonly InputFile[] | undefined;
  readonly now: Millis;
  readonly mode: CheckMode;
  /** The live fleet, in server mode: what tests may name, and what warnings are told from. */
  readonly knownWorkloads?: ReadonlyMap<string, Workload> | undefined;
  /** What tests may name besides: names that were accepted before, or any name, where what was accepted once is only read again. */
  readonly testNames?: ReadonlySet<string> | 'trusted' | undefined;
  /** In server mode: a policy that is over the limits of membership-count.ts, and no more so than this, is let through. */
  readonly inForce?: Policy | 'itself' | undefined;
  /** Left out where only the policy is wanted: they cost as much as all the rest. */
  readonly warnings?: 'wanted' | 'unwanted' | undefined;
  /** What reading the directory found already (links that leave it, files that are not UTF-8). */
  readonly readingProblems?: readonly Problem[] | undefined;
}

/** `problems` are in order of file, line and column. `policy` and `inventory` are absent if any of them is an error. */
export interface CheckedPolicy {
  readonly problems: readonly Problem[];
  readonly policy?: Policy;
  readonly inventory?: Inventory;
}

export function checkPolicy(input: CheckInput): CheckedPolicy {
  const problems: Problem[] = [...(input.readingProblems ?? [])];
  const lostNames = new Set<string>();
  const { documents, spare } = collectDocuments({
    policy: readAll(input.files, { maxLength: maxPolicyFileLength, problems, lostNames }),
    inventory: readAll(input.inventoryFiles ?? [], { maxLength: maxInventoryFileLength, problems, lostNames }),
    mode: input.mode,
    problems,
    live: managedOnes(input.knownWorkloads),
    hostNames: input.testNames === 'trusted' ? 'told' : 'refused',
  });
  for (const { naming, name } of spare) if (naming === 'misnamed') lostNames.add(name);
  const drafts = readDrafts(documents, problems);
  readDrafts(spare, problems);
  const inventory: Inventory = {
    workloads: checkInventory(drafts, problems),
    resolutions: readResolutions(documents, problems),
  };
  readResolutions(spare, problems);
  const isInventoryKnown =
    input.inventoryFiles !== undefined ||
    input.knownWorkloads !== undefined ||
    drafts.some(({ draft }) => isManaged(draft));
  const workloads = besideDeclared(input.knownWorkloads ?? [], inventory.workloads);
  const { testNames = new Set<string>() } = input;
  const testable =
    isInventoryKnown && testNames !== 'trusted'
      ? new Map<string, unknown>([
          ...workloads,
          ...documents.filter((one) => one.kind === 'Workload').map((one) => [one.name, one] as const),
          ...[...testNames].map((name) => [name, undefined] as const),
        ])
      : undefined;
  const policy = readPolicy({ documents, spare }, problems, testable);
  if (!hasErrors(problems)) problems.push(...membershipProblems({ policy, workloads, inForce: input.inForce }));
  if (!hasErrors(problems) && input.warnings !== 'unwanted') {
    const known = isInventoryKnown ? { ...inventory, workloads } : undefined;
    const names = input.mode === 'server' ? 'reported' : 'written';
    for (const warning of warnOfPolicy({ policy, inventory: known, now: input.now, names })) problems.push(warning);
    if (documents.length === 0 && input.files.length === 0) problems.push(emptyPolicy());
  }
  // Accepted by a version that did not ask: it matches nobody, as it always did, and is no reason to hold a policy that is in force.
  const isOld = ({ code }: Problem) => testNames === 'trusted' && code === 'impossible-label-value';
  const told = problems.filter((problem) => !isConsequence(problem, lostNames) && !isOld(problem));
  const sorted = bounded(told.sort(compareProblems));
  if (hasErrors(sorted)) return { problems: sorted };
  const directory = new Set(
    drafts.filter(({ document }) => document.place === 'policy').map(({ draft }) => draft.name),
  );
  const own = new Map([...inventory.workloads].filter(([name]) => directory.has(name)));
  return { problems: sorted, policy: { ...policy, workloads: own }, inventory };
}

interface Reading {
  readonly maxLength: number;
  readonly problems: Problem[];
  readonly lostNames: Set<string>;
}

function readAll(files: readonly InputFile[], { maxLength, problems, lostNames }: Reading): SourceDocument[] {
  const documents: SourceDocument[] = [];
  for (const file of [...files].sort((a, b) => compareCodeUnits(a.path, b.path))) {
    const read = readYamlDocuments(file, maxLength);
    problems.push(...read.problems);
    for (const document of read.documents) documents.push(document);
    for (const name of read.lostNames) lostNames.add(name);
  }
  return documents;
}

/** A reference to what stands in a document that could not be read follows from that document's own error. */
function isConsequence({ code, message }: Problem, lostNames: ReadonlySet<string>): boolean {
  return code === 'dangling-reference' && lostNames.has(/"([^"]*)"/.exec(message)?.[1] ?? '');
}

function managedOnes(known: ReadonlyMap<string, Workload> | undefined): ReadonlyMap<string, Workload> {
  return new Map([...(known ?? [])].filter(([, workload]) => isManaged(workload)));
}

function readDrafts(documents: readonly EnvelopedDocument[], problems: Problem[]): readonly DraftDocument[] {
  const drafts: DraftDocument[] = [];
  for (const document of documents) {
    if (document.kind !== 'Workload') continue;
    const draft = readWorkload({ file: document.file, problems }, document);
    if (draft !== undefined) drafts.push({ draft, document });
  }
  return drafts;
}

/** Names first, then what refers to them; so neither the order of files nor of documents matters. */
function readPolicy(
  { documents, spare }: CollectedDocuments,
  problems: Problem[],
  workloads: ReadonlyMap<string, unknown> | undefined,
): Omit<Policy, 'workloads'> & { readonly workloads: ReadonlyMap<string, Workload> } {
  const contextOf = (document: EnvelopedDocument): ReadContext => ({ file: document.file, problems });
  const ofKind = (kind: EnvelopedDocument['kind']) => documents.filter((document) => document.kind === kind);
  const serviceNames = new Set(ofKind('Service').map((document) => document.name));
  const spareOf = (kind: EnvelopedDocument['kind']) => spare.filter((document) => document.kind === kind);
  const services = new Map<string, readonly ServiceTerm[]>();
  for (const document of ofKind('Service'))
    services.set(document.name, readService(contextOf(document), document, serviceNames));
  for (const document of spareOf('Service')) readService(contextOf(document), document, serviceNames);
  const ipLists = new Map<string, readonly AddressRange[]>();
  for (const document of ofKind('IPList')) ipLists.set(document.name, readIpList(contextOf(document), document));
  for (const document of spareOf('IPList')) readIpList(contextOf(document), document);
  const segmentDocuments = ofKind('Segment');
  const names: PolicyNames = {
    services,
    ipLists,
    segments: new Map(segmentDocuments.map((document) => [document.name, document])),
  };
  const segments = new Map<string, Segment>();
  const ruleNames = new Map<string, ReadonlySet<string>>();
  for (const document of segmentDocuments) {
    const segment = readSegment(contextOf(document), document, names);
    if (segment !== undefined) segments.set(segment.name, segment);
    ruleNames.set(document.name, new Set(writtenRuleNames(document)));
  }
  for (const document of spareOf('Segment')) {
    readSegment(contextOf(document), document, names);
    const others = ruleNames.get(document.name);
    if (others !== undefined) ruleNames.set(document.name, new Set([...others, ...writtenRuleNames(document)]));
  }
  const guardrails = new Map<string, Guardrail>();
  for (const document of ofKind('Guardrail')) {
    const guardrail = readGuardrail(contextOf(document), document, names);
    if (guardrail !== undefined) guardrails.set(guardrail.name, guardrail);
  }
  for (const document of spareOf('Guardrail')) readGuardrail(contextOf(document), document, names);
  const tests = new Map<string, PolicyTest>();
  const testable = { services, segments: ruleNames, workloads };
  for (const document of ofKind('PolicyTest')) {
    const test = readPolicyTest(contextOf(document), document, testable);
    if (test !== undefined) tests.set(test.name, test);
  }
  for (const document of spareOf('PolicyTest')) readPolicyTest(contextOf(document), document, testable);
  return {
    segments: inNameOrder(segments),
    guardrails: inNameOrder(guardrails),
    services: inNameOrder(services),
    ipLists: inNameOrder(ipLists),
    tests: inNameOrder(tests),
    workloads: new Map(),
  };
}

/** Names as written, of rules with errors too, so that one error does not make others. */
function writtenRuleNames(document: EnvelopedDocument): string[] {
  if (document.spec.kind !== 'map') return [];
  const rules = document.spec.entries.find((entry) => entry.key === 'rules')?.value;
  if (rules?.kind !== 'list') return [];
  const names: string[] = [];
  for (const rule of rules.items) {
    const name = rule.kind === 'map' ? rule.entries.find((entry) => entry.key === 'name')?.value : undefined;
    if (name?.kind === 'scalar' && typeof name.value === 'string') names.push(name.value);
  }
  return names;
}

function readService(
  context: ReadContext,
  document: EnvelopedDocument,
  names: ReadonlySet<string>,
): readonly ServiceTerm[] {
  const fields = readFields(context, document.spec, { what: "a Service's spec", allowed: ['ports'] });
  const ports =
    fields && requireField(context, fields, { key: 'ports', what: "a Service's spec", example: 'ports: [tcp/443]' });
  return ports === undefined ? [] : readOwnServiceTerms(context, ports, names);
}

function readIpList(context: ReadContext, document: EnvelopedDocument): readonly AddressRange[] {
  const fields = readFields(context, document.spec, { what: "an IPList's spec", allowed: ['cidrs', 'except'] });
  const cidrs =
    fields && requireField(context, fields, { key: 'cidrs', what: "an IPList's spec", example: 'cidrs: [10.0.0.0/8]' });
  if (fields === undefined || cidrs === undefined) return [];
  return readRanges(context, { cidrs, except: fields.get('except'), what: 'cidrs', form: 'list' });
}

/** Resolutions of all documents of that kind, joined by name. */
export function readResolutions(
  documents: readonly EnvelopedDocument[],
  problems: Problem[],
): ReadonlyMap<string, readonly Address[]> {
  const joined = new Map<string, readonly Address[]>();
  for (const document of documents) {
    if (document.kind !== 'Resolution') continue;
    for (const [name, addresses] of readResolution({ file: document.file, problems }, document.spec)) {
      joined.set(name, [...new Set([...(joined.get(name) ?? []), ...addresses])]);
    }
  }
  return inNameOrder(joined);
}

export function inNameOrder<T>(map: ReadonlyMap<string, T>): ReadonlyMap<string, T> {
  return new Map([...map].sort(([a], [b]) => compareCodeUnits(a, b)));
}

function emptyPolicy(): Problem {
  return {
    severity: 'warning',
    code: 'empty-policy',
    file: '.',
    line: 1,
    column: 1,
    message:
      'there is no *.yaml, *.yml or *.json file here; under an empty policy everything is observed and nothing denied',
  };
}

function bounded(problems: readonly Problem[]): readonly Problem[] {
  if (problems.length <= maxProblems) return problems;
  const last = problems[maxProblems - 1];
  return [
    ...problems.slice(0, maxProblems),
    {
      severity: 'error',
      code: 'too-many-problems',
      file: last?.file ?? '.',
      line: last?.line ?? 1,
      column: last?.column ?? 1,
      message: `there are ${problems.length < mostProblemsNoted ? '' : 'more than '}${problems.length} problems; the first ${maxProblems} are listed`,
    },
  ];
}
