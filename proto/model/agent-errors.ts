// Every error of `segwall-agent`. The remedy and the exit code are what its commands print and end with, unless one says more for its case.

import type { ErrorCatalogue } from './error-entry.ts';

export const agentErrors = {
  'agent-not-answering': {
    happened: 'The agent did not put its rules back within the time that was waited.',
    remedy: 'The host is still open. See its log, or restart it: systemctl restart segwall-agent.',
    exit: 1,
  },
  'agent-not-running': {
    happened: 'No agent answers on the state directory; what is shown is what the disk knows.',
    remedy: 'Start it: systemctl start segwall-agent. Rules that were in the kernel are still there.',
    exit: 3,
  },
  'agent-running': {
    happened: 'An agent runs on the state directory, and would undo what was asked for.',
    remedy: 'Stop it first, then open the host.',
    exit: 1,
  },
  'already-enrolled': {
    happened: 'The state directory holds the identity of an enrolled host.',
    remedy: 'Keep it; for a new one say --renew-identity.',
    exit: 3,
  },
  'ca-mismatch': {
    happened: 'Whoever answers shows another CA than the one that was named.',
    remedy:
      'Compare the fingerprint with what the control plane printed at its start; if they differ, someone stands between, or it is another one.',
    exit: 3,
  },
  'cannot-write': {
    happened: 'Standard output could not be written, as on a full disk.',
    remedy: 'Make room where it goes, and run the command again.',
    exit: 2,
  },
  'clock-skew': {
    happened: 'The clocks of this host and of the control plane differ by more than is allowed.',
    remedy: 'Set the clock (timedatectl, chrony) and try again; the token is not spent.',
    exit: 3,
  },
  'control-plane-invalid': {
    happened: 'The address of the control plane is not of the form HOST:PORT, or ADDRESS:PORT for render.',
    remedy: 'Give the address that the host resolves it to, as in 10.0.0.1:7443 or [fd00::1]:7443.',
    exit: 2,
  },
  'control-plane-unreachable': {
    happened: 'Nobody answered at any of the addresses.',
    remedy: 'See that the control plane runs, that its name and port are right, and what firewalls lie between.',
    exit: 3,
  },
  'csr-invalid': {
    happened: 'The control plane refused the certificate request.',
    remedy: 'Agent and control plane may be of different versions: bring them to one.',
    exit: 3,
  },
  'enrolment-failed': {
    happened: 'The control plane failed at the enrolment.',
    remedy: 'See its log; try again, with a new token if this one turns out spent.',
    exit: 3,
  },
  'fingerprint-invalid': {
    happened: 'The fingerprint of the CA is not a SHA-256 in hex.',
    remedy: 'Copy it whole from what the control plane printed at its start.',
    exit: 2,
  },
  'identity-damaged': {
    happened: 'The identity on disk cannot be read, or its parts do not belong together.',
    remedy:
      'Put the state directory back from a backup, or enrol the host with a token made by: segwall tokens create --renews NAME.',
    exit: 3,
  },
  'last-good-not-forgotten': {
    happened: 'The host is open, and a boot or a start of the agent would load its last revision again.',
    remedy: 'Make it writable and open the host again, or: systemctl disable segwall-agent segwall-agent-restore.',
    exit: 1,
  },
  'last-good-not-restored': {
    happened: 'The last good revision on disk could not be loaded into the kernel.',
    remedy: 'The host is as open as its other rules leave it until the agent reaches the control plane.',
    exit: 1,
  },
  'mark-mask-too-small': {
    happened: 'The rule set needs more bits of the connection mark than the settings give.',
    remedy: 'Give connections.markMask more bits.',
    exit: 1,
  },
  'name-invalid': {
    happened: 'The name that the host would be enrolled by is none.',
    remedy: 'Allowed are 1 to 63 of a-z, 0-9 and "-", not at either end; choose one with --name.',
    exit: 2,
  },
  'name-taken': {
    happened: 'Another host is enrolled by this name.',
    remedy:
      'Choose another with --name; if it is this host, enrol with --renew-identity, or a token made with --renews.',
    exit: 3,
  },
  'no-state-directory': {
    happened: 'The state directory is not there.',
    remedy:
      'Name the state directory of this host’s agent with --state; a host that has none is enrolled first (segwall-agent enroll).',
    exit: 2,
  },
  'not-a-control-plane': {
    happened: 'What answers at the address is no control plane, or not its port for agents.',
    remedy: 'Name the port where agents connect, which the control plane printed at its start.',
    exit: 3,
  },
  'not-allowed': {
    happened: 'The system does not let this user do it.',
    remedy: 'Run this as root, on the host itself.',
    exit: 3,
  },
  'not-confirmed': {
    happened: 'It would open the host, and nobody said that this is meant.',
    remedy: 'Say --yes if that is what you want.',
    exit: 2,
  },
  'not-enrolled': {
    happened: 'The state directory holds no identity.',
    remedy: 'Enrol the host first: segwall-agent enroll.',
    exit: 3,
  },
  'panic-not-ended': {
    happened: 'The flag that keeps the host open cannot be removed.',
    remedy: 'Make the disk writable and try again; until then the host stays open.',
    exit: 3,
  },
  'panic-not-kept': {
    happened: 'The host is open, and nothing could be written that keeps an agent from putting its rules back.',
    remedy: 'Stop the agent now: systemctl stop segwall-agent.',
    exit: 1,
  },
  'proxy-invalid': {
    happened: 'The address of the proxy is not HOST:PORT.',
    remedy: 'Write it as in proxy.example:3128, without http://.',
    exit: 2,
  },
  'resume-undone': {
    happened: 'The agent put its rules back, and opened the host again.',
    remedy: 'Correct the policy (segwall agents shows this host as open), then resume again.',
    exit: 1,
  },
  'rule-set-missing': {
    happened: 'The file of the rule set cannot be read.',
    remedy: 'Name a file that holds a rule set, or - for standard input.',
    exit: 2,
  },
  'rule-set-unreadable': {
    happened: 'What was given is no rule set.',
    remedy: 'Make it with "segwall policy render"; both must be of one version.',
    exit: 1,
  },
  'rules-not-kept': {
    happened: 'The rules in force hold until the next reboot, and not after it.',
    remedy:
      'To keep them, install segwall-agent again and see what segwall-agent status says; to open the host now, purge it.',
    exit: 1,
  },
  'settings-invalid': {
    happened: 'A setting of agent.yaml or a drop-in is wrong.',
    remedy:
      'Correct what is named and start again (segwall-agent settings tries it); the rules in the kernel stay as they are.',
    exit: [1, 2],
  },
  'state-in-use': {
    happened: 'Another agent works on the state directory.',
    remedy: 'One agent runs on a state directory; stop the other, or name another directory.',
    exit: 3,
  },
  'state-unwritable': {
    happened: 'The state directory cannot be written.',
    remedy: 'Make it writable, or name another with --state.',
    exit: 3,
  },
  'table-not-removed': {
    happened: 'The table was not removed by nft: the rules are still in the kernel.',
    remedy: 'Run this as root, on the host itself.',
    exit: 3,
  },
  'timeout-invalid': {
    happened: '--timeout is no duration within bounds.',
    remedy: 'Write a number and a unit, as in 30s or 5m.',
    exit: 2,
  },
  'token-expired': {
    happened: 'The join token has expired.',
    remedy: 'Make another: segwall tokens create --ttl DURATION.',
    exit: 3,
  },
  'token-malformed': {
    happened: 'What was given is no join token.',
    remedy: 'Copy it whole, as segwall tokens create printed it.',
    exit: 2,
  },
  'token-missing': {
    happened: 'Nothing says what to join with.',
    remedy: 'Give --token-file FILE, - for standard input, or the credential segwall-join-token.',
    exit: 2,
  },
  'token-spent': {
    happened: 'The join token has no uses left.',
    remedy: 'Make another: segwall tokens create --uses N.',
    exit: 3,
  },
  'token-twice': {
    happened: '--token and --token-file both say what to join with.',
    remedy: 'Give one of them.',
    exit: 2,
  },
  'token-unknown': {
    happened: 'The control plane does not know the join token.',
    remedy: 'See that it was copied whole, or make another: segwall tokens create.',
    exit: 3,
  },
  'token-unreadable': {
    happened: 'The file of the join token cannot be read, or holds no token.',
    remedy: 'Name a file that holds the token alone.',
    exit: 2,
  },
} as const satisfies ErrorCatalogue;

export type AgentErrorCode = keyof typeof agentErrors;
