// The truth tables: every feature of the policy language that decides a packet, as named states that a fleet is taken through.
// What each cell of a state must be is nowhere written down here: the oracle says it.

import type { EnforcementMode } from '#model/verdict.ts';
import type { Listener } from '#test/support/probe-protocol.ts';
import type { Scenario, ScenarioHost, State } from './scenario.ts';

const services: readonly Listener[] = [
  { transport: 'tcp', port: 8080 },
  { transport: 'udp', port: 8080 },
  { transport: 'tcp', port: 5432 },
  { transport: 'udp', port: 5353 },
];

const shop: Readonly<Record<string, ScenarioHost>> = {
  'web-1': { ipv4: '10.77.1.1', ipv6: 'fd77:1::1', labels: { app: 'shop', role: 'web', env: 'prod' } },
  'api-1': { ipv4: '10.77.1.2', ipv6: 'fd77:1::2', labels: { app: 'shop', role: 'api', env: 'prod' } },
  'db-1': { ipv4: '10.77.2.1', ipv6: 'fd77:2::1', labels: { app: 'shop', role: 'db', env: 'prod' } },
  'dev-1': { ipv4: '10.77.3.1', ipv6: 'fd77:3::1', labels: { app: 'tools', role: 'dev', env: 'dev' } },
  outsider: { ipv4: '203.0.113.9', ipv6: '2001:db8:9::9' },
};

const allModes: readonly EnforcementMode[] = ['off', 'observe', 'selective', 'enforce'];

interface SegmentText {
  readonly name?: string;
  readonly selector?: string;
  readonly inbound?: EnforcementMode;
  readonly outbound?: EnforcementMode;
  readonly more?: string;
  readonly rules?: string;
}

function segment(text: SegmentText): string {
  return `apiVersion: segwall/v1
kind: Segment
metadata: { name: ${text.name ?? 'shop'} }
spec:
  selector: ${text.selector ?? `app == "shop"`}
  inbound: ${text.inbound ?? 'enforce'}
  outbound: ${text.outbound ?? 'observe'}
${text.more === undefined ? '' : `  ${text.more}\n`}  rules:${text.rules === undefined ? ' []' : `\n${text.rules}`}
`;
}

function documents(...texts: readonly string[]): string {
  return texts.join('---\n');
}

const webToApi = `    - { name: web-to-api, from: [{ workloads: 'role == "web"' }], to: [{ workloads: 'role == "api"' }], services: [tcp/8080, udp/8080] }\n`;
const apiToDb = `    - { name: api-to-db, from: [{ workloads: 'role == "api"' }], to: [{ workloads: 'role == "db"' }], services: [tcp/5432] }\n`;
const anyone = `    - { name: anyone, from: [any], to: [{ workloads: 'role == "web"' }], services: [tcp/8080] }\n`;

const modes: Scenario = {
  name: 'every mode inbound with every mode outbound',
  tags: ['modes'],
  hosts: shop,
  services,
  states: Object.fromEntries(
    allModes.flatMap((inbound) =>
      allModes.map((outbound): [string, State] => [
        `${inbound}/${outbound}`,
        {
          policy: segment({
            inbound,
            outbound,
            more: 'selective: [tcp/5432, udp/5353]',
            rules: webToApi + apiToDb + anyone,
          }),
        },
      ]),
    ),
  ),
  steps: allModes.flatMap((inbound) => allModes.map((outbound) => `${inbound}/${outbound}`)),
};

const canaries: Scenario = {
  name: 'nothing is blocked before there is a policy, everything under an empty enforced segment',
  tags: ['canary'],
  hosts: shop,
  services,
  states: {
    'no policy': { policy: '' },
    closed: {
      policy: segment({
        name: 'closed',
        selector: 'all()',
        inbound: 'enforce',
        outbound: 'enforce',
        more: 'onDeny: { inbound: drop, outbound: drop }',
      }),
    },
  },
  steps: ['no policy', 'closed', 'no policy'],
};

const rules: Scenario = {
  name: 'a rule is added and removed',
  tags: ['rules'],
  hosts: shop,
  services,
  states: {
    none: { policy: segment({ outbound: 'enforce' }) },
    one: { policy: segment({ outbound: 'enforce', rules: webToApi }) },
    two: { policy: segment({ outbound: 'enforce', rules: webToApi + apiToDb }) },
  },
  steps: ['none', 'one', 'two', 'one', 'none', 'two'],
};

