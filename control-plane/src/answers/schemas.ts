// The shapes that the operator API takes and gives, which its description, its checks and the CLI's types are all made from. Times are
// ISO 8601 in UTC; a key that does not apply is absent.

import { z } from 'zod';
import { protections } from '#control-plane/publish/protection.ts';
import { labelKeyPattern, labelValuePattern, namePattern } from '#model/label.ts';
import { connectionCountText } from '#policy/learn/connection-count.ts';
import { evidenceFields, oneEnd } from './evidence-schemas.ts';
import { pageFields } from './paging.ts';

const instant = z.string().describe('ISO 8601, UTC');
const name = z.string().regex(namePattern, `is not a name: allowed is ${namePattern.source}`);
const labelKey = z.string().regex(labelKeyPattern, `is not a label key: allowed is ${labelKeyPattern.source}`);
const labelValue = z.string().regex(labelValuePattern, `is not a label value: allowed is ${labelValuePattern.source}`);
/** A record's own message for a bad key names neither the key's fault nor what is allowed. */
const labelsToSet = z.record(labelKey, labelValue, {
  error: (issue) =>
    issue.code === 'invalid_key' ? `is not a label key: allowed is ${labelKeyPattern.source}` : undefined,
});
const labels = z.record(z.string(), z.string());
const names = z.array(z.string()).readonly();
const count = z.number().int().nonnegative();
const connections = count.describe(connectionCountText);
const atLeast = z
  .literal(true)
  .optional()
  .describe('a count beside it has stopped at 9007199254740991: it is so many or more');
const skippedFlows = count.describe(
  'stored flow rows that are read nowhere, since their numbers are beyond all bounds',
);

/** Longer than any name: of one that is none is told that it does not exist. */
const askedName = z.string().max(128);

export const nameParams = z.object({ name: askedName });

// Policy

export const policyFiles = z
  .array(z.object({ path: z.string().min(1).max(4096), text: z.string() }))
  .max(10_000)
  .describe('the YAML files of a policy directory');

export const problem = z.object({
  severity: z.enum(['error', 'warning']),
  code: z.string(),
  file: z.string(),
  line: z.number(),
  column: z.number(),
  message: z.string(),
  suggestion: z.string().optional(),
  excerpt: z.string().optional(),
});

/** In the error of a policy whose tests do not hold. */
export const testFailure = z.object({
  policyTest: z.string(),
  title: z.string(),
  why: z.string(),
  file: z.string(),
  line: z.number(),
  column: z.number(),
});

export const applyRequest = z.object({
  files: policyFiles.optional(),
  draft: z.number().int().positive().optional().describe('activate this draft instead of files'),
  mode: z.enum(['activate', 'save-draft']).default('activate'),
  tests: z.enum(['run', 'skip']).default('run'),
  expectRevision: z
    .number()
    .int()
    .positive()
    .optional()
    .describe('refused where another policy than that of this revision is active'),
  message: z
    .string()
    .max(500)
    .regex(/^[^\p{Cc}]*$/u, 'is one line, without control characters')
    .optional()
    .describe('why, for the history'),
  commit: z
    .string()
    .regex(/^[0-9a-f]{7,64}(-dirty)?$/, 'is a Git commit, with -dirty where files differ from it')
    .optional()
    .describe('where the files come from'),
  empty: z
    .enum(['refuse', 'allow'])
    .default('refuse')
    .describe('whether a policy without any document may replace one that has segments or guardrails'),
  canary: z
    .object({
      selector: z.string().min(1).max(65_536).optional().describe('hosts by their labels; without it one in ten'),
      holdMs: z.number().int().min(0).max(86_400_000).default(60_000),
      answerMs: z.number().int().min(1).max(3_600_000).default(30_000),
    })
    .optional()
    .describe('let some connected hosts enforce it first, and the others once those have held it'),
});

export const applyAnswer = z.object({
  revision: count.describe('the revision it was activated at, or sent to its canary; for a draft, the one in force'),
  policy: count,
  state: z.enum(['active', 'draft', 'canary']),
  unchanged: z.literal(true).optional().describe('the files are those of the active policy, which keeps its number'),
  canary: names.optional().describe('the hosts that enforce it first'),
  warnings: z.array(problem).readonly(),
  testsPassed: count,
});

