// The JSON Schema (2020-12) of the documents, for editors. It says less than check does: references, selectors' grammar and
// addresses' host bits are beyond it. Whatever check takes without an error, this takes too.

import { factKeys } from '#model/label.ts';
import { enforcementModes } from '#model/verdict.ts';
import { weekdays } from '#policy/policy/time-window.ts';
import { workloadKinds } from '#policy/read/workload.ts';

type Schema = Readonly<Record<string, unknown>>;

const name: Schema = { type: 'string', pattern: '^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$' };
const text: Schema = { type: 'string', maxLength: 4096 };
const selector: Schema = {
  type: 'string',
  minLength: 1,
  maxLength: 65536,
  description: 'for example app == "shop" && env in {"prod", "stage"}',
};
const labelKey = '^[A-Za-z0-9][A-Za-z0-9._/-]{0,62}$';
const labelValue: Schema = { type: 'string', pattern: '^[A-Za-z0-9._:/@+-]{0,63}$' };
const address: Schema = { type: 'string', description: 'an IPv4 or IPv6 address' };
const cidr: Schema = { type: 'string', description: 'a CIDR without host bits, or a bare address' };
const service: Schema = {
  type: 'string',
  description:
    'any, tcp/443, udp/8000-8010, sctp/1, icmp, icmp/8, icmpv6, icmpv6/128, proto/47, or the name of a Service',
  anyOf: [
    { pattern: '^(tcp|udp|sctp)/[1-9][0-9]{0,4}(-[1-9][0-9]{0,4})?$' },
    { pattern: '^(icmp|icmpv6|proto)/(0|[1-9][0-9]{0,2})$' },
    { pattern: '^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$' },
  ],
};
const listOf = (items: Schema): Schema => ({ type: 'array', items, minItems: 1 });
const shape = (properties: Readonly<Record<string, Schema>>, required: readonly string[]): Schema => ({
  type: 'object',
  properties,
  required,
  additionalProperties: false,
});

const sourcePeer: Schema = {
  anyOf: [
    { const: 'any' },
    shape({ workloads: selector }, ['workloads']),
    shape({ segment: name, workloads: selector }, ['segment']),
    shape({ tenant: selector }, ['tenant']),
    shape({ ipList: name }, ['ipList']),
    shape({ cidr, except: listOf(cidr) }, ['cidr']),
  ],
};
const targetPeer: Schema = { anyOf: [sourcePeer, shape({ fqdn: { type: 'string' } }, ['fqdn'])] };
const match = { from: listOf(sourcePeer), to: listOf(targetPeer), services: listOf(service) };
const clock: Schema = { type: 'string', pattern: '^(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)$' };

const rule = shape(
  {
    name,
    ...match,
    reason: text,
    owner: text,
    expires: { type: 'string', description: 'an instant, as 2027-03-01T00:00:00Z' },
    when: shape(
      {
        days: listOf({ enum: weekdays }),
        from: clock,
        to: clock,
        zone: { type: 'string', description: 'IANA, as Europe/Berlin' },
      },
      [],
    ),
  },
  ['name', 'from', 'to', 'services'],
);

const testEnd: Schema = {
  anyOf: [
    name,
    shape({ ip: address }, ['ip']),
    shape({ labels: { type: 'object', propertyNames: { pattern: labelKey }, additionalProperties: labelValue } }, [
      'labels',
    ]),
  ],
};
const mode: Schema = { enum: enforcementModes, default: 'observe' };
const denyAction: Schema = { enum: ['drop', 'reject'] };

const specs: Readonly<Record<string, Schema>> = {
  Workload: shape(
    {
      host: { type: 'string' },
      kind: { enum: workloadKinds },
      addresses: listOf(address),
      unit: { type: 'string' },
      holders: selector,
      facts: shape(Object.fromEntries(factKeys.map((key) => [key, labelValue])), []),
    },
    ['kind'],
  ),
  Service: shape({ ports: listOf(service) }, ['ports']),
  IPList: shape({ cidrs: listOf(cidr), except: listOf(cidr) }, ['cidrs']),
  Segment: shape(
    {
      selector,
      inbound: mode,
      outbound: mode,
      selective: listOf(service),
      onDeny: shape({ inbound: denyAction, outbound: denyAction }, []),
      each: listOf({ type: 'string', pattern: labelKey }),
      rules: { type: 'array', items: rule },
    },
    ['selector'],
  ),
  Guardrail: shape(
    {
      mode: { enum: ['observe', 'enforce'] },
      deny: listOf(shape({ ...match, reason: text }, ['from', 'to', 'services'])),
    },
    ['mode', 'deny'],
  ),
  PolicyTest: shape(
    {
      judge: { enum: ['as-written', 'as-enforced'], default: 'as-written' },
      tests: listOf(
        shape(
          {
            from: testEnd,
            to: testEnd,
            service,
            expect: { enum: ['allow', 'deny'] },
            via: { type: 'string', pattern: '^[a-z0-9-]+/[a-z0-9-]+$' },
          },
          ['from', 'to', 'service', 'expect'],
        ),
      ),
    },
    ['tests'],
  ),
  Resolution: { type: 'object', additionalProperties: listOf(address) },
};

export function policySchema(): Schema {
  return {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    title: 'A document of segwall/v1',
    type: 'object',
    required: ['apiVersion', 'kind', 'metadata', 'spec'],
    oneOf: Object.entries(specs).map(([kind, spec]) => documentSchema(kind, spec)),
  };
}

function documentSchema(kind: string, spec: Schema): Schema {
  const labels: Schema = { type: 'object', propertyNames: { pattern: labelKey }, additionalProperties: labelValue };
  const metadata = shape({ name, description: text, ...(kind === 'Workload' ? { labels } : {}) }, ['name']);
  return shape({ apiVersion: { const: 'segwall/v1' }, kind: { const: kind }, metadata, spec }, [
    'apiVersion',
    'kind',
    'metadata',
    'spec',
  ]);
}