const labels: Scenario = {
  name: 'a label changes what a host is, and a workload goes',
  tags: ['labels'],
  hosts: { ...shop, 'web-2': { ipv4: '10.77.1.9', ipv6: 'fd77:1::9', labels: { app: 'none' } } },
  services,
  states: {
    unlabelled: { policy: segment({ rules: webToApi + apiToDb }) },
    'a web': {
      policy: segment({ rules: webToApi + apiToDb }),
      labels: { 'web-2': { app: 'shop', role: 'web', env: 'prod' } },
    },
    'an api': {
      policy: segment({ rules: webToApi + apiToDb }),
      labels: { 'web-2': { app: 'shop', role: 'api', env: 'prod' } },
    },
    gone: { policy: segment({ rules: webToApi + apiToDb }), gone: ['web-1'] },
  },
  steps: ['unlabelled', 'a web', 'an api', 'unlabelled', 'gone', 'a web'],
};

const webWithinProd = documents(
  segment({ selector: 'all()', inbound: 'enforce', outbound: 'enforce', rules: webToApi }),
  `apiVersion: segwall/v1
kind: Guardrail
metadata: { name: web-reaches-nobody }
spec:
  mode: observe
  deny:
    - { from: [{ workloads: 'role == "web"' }], to: [any], services: [any] }
`,
);

function guardrail(mode: 'observe' | 'enforce'): string {
  return `apiVersion: segwall/v1
kind: Guardrail
metadata: { name: dev-not-prod }
spec:
  mode: ${mode}
  deny:
    - { from: [{ workloads: 'env == "dev"' }], to: [{ workloads: 'env == "prod"' }], services: [tcp/1-9000, udp/5353] }
`;
}

const openToAll = segment({ rules: `    - { name: all, from: [any], to: [any], services: [any] }\n` });

const guardrails: Scenario = {
  name: 'a guardrail holds over what a segment grants, and over no segment at all',
  tags: ['guardrail'],
  hosts: shop,
  services,
  states: {
    without: { policy: openToAll },
    observed: { policy: documents(openToAll, guardrail('observe')) },
    enforced: { policy: documents(openToAll, guardrail('enforce')) },
    alone: { policy: guardrail('enforce') },
    'with mode off': { policy: documents(segment({ inbound: 'off', outbound: 'off' }), guardrail('enforce')) },
    'observed at both ends': { policy: webWithinProd },
  },
  steps: ['without', 'observed', 'enforced', 'alone', 'with mode off', 'observed at both ends', 'without'],
};

const ranges: Scenario = {
  name: 'address ranges with exceptions, lists, and ranges that overlap workloads',
  tags: ['ranges'],
  hosts: shop,
  services,
  states: {
    cidr: {
      policy: segment({
        rules: `    - { name: from-range, from: [{ cidr: 10.77.0.0/16, except: [10.77.3.0/24] }, { cidr: "fd77::/16", except: ["fd77:1::/32"] }], to: [{ workloads: all() }], services: [tcp/8080] }\n`,
      }),
    },
    list: {
      policy: documents(
        `apiVersion: segwall/v1
kind: IPList
metadata: { name: partners }
spec: { cidrs: [203.0.113.0/24, "2001:db8::/32", 10.77.3.1], except: [203.0.113.128/25] }
`,
        segment({
          outbound: 'enforce',
          rules: `    - { name: partners, from: [{ ipList: partners }], to: [{ workloads: 'role in {"web","api"}' }], services: [tcp/8080, udp/5353] }
    - { name: out, from: [{ workloads: all() }], to: [{ ipList: partners }, { cidr: 10.77.2.0/24 }], services: [tcp/5432] }\n`,
        }),
      ),
    },
    'own side by range': {
      policy: segment({
        rules: `    - { name: to-range, from: [any], to: [{ cidr: 10.77.1.0/24 }, { cidr: "fd77:2::/32" }], services: [tcp/8080] }
    - { name: web, from: [{ workloads: 'role == "web"' }], to: [{ cidr: 0.0.0.0/0 }], services: [udp/8080] }\n`,
      }),
    },
    'range over range': {
      policy: segment({
        rules: `    - { name: wide, from: [{ cidr: 0.0.0.0/0 }, { cidr: "::/0" }], to: [{ workloads: all() }], services: [tcp/8080] }
    - { name: middle, from: [{ cidr: 10.77.0.0/16 }, { cidr: "fd77::/16" }], to: [{ workloads: all() }], services: [tcp/5432] }
    - { name: narrow, from: [{ cidr: 10.77.1.1 }, { cidr: "fd77:3::1" }], to: [{ workloads: all() }], services: [udp/5353] }\n`,
      }),
    },
  },
  steps: ['cidr', 'list', 'own side by range', 'range over range', 'cidr'],
};