export const canaryView = z.object({
  state: z
    .enum(['none', 'running', 'promoted', 'failed'])
    .describe('of the canary that runs, or of the last one since the control plane started'),
  policy: count.optional(),
  revision: count.optional().describe('at which it was sent to its hosts'),
  hosts: names.optional(),
  active: count.optional().describe("the revision since which it is everybody's"),
  reason: z.string().optional().describe('why it failed'),
  host: z.string().optional().describe('the host at which it failed'),
});

export const rollbackRequest = z.object({ to: z.number().int().positive().optional() });

export const progressQuery = z.object({ waitMs: z.coerce.number().int().min(0).max(30_000).default(0) });
export const revisionParams = z.object({ revision: z.coerce.number().int().positive() });
export const progress = z.object({
  revision: count,
  acked: names,
  nacked: z.array(z.object({ host: z.string(), reason: z.string() })).readonly(),
  pending: names.describe('hosts it concerns that have not answered, those in `offline` among them'),
  offline: names.describe('of those pending, hosts whose agent is away: they are sent the newest when it comes back'),
  open: names.describe(
    'of those acknowledged, hosts that were opened at their console: they keep it and enforce nothing',
  ),
  held: z.string().optional().describe('why nothing is sent to agents now, so that nobody answers'),
});

export const resumeRequest = z.object({
  cutOffSince: z
    .enum(['refuse', 'accept'])
    .default('refuse')
    .describe('`accept` lets in again what hosts cut off and the store knows nothing of'),
});
export const resumeAnswer = z.object({ revision: count, lineage: z.string() });

export const activePolicyAnswer = z.object({ policy: count, revision: count, files: policyFiles.readonly() });

export const policyHistory = z.object({
  activations: z
    .array(
      z.object({
        revision: count,
        policy: count,
        kind: z.enum(['first', 'apply', 'rollback']),
        at: instant,
        actor: z.string(),
        message: z.string().optional(),
        commit: z.string().optional(),
        state: z.enum(['active', 'past']),
      }),
    )
    .readonly(),
  drafts: z.array(z.object({ policy: count, at: instant, actor: z.string(), files: count })).readonly(),
});

const millisSince = z
  .number()
  .int()
  .nonnegative()
  .default(0)
  .describe('milliseconds since 1970: flows last seen at or after');

export const planRequest = z.object({
  files: policyFiles.optional(),
  labels: z
    .object({
      workload: z.string().min(1).max(128),
      set: labelsToSet.default({}),
      remove: z.array(labelKey).max(64).default([]),
    })
    .optional()
    .describe('instead of files: what other labels of a workload would change under the active policy'),
  since: millisSince,
});

const changes = z.object({
  added: names,
  removed: names,
  changed: names,
  unlisted: count
    .optional()
    .describe('names left out of these lists: a plan of more than 500000 names tells the first 20 of each'),
});
const directionPlan = z.object({
  mode: z.object({ before: z.string(), after: z.string() }).optional(),
  rules: changes.describe('SEGMENT/RULE, with the combination of a segment with each: SEGMENT(app=shop)/RULE'),
  guardrails: changes,
  defaults: z.enum(['same', 'changed']),
});
const end = z.object({
  verdict: z.string(),
  reason: z.string(),
  segment: z.string().optional(),
  rule: z.string().optional(),
  guardrail: z.string().optional(),
});
const plannedFlow = z.object({
  from: z.object({ workload: z.string().optional(), address: z.string() }),
  to: z.object({ workload: z.string().optional(), address: z.string() }),
  service: z.string(),
  direction: z.enum(['inbound', 'outbound']),
  connections,
  atLeast,
  lastSeenAt: instant,
  before: end,
  after: end,
  ...evidenceFields,
});
const plannedFlows = z.object({
  count,
  oneEnded: count.describe('of these, those between two managed hosts that one end alone reported'),
  flows: z.array(plannedFlow).readonly().describe('the first 1000'),
});

