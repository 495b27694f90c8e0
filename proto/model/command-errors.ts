// Every error of the `segwall` command itself. What the control plane refuses comes by the API's codes (control-plane/src/answers/api-error.ts).

import type { ErrorCatalogue } from './error-entry.ts';

export const commandErrors = {
  'audit-broken': {
    happened: 'The audit log does not hold: an entry, its chain or a signature is not what it must be.',
    remedy: 'Keep what you have exported, and find out who had the store: the guide on the audit log says how.',
    exit: 1,
  },
  'bad-argument': {
    happened: 'A label is neither KEY=VALUE nor KEY-, or is named twice.',
    remedy: 'Name each key once: KEY=VALUE sets it, KEY- takes it away.',
    exit: 2,
  },
  'bad-json': {
    happened: 'A line of the queries is no JSON.',
    remedy: 'Write one JSON object a line; the answer’s line number says which.',
    exit: 1,
  },
  'bad-key': {
    happened: '--key is no public key of an audit log.',
    remedy: 'Give what segwall audit key prints: 64 hex digits.',
    exit: 2,
  },
  'bad-option': {
    happened: 'The value of an option is not allowed, or options exclude each other.',
    remedy: 'The message says what is allowed.',
    exit: 2,
  },
  'bad-query': {
    happened: 'A query lacks a field, or has one that is wrong.',
    remedy: 'Write it as segwall policy eval --help shows.',
    exit: 1,
  },
  'bad-server': {
    happened: 'The control plane is not named by a URL.',
    remedy: 'Write http://ADDRESS:PORT or https://ADDRESS:PORT.',
    exit: 2,
  },
  'bad-service': {
    happened: 'The service is not one.',
    remedy: 'Write PROTO/PORT as in tcp/443, icmp/TYPE, icmpv6/TYPE or proto/NUMBER.',
    exit: 2,
  },
  'bad-token': {
    happened: 'The operator’s token is cut short, or has characters that no token has.',
    remedy: 'Use it as it was given out.',
    exit: 2,
  },
  'ca-mismatch': {
    happened: 'Whoever answers shows another CA than the one that the token names.',
    remedy: 'See that --server is the control plane that gave the token out; if it is, someone stands between.',
    exit: 3,
  },
  'cannot-read': {
    happened: 'A file or folder cannot be read.',
    remedy: 'Name one that is there and can be read.',
    exit: 2,
  },
  'cannot-write': {
    happened: 'A file or standard output cannot be written.',
    remedy: 'Make room, or name a file that can be written.',
    exit: 2,
  },
  'checkpoint-unreadable': {
    happened: 'The file holds no checkpoint of an audit log.',
    remedy: 'Name a file of segwall audit export that was written to its end, or its last line alone.',
    exit: 2,
  },
  'clock-skew': {
    happened: 'The control plane’s certificate does not hold by the clock of this machine.',
    remedy: 'Set the clock.',
    exit: 3,
  },
  'control-plane-unreachable': {
    happened: 'Nobody answers TLS at the address of the control plane.',
    remedy: 'See that it runs and that --server is right.',
    exit: 3,
  },
  'export-there': {
    happened: 'The file holds an export that goes on from where it ends, and something else was asked for.',
    remedy: 'Name another file, or leave --since out.',
    exit: 2,
  },
  'export-unreadable': {
    happened: 'The file is no export of an audit log, or cannot be used as one.',
    remedy: 'Name another file.',
    exit: [1, 2],
  },
  'fingerprint-invalid': {
    happened: 'The token does not end in the fingerprint of a CA.',
    remedy: 'Use the token as it was given out.',
    exit: 3,
  },
  'line-too-long': {
    happened: 'A line of the queries is longer than is read.',
    remedy: 'Write one query a line.',
    exit: 1,
  },
  'no-common-family': {
    happened: 'The two ends have no addresses of one family.',
    remedy: 'Give two IPv4 or two IPv6 ends.',
    exit: 2,
  },
  'no-directory': {
    happened: 'No policy directory is named.',
    remedy: 'Name it, as in: segwall apply policy/.',
    exit: 2,
  },
  'no-inventory': {
    happened: 'There is no workload to judge by.',
    remedy: 'Give the inventory with --inventory FILE, or --server URL for a live fleet.',
    exit: 2,
  },
  'no-server': {
    happened: 'No control plane is named.',
    remedy: 'Say --server URL, or set SEGWALL_SERVER.',
    exit: 2,
  },
  'no-token': {
    happened: 'Nothing says as whom.',
    remedy: 'Say --token-file FILE, or set SEGWALL_TOKEN or SEGWALL_TOKEN_FILE.',
    exit: 2,
  },
  'not-a-control-plane': {
    happened: 'What answers at the address is no control plane.',
    remedy: 'Name the API’s address, which the control plane printed at its start.',
    exit: 3,
  },
  'not-http': {
    happened: 'What answers does not speak plain HTTP.',
    remedy: 'If it speaks TLS, say https:// in --server.',
    exit: 3,
  },
  'not-meant': {
    happened: 'It was asked whether this is meant, and nobody said yes; nothing was changed.',
    remedy: 'Answer yes, or say --yes where nobody can be asked.',
    exit: 1,
  },
  redirected: {
    happened:
      'The server wants this asked elsewhere; no control plane does that, and the token goes to no other server.',
    remedy: 'Name the control plane itself with --server.',
    exit: 3,
  },
  refused: {
    happened: 'The server refused without saying why; it may be no control plane.',
    remedy: 'See that --server is the API’s address.',
    exit: [1, 2, 3],
  },
  'render-failed': {
    happened: 'The agent’s program could not render the rule set.',
    remedy: 'See the message; the package segwall-agent of the same version must be here.',
    exit: 1,
  },
  'render-refused': {
    happened: 'The agent’s program refused what it was given.',
    remedy: 'Correct what it says above: its settings, or the address of the control plane.',
    exit: 2,
  },
  'same-page': {
    happened: 'The server leads from a page of a listing to itself; no control plane does that.',
    remedy: 'See that --server is the control plane itself.',
    exit: 3,
  },
  'token-file-unreadable': {
    happened: 'The file of the token cannot be read, or is neither a token nor a first-start.json.',
    remedy: 'Name the file with --token-file.',
    exit: 2,
  },
  'token-in-clear': {
    happened: 'The token would go over the network in clear.',
    remedy:
      'Use https, where the control plane is known by the CA that the token names, or an ssh tunnel to its loopback address.',
    exit: 2,
  },
  'too-many-files': {
    happened: 'The policy directory has more files than are read.',
    remedy: 'Put more documents into a file, or name a folder of policy alone.',
    exit: 2,
  },
  unreachable: {
    happened: 'The control plane cannot be reached.',
    remedy: 'See that it runs, and that --server is its address.',
    exit: 3,
  },
  'unknown-code': {
    happened: 'There is no such error code.',
    remedy: 'segwall errors lists all; codes of policy errors are explained in the reference of policy errors.',
    exit: 2,
  },
  'unknown-host': {
    happened: 'The inventory has no managed workload on the host.',
    remedy: 'Name a host of the inventory.',
    exit: 2,
  },
  'unknown-rule': {
    happened: 'There is no such rule.',
    remedy: 'Name it as SEGMENT/RULE.',
    exit: 2,
  },
  'unknown-workload': {
    happened: 'The end is neither an address nor a workload of the inventory.',
    remedy: 'Name a workload of the inventory, or an address.',
    exit: [1, 2],
  },
  'wrong-use': {
    happened: 'The command line is not one of the command’s; said so with --json alone.',
    remedy: 'See --help.',
    exit: 2,
  },
} as const satisfies ErrorCatalogue;

export type CommandErrorCode = keyof typeof commandErrors;
