// What people and programs write: policy and inventory, selectors, services, ranges, instants, settings, and the options of commands. What
// is taken means the same when it is written again; what is not is an error with a code, never an exception.

import { parseOsRelease } from '#agent/host/host-facts.ts';
import { readJoinToken } from '#agent/link/join-token.ts';
import { CommandFailure } from '#cli/output/failure.ts';
import { parseQueryLine } from '#cli/policy/query-line.ts';
import { lineText, parseLine } from '#cli/server/audit-file.ts';
import { createVerifier, takeLine } from '#cli/server/audit-log.ts';
import { parseLabelEdits, parseLabelList } from '#cli/server/labels.ts';
import { readRanges } from '#control-plane/inventory/allowed-ranges.ts';
import { listenAddressText, parseListenAddress } from '#control-plane/settings/listen-address.ts';
import { checkSettings, readSettings } from '#control-plane/settings/settings.ts';
import { parseAddress } from '#model/address.ts';
import { parseCidr, rangeCidrs } from '#model/address-range.ts';
import { parseSelector } from '#model/parse-selector.ts';
import { oneLine, safeText } from '#model/safe-text.ts';
import { selectorMatches } from '#model/selector.ts';
import { parseServiceTerm, serviceTermText } from '#model/service.ts';
import { isMapping, mergeSettings } from '#model/settings-file.ts';
import { parseSettingsFile } from '#model/settings-text.ts';
import { millis } from '#model/time.ts';
import { checkPolicy } from '#policy/check/check-policy.ts';
import { selectorText } from '#policy/policy/selector-text.ts';
import { windowHolds } from '#policy/policy/time-window.ts';
import { parseInstant } from '#policy/read/time.ts';
import { problemText } from '#policy/source/problem.ts';
import { readBothWays } from '#test/property/both-readings.ts';
import { parseControlPlaneAddress } from '#wire/control-plane-address.ts';
import { usualCost } from '../cost.ts';
import { almost, bytesOf, textOf } from '../mutations.ts';
import { must, same, shown } from '../promises.ts';
import { type FuzzTarget, pureTarget } from '../target.ts';

const now = millis(Date.UTC(2026, 0, 7, 12));

const segment = `---
apiVersion: segwall/v1
kind: Segment
metadata: { name: shop-prod, description: Web shop }
spec:
  selector: app == "shop" && env in {"prod", "stage"} && !has(gone)
  each: [app]
  inbound: enforce
  outbound: selective
  selective: [tcp/22, web]
  onDeny: { inbound: drop, outbound: reject }
  rules:
    - name: web-to-api
      from: [{ workloads: 'role == "web"' }, { cidr: 10.0.0.0/8, except: [10.1.0.0/16] }]
      to:   [{ workloads: 'role == "api"' }]
      services: [tcp/8080, udp/100-200, icmp/8]
      expires: 2027-03-01T00:00:00Z
      when: { days: [mon, tue], from: "08:00", to: "18:00", zone: Europe/Berlin }
    - { name: out, from: [any], to: [{ fqdn: "*.example.com" }, { ipList: office }, { tenant: all() }], services: [any] }
`;
const others = `---
apiVersion: segwall/v1
kind: Service
metadata: { name: web }
spec: { ports: ["tcp/80", "tcp/443"] }
---
apiVersion: segwall/v1
kind: IPList
metadata: { name: office }
spec: { cidrs: [192.0.2.0/24, "2001:db8::/32"], except: [192.0.2.1] }
---
apiVersion: segwall/v1
kind: Guardrail
metadata: { name: dev-prod }
spec:
  mode: enforce
  deny:
    - { from: [{ workloads: 'env == "dev"' }], to: [{ workloads: 'env == "prod"' }], services: [any], reason: SEC-9 }
---
apiVersion: segwall/v1
kind: PolicyTest
metadata: { name: t }
spec:
  tests:
    - { from: web-1, to: { labels: { app: shop } }, service: tcp/8080, expect: allow, via: shop-prod/web-to-api }
    - { from: { ip: 203.0.113.9 }, to: web-1, service: tcp/22, expect: deny }
`;
const inventory = `---
apiVersion: segwall/v1
kind: Workload
metadata: { name: web-1, labels: { app: shop, role: web, env: prod } }
spec: { host: web-1, kind: host, addresses: [10.0.1.5, "fd00::5"], facts: { os: debian } }
---
apiVersion: segwall/v1
kind: Workload
metadata:
  name: unit-1
  labels:
    app: shop
spec:
  host: web-1
  kind: unit
  unit: nginx.service
`;
const json = JSON.stringify({ apiVersion: 'segwall/v1', kind: 'Workload', metadata: { name: 'w' }, spec: {} });
const words = [
  ...[
    '---\n',
    '\n',
    '  ',
    ': ',
    '- ',
    '[',
    ']',
    '{ ',
    ' }',
    ', ',
    '"',
    "'",
    '#',
    '&a ',
    '*a',
    '|\n',
    '>-\n',
    '\t',
    '? ',
    '!!',
    '<<: *a',
  ],
  ...[
    'any',
    'all()',
    'has(',
    ' && ',
    ' || ',
    '!',
    '== "',
    'not in {',
    'tcp/1-65535',
    'icmpv6/',
    'proto/6',
    '0.0.0.0/0',
    '::/0',
  ],
  ...[
    '2027-02-30T00:00:00Z',
    '"24:00"',
    'zone: UTC',
    '__proto__',
    'constructor',
    '\u202e',
    '\ufeff',
    '\u0000',
    'null',
    'true',
    '1e999',
  ],
];