export const planAnswer = z.object({
  revision: count.describe('the revision it is compared with'),
  active: count.describe(
    'the revision at which the policy it is compared with was activated: what expectRevision takes',
  ),
  workloads: z
    .array(
      z.object({
        workload: z.string(),
        host: z.string(),
        change: z.enum(['added', 'removed', 'changed']),
        inbound: directionPlan,
        outbound: directionPlan,
      }),
    )
    .readonly(),
  unchangedWorkloads: count,
  newlyCovered: z
    .object({
      count,
      rules: z.array(
        z.object({
          rule: z.string(),
          direction: z.enum(['inbound', 'outbound']),
          workloads: count.describe('at which the rule covers something new'),
          pairs: count.describe('of such a workload and a peer: an address, a range or a name'),
          atLeast,
          services: names,
          examples: z.array(z.object({ workload: z.string(), peer: z.string() })),
        }),
      ),
    })
    .describe('what rules cover that none covered before, whether or not it was seen; the first 100 rules'),
  newlyDenied: plannedFlows,
  newlyAllowed: plannedFlows,
  newlyWouldDeny: plannedFlows,
  unchangedFlows: count,
  unjudgedFlows: count.describe('their workload is not in both, or is gone'),
  skippedFlows,
  warnings: z.array(problem).readonly(),
  testsPassed: count,
  testFailures: z.array(testFailure).readonly(),
});

export const suggestRequest = z.object({
  segment: name,
  since: millisSince,
  exclude: z.string().max(65_536).optional().describe('a selector: workloads that no rule is proposed for'),
  outside: z.enum(['comment', 'include']).default('comment').describe('peers that are no known workload'),
  denied: z.enum(['comment', 'include']).default('comment').describe('flows that were denied'),
});

export const suggestAnswer = z.object({
  segment: z.string(),
  yaml: z.string().describe('the whole Segment document with the suggested rules in it'),
  rules: z
    .array(
      z.object({
        name: z.string(),
        services: names,
        connections,
        atLeast,
        clients: count,
        servers: count,
        firstSeenAt: instant,
        lastSeenAt: instant,
        reporters: z.object({ count, names }).describe('hosts that reported any of it; the first 100'),
        ends: z
          .enum(['both', 'some', 'one'])
          .optional()
          .describe(
            'how many of its pairs of two managed hosts both ends reported: all, some, none; absent where it has no such pairs',
          ),
        oneSided: z
          .object({
            count,
            pairs: z
              .array(z.object({ client: z.string(), server: z.string(), service: z.string(), ...oneEnd.shape }))
              .readonly(),
          })
          .describe('pairs that rest on what one end says; the first 100'),
      }),
    )
    .readonly(),
  left: count.describe('flows that no rule is proposed for; the YAML says why'),
  coveredFlows: count.describe('flows that the rules there are allow already'),
  skippedFlows,
  unknown: names.describe('what the selector of exclude asks for and no workload has'),
});

// Fleet

const protection = z
  .enum(protections)
  .describe(
    'what the host is known to enforce: in-force: the newest revision that concerns it; behind: an older one; none: no policy; open: none, by panic at its console; unknown: its agent is away, or has not said yet',
  );
const mode = z.enum(['off', 'observe', 'selective', 'enforce']);

