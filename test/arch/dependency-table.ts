// Each npm package that reaches a host: which folders may import it, and the page in docs/decisions that says why it is there.

export interface DependencyReason {
  readonly layers: readonly string[];
  readonly decision: string;
}

const agent = 'agent/src';
const server = 'control-plane/src';
const core = 'control-plane/core';
const cli = 'control-plane/cli';
const wire = 'proto/wire';
const model = 'proto/model';

export const dependencyReasons: Readonly<Record<string, DependencyReason>> = {
  '@fastify/swagger': { layers: [server], decision: 'operator-api.md' },
  '@grpc/grpc-js': { layers: [wire, agent, server], decision: 'rpc.md' },
  '@peculiar/x509': { layers: [agent, server], decision: 'certificates.md' },
  'cli-table3': { layers: [cli, agent], decision: 'command-line.md' },
  commander: { layers: [agent, server, cli, 'packaging'], decision: 'command-line.md' },
  execa: { layers: [agent, cli, 'proto', 'packaging'], decision: 'processes.md' },
  fastify: { layers: [server], decision: 'operator-api.md' },
  'fastify-type-provider-zod': { layers: [server], decision: 'operator-api.md' },
  koffi: { layers: [agent], decision: 'netlink.md' },
  systeminformation: { layers: [agent], decision: 'host-facts.md' },
  kysely: { layers: [server], decision: 'store.md' },
  pino: { layers: [agent, server], decision: 'log.md' },
  'prom-client': { layers: [server], decision: 'operator-api.md' },
  protobufjs: { layers: [wire], decision: 'rpc.md' },
  'reflect-metadata': { layers: [agent, server], decision: 'certificates.md' },
  yaml: { layers: [model, core, cli, server], decision: 'command-line.md' },
  zod: { layers: [server, cli], decision: 'operator-api.md' },
};

/** Packages for work on the code; none of them reaches a host. */
export const developmentReasons: Readonly<Record<string, string>> = {
  '@biomejs/biome': 'checks.md',
  '@types/node': 'checks.md',
  esbuild: 'checks.md',
  'fast-check': 'checks.md',
  'protobufjs-cli': 'checks.md',
  typescript: 'checks.md',
  vitest: 'checks.md',
};
