// The control plane's real port for agents (TLS, certificates, streams) in a lab host, sending whatever rule sets it is told to:
// {"do": …} lines in, one JSON answer each. Its first line out is where it listens and its CA's fingerprint.

import { createInterface } from 'node:readline';
import pino from 'pino';
import { startAgentServer } from '#control-plane/agents/agent-service.ts';
import { openPki } from '#control-plane/pki/pki.ts';
import { millis } from '#model/time.ts';
import { type HostPolicy, hostRuleSet } from '#test/enforcer/rule-sets.ts';
import { FakeBackend } from '#test/transport/control-plane-fixture.ts';

type Command =
  | { readonly do: 'send'; readonly policy: HostPolicy }
  | { readonly do: 'heard' }
  /** It is at that address, too, and says that it is there from now on. */
  | { readonly do: 'announce'; readonly address: string };

const [directory = '', address = ''] = process.argv.slice(2);
const now = () => millis(Date.now());
const pki = await openPki({ directory, serverNames: ['127.0.0.1'], now, agentLifetimeDays: 30 });
const backend = new FakeBackend();
const log = pino({ level: 'silent' });
const servers = [await startAgentServer({ address, pki, backend, log, now })];
const [server] = servers;
process.stdout.write(`${JSON.stringify({ address: server?.address, caFingerprint: pki.caFingerprint })}\n`);

async function answer(command: Command): Promise<unknown> {
  switch (command.do) {
    case 'send':
      backend.current = hostRuleSet(command.policy);
      backend.streams.at(-1)?.session.send(backend.current);
      return {};
    case 'announce':
      servers.push(await startAgentServer({ address: command.address, pki, backend, log, now }));
      backend.streams.at(-1)?.session.announce?.({ number: 1, addresses: [command.address] });
      return {};
    case 'heard': {
      const stream = backend.streams.at(-1);
      const statusAtAck = Object.fromEntries(stream?.statusAtAck ?? []);
      return {
        streams: backend.streams.length,
        heard: stream?.heard ?? [],
        statusAtAck,
        addresses: stream?.hello.addresses ?? [],
      };
    }
  }
}

for await (const line of createInterface({ input: process.stdin })) {
  process.stdout.write(`${JSON.stringify(await answer(JSON.parse(line) as Command))}\n`);
}
await Promise.all(servers.map((one) => one.stop(100)));