export const agent = z.object({
  host: z.string(),
  state: z.enum(['connected', 'offline', 'never-connected']).describe('of its agent; connected is not protected'),
  protection,
  modes: z
    .object({ inbound: mode, outbound: mode })
    .optional()
    .describe('what is in force at the host itself; absent where nothing is, or that is not known'),
  agentVersion: z.string(),
  addresses: names,
  virtualAddresses: z
    .array(z.object({ address: z.string(), workload: z.string() }))
    .readonly()
    .describe('those of virtual workloads that it holds too'),
  allowedAddresses: names.optional().describe('ranges that it may claim; absent where it was given none'),
  seenFrom: z
    .object({ address: z.string(), shared: z.enum(['yes', 'no']) })
    .optional()
    .describe('the address it was last seen talking from; shared where several hosts talk from it'),
  pendingClaims: z
    .object({ count, claims: z.array(z.object({ address: z.string(), reason: z.string() })).readonly() })
    .describe('addresses that it claims and does not hold, and why; the first 32'),
  enrolledAt: instant,
  lastConnectedAt: instant.optional(),
  goneSince: instant
    .optional()
    .describe('when its stream ended; absent while it has one, and where that was before the control plane started'),
  turnedAway: z
    .object({ at: instant, reason: z.string() })
    .optional()
    .describe('why the control plane did not let it in, the last time since it was connected'),
  recentConnects: count.describe(
    'streams that its agent opened within the last ten minutes: one that crashes comes back',
  ),
  sent: count.describe('the newest revision sent to it on this connection, 0 for none'),
  acked: count,
  ahead: count
    .optional()
    .describe('a revision it says it holds and this store does not know; it is sent the newest as a whole'),
  refusedFlows: z
    .object({ workload: count, address: count, time: count })
    .describe(
      'flow records that did not count since the start: of another workload, of an address it does not hold, too old',
    ),
  prunedFlows: count.describe(
    'stored flow rows of it that went before their age since the start: it had more than its share of the room',
  ),
  skippedEntries: count.describe(
    'audit entries that it caused beyond 30 of a kind in an hour, since the start; the audit log has their number (entries-skipped)',
  ),
  cut: count.describe(
    'how much of its last host report was beyond its bounds and left out; see docs/reference/wire-bounds.md',
  ),
  nack: z.object({ revision: count, reason: z.string() }).optional(),
  enforcing: z.enum(['yes', 'no']).optional(),
  lost: count,
  spooledBatches: count,
  repairs: count.describe('how often its agent put the table back since it started'),
  certificateEndsAt: instant.optional().describe('of the newest certificate that is known of it'),
  clockAheadSeconds: z
    .number()
    .optional()
    .describe('how far its clock is ahead of the control plane’s, negative where it is behind; while it is connected'),
  problem: z.string(),
  warnings: names.describe(
    'what on the host may keep its rules from holding: rules of others that override them, frames nobody shows',
  ),
  panic: z
    .object({ since: instant, reason: z.string() })
    .optional()
    .describe('the host is open because someone at its console said so; what it acknowledges is kept, not enforced'),
});

const cidrs = z.array(z.string().min(1).max(64)).min(1).max(256).describe('addresses and CIDRs, as in 10.0.0.0/24');

export const allowAddressesRequest = z.discriminatedUnion('change', [
  z.object({ change: z.enum(['add', 'replace']), addresses: cidrs }),
  z.object({ change: z.literal('clear') }),
]);
export const allowAddressesAnswer = z.object({ revision: count, host: z.string(), addresses: names });

export const workload = z.object({
  name: z.string(),
  kind: z.enum(['host', 'unit', 'container', 'external', 'virtual']),
  host: z.string().optional(),
  unit: z.string().optional().describe("of a unit: systemd's name of it"),
  addresses: names,
  conflicting: names.describe('addresses that it claims and does not hold'),
  holders: z.string().optional().describe('of a virtual workload: the selector of hosts that may hold its addresses'),
  heldBy: names.optional().describe('of a virtual workload: hosts that hold some of its addresses now'),
  labels,
  facts: labels,
  segments: names,
  inbound: mode.optional().describe('what its host was told; see protection'),
  outbound: mode.optional(),
  protection: protection.optional().describe("its host's, where it has one and judges this workload"),
  notJudged: z
    .string()
    .optional()
    .describe('of a unit: why its host does not judge it as this workload, whatever the modes say'),
  quarantine: z.object({ allow: names }).optional().describe('its own'),
  quarantinedBy: z
    .string()
    .optional()
    .describe(
      'the workload whose quarantine holds for it: itself, or its host; a host that is revoked counts as quarantined',
    ),
});

export const protectionQuery = z.object({
  host: z
    .union([askedName, z.array(askedName).max(1000)])
    .optional()
    .describe('again for each host; none: each enrolled one'),
  waitMs: z.coerce.number().int().min(0).max(30_000).default(0),
});
export const protectionAnswer = z.object({
  'in-force': names,
  behind: names,
  none: names,
  open: names,
  unknown: names,
  unenrolled: names.describe('names asked for that no enrolled host has'),
});

export const labelRequest = z.object({
  set: labelsToSet.default({}),
  remove: z.array(labelKey).max(64).default([]),
});
export const labelCheckRequest = z.object({
  labels: labelsToSet,
  workload: z
    .string()
    .min(1)
    .max(128)
    .optional()
    .describe('whose labels they are to be: its other labels count as well'),
});
export const labelCheckAnswer = z.object({
  warnings: names.describe('keys and values that no policy selects by, and no other workload has'),
  segments: z
    .array(z.object({ segment: z.string(), inbound: mode, outbound: mode }))
    .readonly()
    .describe('of the active policy, that have such a workload for a member'),
  enforced: z
    .boolean()
    .describe('whether something is denied at the workload now, or would be at one with these labels'),
});
export const labelAnswer = z.object({ revision: count, workload: z.string(), labels });

