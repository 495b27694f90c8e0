// Which folder may import which, each edge with its reason. What is not listed is forbidden; test/arch/imports.test.ts holds the code to it.

export interface Layer {
  /** From the package root; a file belongs to the layer with the longest folder that holds it. */
  readonly folder: string;
  /** Pure layers know no Node, no timers and no process: time and input come in as values. */
  readonly kind: 'pure' | 'edge';
  /** Layers it may import besides itself, and why. */
  readonly imports: Readonly<Record<string, string>>;
}

const model = 'the vocabulary that both sides share: addresses, services, rule sets, verdicts, flows';
const clock = 'time and timers are had through the clock that tests can wind';

export const layers: readonly Layer[] = [
  { folder: 'proto/model', kind: 'pure', imports: {} },
  { folder: 'proto/clock', kind: 'edge', imports: { 'proto/model': 'an instant is a value of the model' } },
  {
    folder: 'proto/wire',
    kind: 'edge',
    imports: { 'proto/clock': clock, 'proto/model': `codecs turn messages into ${model}` },
  },
  { folder: 'proto', kind: 'edge', imports: {} },
  { folder: 'agent/core', kind: 'pure', imports: { 'proto/model': model } },
  {
    folder: 'agent/src',
    kind: 'edge',
    imports: {
      'agent/core': 'the edge does what the core decided',
      'proto/clock': clock,
      'proto/wire': 'it speaks to the control plane, and keeps the last good rule set in the wire encoding',
      'proto/model': model,
    },
  },
  { folder: 'control-plane/core', kind: 'pure', imports: { 'proto/model': model } },
  {
    folder: 'control-plane/src',
    kind: 'edge',
    imports: {
      'control-plane/core': 'the edge does what the core decided',
      'proto/clock': clock,
      'proto/wire': 'it speaks to the agents',
      'proto/model': model,
    },
  },
  {
    folder: 'control-plane/cli',
    kind: 'edge',
    imports: {
      'control-plane/src': 'the operator API is described there, and so are the helpers that need the wire',
      'proto/clock': clock,
      'control-plane/core': 'the offline commands check, evaluate and explain with the functions that the server uses',
      'proto/model': model,
    },
  },
  {
    folder: 'packaging',
    kind: 'edge',
    imports: {
      'agent/src': 'its commands are described, for the manual page and the completions',
      'control-plane/src': 'as above',
      'control-plane/cli': 'as above',
    },
  },
  {
    folder: 'test',
    kind: 'edge',
    imports: {
      'proto/model': 'tests may look at everything; nothing looks at tests',
      'proto/clock': 'as above',
      'proto/wire': 'as above',
      proto: 'generated code is compared with what the generator makes now',
      'agent/core': 'as above',
      'agent/src': 'as above',
      'control-plane/core': 'as above',
      'control-plane/src': 'as above',
      'control-plane/cli': 'as above',
      packaging: 'as above',
    },
  },
  {
    folder: '',
    kind: 'edge',
    imports: {
      test: 'vitest.config.ts names the order of the test files and which share a process',
      packaging: 'suites run the programs as packages bundle them',
    },
  },
];

/** Packages that a pure layer may use, and why. Edge layers: dependency-table.ts. */
export const purePackages: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  'proto/model': { yaml: 'agent and control plane read their settings’ files with the same function' },
  'control-plane/core': { yaml: 'parses text to a tree that keeps line and column, with no IO of its own' },
};