const denial: Scenario = {
  name: 'a denied packet is dropped or rejected, as its segment says for its direction',
  tags: ['deny-action'],
  hosts: shop,
  services,
  states: Object.fromEntries(
    (['drop', 'reject'] as const).flatMap((inbound) =>
      (['drop', 'reject'] as const).map((outbound): [string, State] => [
        `${inbound}/${outbound}`,
        {
          policy: segment({
            inbound: 'enforce',
            outbound: 'enforce',
            more: `onDeny: { inbound: ${inbound}, outbound: ${outbound} }`,
            rules: webToApi,
          }),
        },
      ]),
    ),
  ),
  steps: ['drop/drop', 'reject/reject', 'drop/reject', 'reject/drop'],
};

const each: Scenario = {
  name: 'one document with each stands for a segment per combination',
  tags: ['each'],
  hosts: {
    ...shop,
    'web-2': { ipv4: '10.77.4.1', ipv6: 'fd77:4::1', labels: { app: 'blog', role: 'web', env: 'prod' } },
    'api-2': { ipv4: '10.77.4.2', ipv6: 'fd77:4::2', labels: { app: 'blog', role: 'api', env: 'prod' } },
  },
  services,
  states: {
    whole: { policy: segment({ name: 'ring', selector: 'has(app)', rules: webToApi }) },
    'each app': { policy: segment({ name: 'ring', selector: 'has(app)', more: 'each: [app, env]', rules: webToApi }) },
  },
  steps: ['whole', 'each app', 'whole'],
};

const borders: Scenario = {
  name: 'between two segments each side opens its own end',
  tags: ['segments'],
  hosts: shop,
  services,
  states: Object.fromEntries(
    [
      ['closed', '', ''],
      ['provider only', 'provider', ''],
      ['consumer only', '', 'consumer'],
      ['both', 'provider', 'consumer'],
    ].map(([name = '', provider, consumer]): [string, State] => [
      name,
      {
        policy: documents(
          segment({
            name: 'data',
            selector: 'role == "db"',
            inbound: 'enforce',
            outbound: 'enforce',
            ...(provider === ''
              ? {}
              : {
                  rules: `    - { name: from-front, from: [{ segment: front, workloads: 'role == "api"' }], to: [{ workloads: all() }], services: [tcp/5432] }\n`,
                }),
          }),
          segment({
            name: 'front',
            selector: 'role in {"web", "api"}',
            inbound: 'enforce',
            outbound: 'enforce',
            ...(consumer === ''
              ? {}
              : {
                  rules: `    - { name: to-data, from: [{ workloads: 'role == "api"' }], to: [{ segment: data }], services: [tcp/5432] }
    - { name: by-tenant, from: [{ tenant: 'env == "dev"' }], to: [{ workloads: all() }], services: [udp/5353] }\n`,
                }),
          }),
        ),
      },
    ]),
  ),
  steps: ['closed', 'provider only', 'both', 'consumer only', 'closed'],
};

const serviceTerms: Scenario = {
  name: 'services by name, by range, by protocol, overlapping, expired, and any',
  tags: ['services'],
  hosts: shop,
  services,
  states: {
    terms: {
      policy: documents(
        `apiVersion: segwall/v1
kind: Service
metadata: { name: front }
spec: { ports: [tcp/8000-8100, udp/5353] }
`,
        segment({
          rules: `    - { name: named, from: [{ workloads: 'role == "web"' }], to: [{ workloads: 'role == "api"' }], services: [front] }
    - { name: overlap, from: [{ workloads: 'role == "web"' }], to: [{ workloads: 'role == "api"' }], services: [tcp/8050-9000, tcp/8080] }
    - { name: protocol, from: [{ workloads: 'role == "api"' }], to: [{ workloads: 'role == "db"' }], services: [proto/6] }
    - { name: all, from: [{ workloads: 'role == "db"' }], to: [{ workloads: 'role == "web"' }], services: [any] }
    - { name: past, from: [{ tenant: all() }], to: [{ workloads: all() }], services: [udp/8080], expires: 2020-01-01T00:00:00Z }\n`,
        }),
      ),
    },
    any: { policy: segment({ rules: `    - { name: all, from: [any], to: [any], services: [udp/1-65535] }\n` }) },
  },
  steps: ['terms', 'any', 'terms'],
};