const yamlTarget = pureTarget({
  name: 'yaml',
  what: 'YAML by our quick reader, against the careful one and against the library',
  suiteRuns: 1200,
  cost: { ...usualCost, referencesPerKib: 1 },
  inputs: almost({ corpus: [segment, others, inventory, json].map(bytesOf), words, longest: 16_384 }),
  check(input) {
    const { quick, careful, syntax, isRefused } = readBothWays(textOf(input));
    must(same(quick, careful), () => `quick: ${shown(quick)}\ncareful: ${shown(careful)}`);
    must(syntax?.theirs !== true || isRefused, () => 'an error to the library, and none to us');
    must(syntax?.ours !== true || syntax.theirs, () => 'an error to us, and none to the library');
  },
});

const policyTarget = pureTarget({
  name: 'policy',
  what: 'policy and inventory files, from text to checked policy, time windows included',
  suiteRuns: 1200,
  cost: { ...usualCost, referencesPerKib: 1 },
  inputs: almost({ corpus: [segment, others, inventory, `${segment}${others}`].map(bytesOf), words, longest: 16_384 }),
  check(input) {
    const file = { path: 'p.yaml', text: textOf(input) };
    for (const side of [{ files: [file] }, { files: [], inventoryFiles: [file] }]) {
      const { problems, policy } = checkPolicy({ ...side, now, mode: 'offline' });
      must(
        policy !== undefined || problems.some(({ severity }) => severity === 'error'),
        () => 'no policy, and no error',
      );
      for (const problem of problems) must(/^(p\.yaml|\.):\d+:\d+: /.test(problemText(problem)), () => shown(problem));
      for (const { rules } of policy?.segments.values() ?? [])
        for (const { when } of rules) if (when !== undefined) windowHolds(when, now);
    }
  },
});

const noLabels: ReadonlyMap<string, string> = new Map();