export const quarantineRequest = z.object({ allow: z.array(z.string().min(1).max(4096)).max(256).default([]) });
const cutOff = z
  .object({ count, addresses: names })
  .describe(
    'addresses that all other hosts cut off (after a release: cut off until now), the first 32; none for a unit, which shares its host’s',
  );
export const quarantineAnswer = z.object({
  revision: count,
  workload: z.string(),
  host: z.string().describe('the host that it is on'),
  state: z.enum(['quarantined', 'released']),
  quarantinedBy: z
    .string()
    .optional()
    .describe(
      'what holds for it now: its own quarantine, or that or the revocation of its host, which a release does not end',
    ),
  cutOff,
  named: z
    .array(
      z.object({
        name: z.string(),
        kind: z.enum(['host', 'unit', 'container', 'external', 'virtual']),
        host: z.string().optional(),
        unit: z.string().optional(),
        count,
        addresses: names,
      }),
    )
    .describe(
      'peers that were given by name, with what they stand for now; a host chooses how its units and containers are called',
    ),
});
export const revokeAnswer = z.object({ host: z.string(), revision: count, cutOff });
/** `names` are the first ten, in order. */
const someOf = (what: string) => z.object({ count, names }).describe(what);

/** The most hosts of one removal, and of its answer. */
export const mostRemoved = 1000;
export const removeOfflineRequest = z.object({
  offlineForMs: z
    .number()
    .int()
    .min(60_000)
    .max(10 * 366 * 86_400_000)
    .describe('without a stream for as long, in time that the control plane was up'),
  selector: z.string().min(1).max(4096).optional().describe('over the labels of hosts'),
  hosts: z.array(askedName).max(mostRemoved).optional().describe('of these alone: what was shown'),
  mode: z.enum(['preview', 'remove']).default('preview'),
});
export const removeOfflineAnswer = z.object({
  mode: z.enum(['preview', 'remove']),
  count: count.describe('preview: how many would go; remove: how many went'),
  hosts: z
    .array(
      z.object({
        host: z.string(),
        offlineMs: count,
        lastConnectedAt: instant.optional(),
        workloads: count.describe('units and containers that go with it'),
        tests: someOf('PolicyTests that name it, or what is inside of it'),
        rules: someOf('SEGMENT/RULE and guardrails with an address of its own as a peer'),
        quarantines: someOf('workloads whose quarantine lets it in by name'),
      }),
    )
    .describe(`the first ${mostRemoved}, by name`),
  kept: someOf(
    'hosts that are offline for so long and stay, since they, or what is inside of them, are quarantined or revoked: removing one lets it in again',
  ),
  connected: count.describe('hosts that are connected'),
});
export const removeAnswer = z.object({
  host: z.string(),
  was: z
    .enum(['contained', 'free'])
    .describe('contained: it, or what is inside of it, was quarantined or revoked, and is cut off by nobody now'),
});
const evidence = z.object({ name: z.string(), standing: z.enum(['proven', 'witnessed', 'said']), hosts: count });
const someShown = (what: string) => z.object({ count, names, evidence: z.array(evidence).readonly() }).describe(what);

