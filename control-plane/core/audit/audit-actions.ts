// Every action that the audit log knows, and what it tells: docs/reference/audit.md shows this table, and nothing else can be written.

export interface AuditActionMeaning {
  /** Whose word the entry is, as its `actor` says. */
  readonly by: 'operator' | 'agent' | 'control-plane';
  readonly tells: string;
}

const operator = 'operator';
const agent = 'agent';
const controlPlane = 'control-plane';

export const auditActions = {
  'policy-applied': {
    by: operator,
    tells: 'a policy became the active one; the first is the empty one of the first start',
  },
  'policy-rolled-back': { by: operator, tells: 'an earlier policy became the active one again' },
  'policy-saved': { by: operator, tells: 'the files of a policy were stored, before they became active' },
  'draft-saved': { by: operator, tells: 'the files of a policy were stored, without effect' },
  'draft-deleted': { by: operator, tells: 'the files of a draft were deleted' },
  'canary-started': { by: operator, tells: 'some hosts try a policy' },
  'canary-failed': { by: controlPlane, tells: 'they are under the active one again, and why' },
  'labels-changed': { by: operator, tells: 'labels of a workload' },
  quarantined: { by: operator, tells: 'a workload was quarantined, with the peers it keeps' },
  'quarantine-released': { by: operator, tells: 'its quarantine ended' },
  'addresses-allowed': { by: operator, tells: 'the ranges that a host may claim addresses in' },
  'ca-rotation-began': { by: operator, tells: 'the next CA was made, and hosts are told of it' },
  'ca-retired': {
    by: operator,
    tells: 'the next CA took its place: certificates of the old one hold no more, and which hosts are lost by it',
  },
  'control-planes-announced': {
    by: operator,
    tells: 'hosts are told at which addresses their control plane is from now on',
  },
  'announcement-withdrawn': { by: operator, tells: 'they are told so no more; who has followed it stays there' },
  'hold-ended': { by: operator, tells: 'agents are sent policy again, in a new lineage of the store' },
  'agent-revoked': { by: operator, tells: "a host's enrolment was revoked, with the serials that held" },
  'agent-removed': { by: operator, tells: 'a host was revoked and forgotten' },
  'token-created': { by: operator, tells: 'a join token, without its text' },
  'token-revoked': { by: operator, tells: 'a join token was made useless' },
  'operator-created': { by: operator, tells: 'a token of an operator, without its text' },
  'operator-rotated': { by: operator, tells: 'it was replaced' },
  'operator-revoked': { by: operator, tells: 'tokens of an operator were ended' },
  'audit-pruned': { by: operator, tells: 'entries up to a checkpoint were dropped' },
  'identity-renewed': {
    by: agent,
    tells: 'a host was given a new identity under its name: by which token, shown by its key or by a token made for it',
  },
  'host-enrolled': { by: agent, tells: 'a join token was spent, by which host, under which enrolment' },
  'certificate-issued': { by: agent, tells: 'at an enrolment or a renewal' },
  'agent-connected': { by: agent, tells: 'a policy stream began: from where, with which certificate and version' },
  'agent-disconnected': { by: agent, tells: 'it ended, and how long it was there' },
  'announcement-followed': {
    by: agent,
    tells: 'a host goes to a control plane that was announced, which would serve it',
  },
  'facts-changed': { by: agent, tells: 'what a host says of itself: before and after' },
  'revision-refused': { by: agent, tells: 'a host could not enforce a revision, and why' },
  'table-tampered': { by: agent, tells: "somebody else changed the host's table, and it was put back" },
  opened: { by: agent, tells: '`segwall-agent panic` on the host' },
  resumed: { by: agent, tells: '`segwall-agent resume` on the host' },
  'essentials-changed': { by: agent, tells: "the host's own list of what always passes is another" },
  'claims-granted': { by: controlPlane, tells: 'addresses are a host’s from now on' },
  'claims-withdrawn': { by: controlPlane, tells: 'addresses are a host’s no more' },
  'address-claims-pending': { by: controlPlane, tells: 'claims of a host that are not believed, and why' },
  'address-claims-settled': { by: controlPlane, tells: 'none of them is left' },
  'address-passed': {
    by: controlPlane,
    tells: 'an address passed from a host that was away to one that talks from it',
  },
  'address-lease-ended': { by: controlPlane, tells: 'a host that is away lost its addresses' },
  'identity-shared': { by: controlPlane, tells: 'a second agent has the identity of a connected one, and is kept out' },
  'agent-refused': { by: controlPlane, tells: 'a certificate held, and its host was not admitted' },
  'certificate-renewed-late': {
    by: controlPlane,
    tells: 'a host proved the key of a certificate that had expired, and was given a new one',
  },
  'certificate-ending': {
    by: controlPlane,
    tells: 'a certificate ends within ten days: a host’s that does not renew it, or one of the control plane’s own',
  },
  'certificate-refused': {
    by: controlPlane,
    tells: 'a certificate of ours that does not hold: revoked, renewed, of an earlier enrolment',
  },
  'connection-refused': { by: controlPlane, tells: 'connections to the port of agents that found no place' },
  'enrolment-refused': { by: controlPlane, tells: 'who was refused when enrolling, and why' },
  'api-call-refused': { by: controlPlane, tells: 'calls of the operator API without a token that holds' },
  'flows-refused': { by: controlPlane, tells: 'flow records that are not their sender’s own' },
  'entries-skipped': { by: controlPlane, tells: 'how many more entries a host caused than are written of one' },
  'revision-recovered': { by: controlPlane, tells: 'the store held a revision beyond all bounds' },
  'hold-began': {
    by: controlPlane,
    tells: 'the store is older than what agents were told: they keep what they have until an operator resumes',
  },
  'names-yielded': {
    by: controlPlane,
    tells:
      'discovered units and containers of a host gave their names to a policy or to a host that enrolled: which is called what now',
  },
  'ephemeral-removed': {
    by: controlPlane,
    tells: 'a host that joined with an ephemeral token was silent for its time, and was revoked and forgotten',
  },
  'audit-lost': { by: controlPlane, tells: 'how many entries a full disk did not take' },
  'audit-key-made': { by: controlPlane, tells: 'the key that signs the log from now on' },
  'audit-lineage-began': {
    by: controlPlane,
    tells: 'the store is another than was signed last: put back from a copy, cut off or changed',
  },
} as const satisfies Readonly<Record<string, AuditActionMeaning>>;

export type AuditAction = keyof typeof auditActions;