const selectorTarget = pureTarget({
  name: 'selectors',
  what: 'selectors, services, ranges, addresses and instants, each written again as it was read',
  suiteRuns: 12_000,
  cost: usualCost,
  inputs: almost({
    corpus: [
      ...['app == "shop" && env != \'prod\'', '!(a in {"b", "c"} || has(d)) && all()', 'a not in {"x"}'],
      ...['tcp/80', 'udp/100-200', 'icmp/8', 'proto/47', '10.0.0.0/8', '2001:db8::/32', 'fd00::1', '::ffff:1.2.3.4'],
      ...['2027-03-01T00:00:00Z', '2024-02-29t23:59:59.123456789+01:00'],
    ].map(bytesOf),
    words: [...words, '(', ')', '}', '/', '-', ':', '::', '.', 'T', 'Z', '+', '65536', '256', '33', '129'],
    longest: 70_000,
  }),
  check(input) {
    const text = textOf(input);
    const selector = parseSelector(text);
    if (selector.ok) {
      selectorMatches(selector.value, noLabels);
      const again = parseSelector(selectorText(selector.value));
      must(
        again.ok && same(again.value, selector.value),
        () => `${text} is written as ${selectorText(selector.value)}`,
      );
    } else must(selector.error.offset >= 0 && selector.error.offset <= text.length, () => shown(selector.error));
    const service = parseServiceTerm(text);
    if (service.ok) {
      const again = parseServiceTerm(serviceTermText(service.value));
      must(
        again.ok && same(again.value, service.value),
        () => `${text} is written as ${serviceTermText(service.value)}`,
      );
    }
    const address = parseAddress(text);
    if (address.ok) must(same(parseAddress(address.value), address), () => `${text} is read as ${address.value}`);
    const range = parseCidr(text);
    if (range.ok) must(same(rangeCidrs(range.value).map(parseCidr), [range]), () => `${text} is ${shown(range.value)}`);
    const instant = parseInstant(text);
    must(instant === undefined || Number.isSafeInteger(instant), () => `${text} is the instant ${instant}`);
  },
});

const serverSettings = 'data: /var/lib/segwall\nagents: 0.0.0.0:7443\napi: "[::1]:7080"\naddressLeaseDays: 7\n';

const settingsTarget = pureTarget({
  name: 'settings',
  what: 'the settings file of the control plane',
  suiteRuns: 2500,
  cost: { ...usualCost, referencesPerKib: 1 },
  inputs: almost({ corpus: [bytesOf(serverSettings)], words: [...words, 'a: &a [*a]\n'], longest: 16_384 }),
  check(input) {
    const file = parseSettingsFile('control-plane.yaml', textOf(input));
    if (!file.ok || !isMapping(file.value.value)) return;
    const { value, lineOf } = file.value;
    for (const { setting } of checkSettings(value)) must(lineOf([setting]) >= 1, () => setting);
    readSettings({}, mergeSettings([value, value]));
  },
});

/** What a command says of its arguments is a failure with a code. */
function failing(run: () => void): void {
  try {
    run();
  } catch (error) {
    if (!(error instanceof CommandFailure)) throw error;
  }
}

const inventoryOfNone = { workloads: new Map(), resolutions: new Map() };

const optionsTarget = pureTarget({
  name: 'options',
  what: 'options and lines of commands: labels, ranges, addresses and ports, queries of policy eval, os-release',
  suiteRuns: 10_000,
  cost: usualCost,
  inputs: almost({
    corpus: [
      ...['app=shop,env=prod', 'gone-', '10.0.0.0/8', '0.0.0.0:7443', '[fd00::1]:7443', 'cp.example:7443'],
      '{"src":"10.0.0.1","dst":"10.0.0.2","proto":"tcp","port":443,"at":"2027-03-01T00:00:00Z"}',
      'ID=debian\nVERSION_ID="12"\nPRETTY_NAME=\'Debian "12"\'\n',
    ].map(bytesOf),
    words: [...words, '=', ',', '__proto__=x', ':0', ':65536', '"type":8', '"srcWorkload":"a"', '1e400', '-0'],
  }),
  check(input) {
    const text = textOf(input);
    failing(() => parseLabelList(text));
    failing(() => parseLabelEdits(text.split(' ')));
    readRanges(text.split(','));
    const listen = parseListenAddress(text);
    if (listen.ok)
      must(same(parseListenAddress(listenAddressText(listen.value)), listen), () => `${text}: ${shown(listen)}`);
    parseControlPlaneAddress(text);
    parseQueryLine(text, { inventory: inventoryOfNone, at: now });
    parseOsRelease(text);
  },
});