export const status = z.object({
  version: z.string().describe('of the control plane'),
  revision: count.describe('the newest'),
  policy: z
    .object({ id: count, revision: count, segments: count, rules: count, problem: z.string() })
    .describe('the active one; `problem` says why it is not sent to hosts, and is empty where it is'),
  agents: z.object({
    enrolled: count.describe('hosts that are enrolled'),
    connected: count.describe('agents with a live stream'),
    behind: count.describe('connected, and have not acknowledged what was sent'),
    refusing: count.describe('connected, and refused a revision'),
    protection: z
      .object({ 'in-force': count, behind: count, none: count, open: count, unknown: count })
      .describe('enrolled hosts by what they are known to enforce'),
    unprotected: someOf('hosts at which the newest policy is not known to be in force'),
    open: names.describe('hosts that someone opened at their console, as far as they are connected'),
    tampered: names.describe('hosts whose table someone else changed since their agent started'),
    shared: someOf('hosts whose identity a second agent tries to use; it is kept out'),
  }),
  certificates: z.object({
    ending: z
      .array(z.enum(['ca', 'server']))
      .readonly()
      .describe("the control plane's own that end within ten days, or have ended"),
    hosts: someOf('hosts whose certificate ends within ten days, or has ended'),
  }),
  rotation: z
    .object({
      hosts: count.describe('enrolled, and not revoked'),
      trusting: count.describe('hosts that trust the next CA'),
      moved: count.describe('… and that use a certificate of it'),
      left: someOf('hosts that do not'),
    })
    .optional()
    .describe('the CA is being replaced by another; see /ca'),
  quarantined: someOf('workloads that an operator quarantined; not what is inside of a host that is'),
  revoked: someOf('hosts whose certificates are revoked: all others cut them off until they are removed'),
  workloads: count.describe('in the inventory'),
  lineage: z.string().describe('of the store: within it revisions are of one history'),
  store: z
    .object({ since: instant, reason: z.string() })
    .optional()
    .describe(
      'the store takes nothing since then: nothing that an operator changes can be kept; hosts keep what they have',
    ),
  disk: z
    .object({ freeBytes: count, leastBytes: count, room: z.enum(['enough', 'low']) })
    .optional()
    .describe(
      'where the data directory is; `low` with less than `leastFreeMegabytes`, or where no file can be made; absent where the system does not tell',
    ),
  hold: z
    .object({
      kind: z.enum(['restored', 'put-back', 'behind']),
      since: instant,
      revision: count.describe("the store's when it began"),
      why: z.string(),
      ahead: someOf('hosts that were told more than the store knows'),
      unknown: z
        .object({ count, names, isCut: z.boolean().describe('there are more than are kept') })
        .describe('hosts with a certificate of this CA that the store does not know of'),
      cutOffSince: someShown(
        'what was cut off by what the store lacks, and it has neither quarantined nor revoked: proven by what a control plane signed, or witnessed by that many hosts; an apply or resume is refused meanwhile',
      ),
      cutOffSaid: someShown('as those, but said by one host alone, or of workloads that the store does not know'),
    })
    .optional()
    .describe('the store is older than what agents were told: they keep what they have until an operator resumes'),
  canary: z
    .object({ policy: count, revision: count, hosts: someOf('that enforce it') })
    .optional()
    .describe('a policy that some hosts enforce before the others'),
  conflicts: z
    .array(z.object({ address: z.string(), holder: z.string(), claimants: names }))
    .readonly()
    .describe('addresses that more than one claims: the holder has it, the claims of the others are pending'),
  claims: z.object({ pending: count, hosts: someOf('hosts with pending claims') }),
  unread: someOf(
    'stored rows of hosts, labels, quarantines and tokens that could not be read whole at the start; what is missing was left out, and grants nothing',
  ),
  lostFlows: z
    .object({
      overruns: count,
      records: count,
      spooled: count,
      deniedInbound: count.describe('denied packets that the kernels of hosts had no room to tell apart'),
      deniedOutbound: count,
      pruned: count,
    })
    .describe('9007199254740991 is so many or more'),
  skippedEntries: count.describe(
    'audit entries that hosts caused beyond 30 of a kind in an hour each, since the start',
  ),
  skippedFlows,
});

// Tokens

export const tokenRequest = z.object({
  labels: labelsToSet.default({}),
  uses: z.number().int().min(1).max(1_000_000).default(1),
  ttlSeconds: z
    .number()
    .int()
    .min(1)
    .max(365 * 86_400)
    .default(3600),
  addresses: cidrs.optional().describe('ranges of addresses that hosts which join with it may claim'),
  ephemeralMinutes: z
    .number()
    .int()
    .min(5)
    .max(43_200)
    .optional()
    .describe('a host that joined with it and is silent for so long is removed'),
  renews: z
    .string()
    .min(1)
    .max(63)
    .optional()
    .describe(
      'an enrolled host: it is given a new identity by this token and keeps name, labels and ranges; used once, for no other host',
    ),
});
export const tokenAnswer = z.object({
  token: z.string(),
  id: z.string(),
  expiresAt: instant,
  enrol: z
    .object({ controlPlane: z.string(), caFingerprint: z.string() })
    .describe('what a host enrols with beside the token: HOST:PORT as the control plane knows itself, and its CA'),
});
export const joinToken = z.object({
  id: z.string(),
  labels,
  uses: count,
  spent: count,
  createdAt: instant,
  createdBy: z.string(),
  expiresAt: instant,
  addresses: names.optional(),
  ephemeralMinutes: count.optional(),
  renews: z.string().optional().describe('the host whose identity it renews'),
  state: z.enum(['open', 'spent', 'expired', 'revoked']),
});

