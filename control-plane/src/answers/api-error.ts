// Every way in which the operator API says no: a code that programs match on, a sentence for people, and the HTTP status. docs/reference/errors.md and
// `segwall errors` show what each means.

interface ApiErrorEntry {
  readonly status: number;
  /** In sentences, as of the programs’ own errors (proto/model/error-entry.ts). */
  readonly happened: string;
  readonly remedy: string;
}

export const apiErrors = {
  'bad-request': {
    status: 400,
    happened: 'The input is not of the described shape.',
    remedy: 'The message names the place: correct it.',
  },
  unauthorised: {
    status: 401,
    happened:
      'There is no token, or none that holds; `reason` is `token-expired` or `token-revoked` where it held once, also where it ended while the call was under way: what was not done by then is not done.',
    remedy: 'Use a token that holds: `segwall operators list` says which do.',
  },
  'not-found': {
    status: 404,
    happened: 'There is no such path, host, token, segment, policy or revision.',
    remedy: 'See how it is written; the message has what is near.',
  },
  misdirected: {
    status: 421,
    happened: 'The request’s `Host` is none that this control plane answers for.',
    remedy: 'Name it in the setting `apiNames`, or call the control plane by its own.',
  },
  'too-many-failures': {
    status: 429,
    happened: 'There were too many calls without a token that holds.',
    remedy: 'Wait for `retryAfterSeconds` (`Retry-After`), and use a token that holds.',
  },
  'too-large': {
    status: 413,
    happened: 'The request is beyond the limit.',
    remedy: 'Split the policy or the list.',
  },
  'policy-invalid': {
    status: 422,
    happened: 'The policy has errors; `problems` has them as `segwall policy check` gives them.',
    remedy: 'Correct what is named, by file and line.',
  },
  'policy-tests-failed': {
    status: 422,
    happened: 'PolicyTests do not hold; `failures` has each assertion, and why.',
    remedy: 'Correct the policy, or the test if it asks for the wrong thing.',
  },
  'policy-empty': {
    status: 409,
    happened: 'A policy without any document would replace one with segments or guardrails.',
    remedy: 'Say `empty: allow` (`segwall apply --empty`) if that is meant.',
  },
  'nothing-to-roll-back': {
    status: 409,
    happened: 'The active policy is the first.',
    remedy: 'Apply another instead.',
  },
  held: {
    status: 409,
    happened:
      'The store was put back from a copy: a canary could not be tried, nobody is removed by silence, or what hosts cut off since (`cutOffSince`) would be let in again.',
    remedy: 'Look at what was cut off, then end the hold: `segwall resume`.',
  },
  'not-held': {
    status: 409,
    happened: 'Nothing is held.',
    remedy: 'Nothing is to be done: agents are sent policy as it changes.',
  },
  'not-rotating': {
    status: 409,
    happened: 'The CA is not being replaced.',
    remedy: 'Begin with `segwall ca rotate`.',
  },
  'not-moved': {
    status: 409,
    happened: 'Hosts or tokens of operators would be lost with the present CA.',
    remedy: 'Wait until they have moved (`segwall ca`), or accept the loss: `segwall ca retire --yes`.',
  },
  'revision-changed': {
    status: 409,
    happened:
      'Another policy than that of `expectRevision` is active: `since` has the activations, `files` what differs.',
    remedy: 'Bring your directory up to date and apply it again.',
  },
  overtaken: {
    status: 409,
    happened:
      'While the policy was judged a canary’s came into force, or hosts took names of it, three times in a row.',
    remedy: 'Look at the history, and apply again.',
  },
  'canary-running': {
    status: 409,
    happened: 'There is a canary, and one at a time.',
    remedy: 'Wait for its end, or roll back.',
  },
  'canary-empty': {
    status: 409,
    happened: 'No connected host would try the policy first.',
    remedy: 'Select other workloads, or apply to all.',
  },
  'drafts-full': {
    status: 409,
    happened: 'There are as many drafts as are kept.',
    remedy: 'Delete some: `segwall drafts` lists them.',
  },
  'draft-kept': {
    status: 409,
    happened: 'The policy was active once, or a canary tries it, and is not deleted.',
    remedy: 'Leave it: it is part of the history.',
  },
  'nobody-connected': {
    status: 409,
    happened:
      'Hosts that are offline were to be removed, and no host at all is connected: the control plane may be cut off.',
    remedy: 'See that agents reach it, then ask again.',
  },
  'operator-exists': {
    status: 409,
    happened: 'A token of that name holds.',
    remedy: 'Rotate it, or choose another name.',
  },
  'operator-last': {
    status: 409,
    happened: 'Nobody would have a token that holds.',
    remedy: 'Make another operator first.',
  },
  'checkpoint-unknown': {
    status: 409,
    happened: 'The checkpoint is not of the log that is here, or not signed by its key.',
    remedy: 'Give one of this log: the last line of `segwall audit export`.',
  },
  'audit-too-young': {
    status: 409,
    happened: 'An entry up to the checkpoint is younger than the setting `keepAuditDays` allows to prune.',
    remedy: 'Give an older checkpoint.',
  },
  'addresses-invalid': {
    status: 422,
    happened: 'A range is no address or CIDR, or there are more than 256.',
    remedy: 'Write addresses and CIDRs, as in 10.0.0.0/24.',
  },
  'control-planes-invalid': {
    status: 422,
    happened: 'An address of a control plane is not HOST:PORT, is there twice, or there are more than seven.',
    remedy: 'Write up to seven HOST:PORT.',
  },
  'nothing-announced': {
    status: 409,
    happened: 'No control plane is announced.',
    remedy: 'Nothing is to be done.',
  },
  'peer-invalid': {
    status: 422,
    happened: 'A quarantine’s peer is no address, CIDR, workload or selector.',
    remedy: 'Write one of these.',
  },
  'label-invalid': {
    status: 422,
    happened: 'The label is a fact, which hosts tell themselves, or a word of the selector language.',
    remedy: 'Choose another key.',
  },
  'not-ready': {
    status: 503,
    happened: 'The store does not answer or takes nothing, or the control plane is stopping.',
    remedy: 'Ask again; if it stays, see the control plane’s log and disk.',
  },
  busy: {
    status: 503,
    happened:
      'Other large requests or answers are on their way, or too many plans and suggestions, or changes of policy, or more than 1,024 other changes, 512 of one operator, wait.',
    remedy: 'Send it again after `Retry-After`.',
  },
  'judging-timeout': {
    status: 503,
    happened: 'A plan or suggestion took longer than two minutes, or the check of a policy and its tests did.',
    remedy: 'Ask for a shorter time (`since`), or narrow the tests.',
  },
  'judging-memory': {
    status: 503,
    happened: 'A plan, suggestion or check needs more memory than it may take: half of the machine’s, 4 GB at most.',
    remedy: 'Ask for a shorter time (`since`), or narrow the tests.',
  },
  'store-unwritable': {
    status: 503,
    happened: 'The disk of the data directory is full or fails; nothing was changed.',
    remedy: 'Make room, then ask again.',
  },
  internal: {
    status: 500,
    happened: 'The control plane failed.',
    remedy: 'Its log says why; report it.',
  },
} as const satisfies Readonly<Record<string, ApiErrorEntry>>;

export type ApiErrorCode = keyof typeof apiErrors;

/** Thrown by handlers, answered as `{"error":{"code","message",…details}}`. */
export class ApiError extends Error {
  override readonly name = 'ApiError';
  readonly code: ApiErrorCode;
  readonly details: Readonly<Record<string, unknown>>;

  constructor(code: ApiErrorCode, message: string, details: Readonly<Record<string, unknown>> = {}) {
    super(message);
    this.code = code;
    this.details = details;
  }

  get status(): number {
    return apiErrors[this.code].status;
  }
}