const overlap: Scenario = {
  name: 'a host in several segments is under the strictest of them, and any of them may open',
  tags: ['overlap'],
  hosts: shop,
  services,
  states: {
    'enforce over off': {
      policy: documents(
        segment({ name: 'wide', selector: 'all()', inbound: 'off', outbound: 'off' }),
        segment({
          name: 'narrow',
          selector: 'role == "api"',
          inbound: 'enforce',
          outbound: 'enforce',
          rules: webToApi,
        }),
      ),
    },
    'rules of both': {
      policy: documents(
        segment({ name: 'a-front', selector: 'role in {"web", "api"}', outbound: 'enforce', rules: webToApi }),
        segment({
          name: 'b-back',
          selector: 'role in {"api", "db"}',
          outbound: 'selective',
          more: 'selective: [udp/5353]',
          rules: apiToDb,
        }),
      ),
    },
    'selective of both': {
      policy: documents(
        segment({ name: 'a', inbound: 'selective', outbound: 'observe', more: 'selective: [tcp/5432]' }),
        segment({
          name: 'b',
          selector: 'role != "web"',
          inbound: 'selective',
          outbound: 'selective',
          more: 'selective: [udp/5353]',
        }),
        segment({ name: 'c', selector: 'role == "db"', inbound: 'observe', outbound: 'off', rules: apiToDb }),
      ),
    },
    'each says how it denies': {
      policy: documents(
        segment({ name: 'z', outbound: 'enforce', more: 'onDeny: { inbound: drop, outbound: drop }' }),
        segment({
          name: 'y',
          selector: 'role == "api"',
          outbound: 'enforce',
          more: 'onDeny: { inbound: reject, outbound: reject }',
        }),
      ),
    },
  },
  steps: ['enforce over off', 'rules of both', 'selective of both', 'each says how it denies', 'rules of both'],
};

const external: Scenario = {
  name: 'what has no agent is known by its addresses, and whoever holds them loses what they opened',
  tags: ['external'],
  hosts: {
    ...shop,
    appliance: {
      ipv4: '10.77.5.1',
      ipv6: 'fd77:5::1',
      kind: 'external',
      labels: { app: 'shop', role: 'appliance', env: 'prod' },
    },
  },
  services,
  states: {
    granted: {
      policy: segment({
        outbound: 'enforce',
        rules: `    - { name: to-it, from: [{ workloads: 'role == "api"' }], to: [{ workloads: 'role == "appliance"' }], services: [tcp/5432, udp/5353] }
    - { name: from-it, from: [{ tenant: 'role == "appliance"' }], to: [{ workloads: 'role == "web"' }], services: [tcp/8080] }\n`,
      }),
    },
    closed: { policy: segment({ outbound: 'enforce' }) },
    'out of the segment': {
      policy: segment({
        selector: 'role in {"web", "api", "db"}',
        outbound: 'enforce',
        rules: `    - { name: to-it, from: [{ workloads: 'role == "api"' }], to: [{ workloads: 'role == "appliance"' }], services: [tcp/5432] }
    - { name: by-label, from: [{ workloads: 'role == "db"' }], to: [{ tenant: 'role == "appliance"' }], services: [any] }\n`,
      }),
    },
  },
  steps: ['granted', 'closed', 'out of the segment', 'granted'],
};

const quarantine: Scenario = {
  name: 'a quarantined host talks to nobody but those its quarantine names, whether it enforces that itself or is lost',
  tags: ['quarantine'],
  hosts: shop,
  services,
  states: {
    free: { policy: segment({ rules: webToApi + apiToDb }) },
    quarantined: {
      policy: segment({ rules: webToApi + apiToDb }),
      quarantine: { 'api-1': ['10.77.2.1', 'fd77:1::1'] },
    },
    lost: {
      policy: segment({ rules: webToApi + apiToDb }),
      quarantine: { 'api-1': ['10.77.2.1', 'fd77:1::1'] },
      lost: ['api-1'],
    },
  },
  steps: ['free', 'quarantined', 'lost', 'free'],
};

export const scenarios: readonly Scenario[] = [
  canaries,
  modes,
  rules,
  labels,
  guardrails,
  ranges,
  denial,
  each,
  borders,
  serviceTerms,
  overlap,
  external,
  quarantine,
];

export function scenarioTagged(tag: string): Scenario {
  const found = scenarios.find(({ tags }) => tags.includes(tag));
  if (found === undefined) throw new Error(`no scenario is tagged ${tag}`);
  return found;
}