// Flows

export const flowQuery = z.object({
  since: z.coerce.number().int().nonnegative().default(0).describe('milliseconds since 1970: last seen at or after'),
  from: askedName.optional().describe("the client's workload or address"),
  to: askedName.optional().describe("the server's workload or address"),
  verdict: z.enum(['allow', 'deny', 'would-deny']).optional(),
  segment: name.optional(),
  unit: z.string().max(256).optional().describe('the systemd unit of the end that reported it'),
  ...pageFields,
});

const flowEnd = z.object({ workload: z.string().optional(), address: z.string() });

export const flow = z.object({
  firstSeenAt: instant,
  lastSeenAt: instant,
  from: flowEnd,
  to: flowEnd,
  service: z.string(),
  protocol: count,
  port: count,
  direction: z.enum(['inbound', 'outbound']).describe('of the end that reported it'),
  host: z.string().describe('the host that reported it'),
  verdict: z.string(),
  reason: z.string(),
  segment: z.string().optional(),
  combination: z.string().optional(),
  rule: z.string().optional(),
  guardrail: z.string().optional(),
  essential: z.string().optional(),
  quarantine: z.string().optional(),
  unit: z.string().optional(),
  process: z.string().optional(),
  revision: count,
  connections,
  packetsOriginal: count,
  packetsReply: count,
  bytesOriginal: count,
  bytesReply: count,
  atLeast,
  answered: z.enum(['yes', 'no']),
  ...evidenceFields,
});

export const coverageQuery = z.object({ since: z.coerce.number().int().nonnegative().default(0) });
export const coverage = z.object({
  rules: z
    .array(z.object({ segment: z.string(), rule: z.string(), connections, atLeast, lastSeenAt: instant.optional() }))
    .readonly(),
  wouldDeny: z.array(z.object({ segment: z.string(), direction: z.string(), connections, atLeast })).readonly(),
  denied: z
    .array(z.object({ reason: z.string(), name: z.string(), direction: z.string(), connections, atLeast }))
    .readonly(),
  skippedFlows,
});

export type ApiProblem = z.output<typeof problem>;
export type ApiTestFailure = z.output<typeof testFailure>;
export type CanaryView = z.output<typeof canaryView>;
export type ApplyAnswer = z.output<typeof applyAnswer>;
export type Progress = z.output<typeof progress>;
export type PlanAnswer = z.output<typeof planAnswer>;
export type PlannedFlow = z.output<typeof plannedFlow>;
export type SuggestAnswer = z.output<typeof suggestAnswer>;
export type PolicyHistory = z.output<typeof policyHistory>;
export type ActivePolicyAnswer = z.output<typeof activePolicyAnswer>;
export type Agent = z.output<typeof agent>;
export type WorkloadView = z.output<typeof workload>;
export type AllowAddressesAnswer = z.output<typeof allowAddressesAnswer>;
export type LabelAnswer = z.output<typeof labelAnswer>;
export type QuarantineAnswer = z.output<typeof quarantineAnswer>;
export type RevokeAnswer = z.output<typeof revokeAnswer>;
export type RemoveAnswer = z.output<typeof removeAnswer>;
export type RemoveOfflineAnswer = z.output<typeof removeOfflineAnswer>;
export type ProtectionAnswer = z.output<typeof protectionAnswer>;
export type Status = z.output<typeof status>;
export type LabelCheckAnswer = z.output<typeof labelCheckAnswer>;
export type ResumeAnswer = z.output<typeof resumeAnswer>;
export type TokenAnswer = z.output<typeof tokenAnswer>;
export type JoinTokenView = z.output<typeof joinToken>;
export type FlowView = z.output<typeof flow>;
export type Coverage = z.output<typeof coverage>;