const tokenTarget: FuzzTarget = {
  name: 'join-token',
  what: 'a join token from the command line',
  suiteRuns: 10_000,
  inputs: almost({
    corpus: [bytesOf('segwall-join_AbCdEfGhIjKlMnOpQrStUvWxYz0123456789abcd\n')],
    words: ['\n', ' ', '\u0000', '\u0085'],
  }),
  open: () =>
    Promise.resolve({
      async check(input) {
        const text = textOf(input);
        const token = await readJoinToken({ token: text }, { environment: {}, input: process.stdin });
        if (token.ok) must(/^[\x21-\x7e]{1,4096}$/.test(token.value.reveal()), () => 'a token that none can be');
        else must(!token.error.message.includes(text) || text.length < 20, () => 'the error tells the token');
      },
      close: () => Promise.resolve(),
    }),
};

// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what it looks for
const moves = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069\ufeff]/;

const safeTextTarget = pureTarget({
  name: 'safe-text',
  what: 'text of others on its way to a terminal or a log',
  suiteRuns: 12_000,
  cost: usualCost,
  inputs: almost({
    corpus: ['\u001b]0;title\u0007', '\u009b2J', 'a\r\nlevel=error', '\u202eabc', '😀é', '{"a":"\\u001b"}'].map(
      bytesOf,
    ),
    words: ['\u001b[', '\u009d', '\u0085', '\u2028', '\u200f', '\\u001b', '\n', '\t'],
  }),
  check(input) {
    const text = textOf(input);
    const safe = safeText(text);
    must(!moves.test(safe), () => `${shown(safe)} still moves a terminal`);
    must(safeText(safe) === safe, () => 'made safe twice is not made safe once');
    must(!/[\n\t]/.test(oneLine(text)), () => 'a line of others begins a line');
    const document = JSON.stringify({ text });
    must(same(JSON.parse(safeText(document)), { text }), () => 'a JSON document says something else once it is safe');
  },
});

const zeros = '0'.repeat(64);
const auditLines = [
  {
    seq: 1,
    at: 1_800_000_000_000,
    actor: 'operator/admin',
    action: 'policy-applied',
    target: 'p',
    details: '{"revision":1}',
  },
  {
    checkpoint: {
      log: 'a'.repeat(32),
      seq: 1,
      hash: zeros,
      at: 1_800_000_000_000,
      key: zeros,
      signature: zeros + zeros,
    },
  },
].map((line) => JSON.stringify('seq' in line ? { ...line, previousHash: zeros, hash: zeros } : line));

const auditTarget = pureTarget({
  name: 'audit-lines',
  what: 'lines of an exported audit log, read and verified',
  suiteRuns: 8000,
  cost: usualCost,
  inputs: almost({
    corpus: [...auditLines, auditLines.join('\n')].map(bytesOf),
    words: [...words, '"seq":2', '"at":1e999', '{"checkpoint":'],
  }),
  check(input) {
    const verifier = createVerifier({});
    for (const text of textOf(input).split('\n')) {
      const line = parseLine(text);
      if (line === undefined) continue;
      must(same(parseLine(lineText(line)), line), () => `taken as ${shown(line)}, written as ${lineText(line)}`);
      takeLine(verifier, line);
    }
    verifier.verdict();
  },
});

export const textTargets: readonly FuzzTarget[] = [
  auditTarget,
  yamlTarget,
  policyTarget,
  selectorTarget,
  settingsTarget,
  optionsTarget,
  tokenTarget,
  safeTextTarget,
];
