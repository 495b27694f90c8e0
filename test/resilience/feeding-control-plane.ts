// The control plane's real port for agents (TLS, certificates, streams) in a lab host, sending whatever rule sets it is told to:
// {"do": …} lines in, one JSON answer each. Its first line out is where it listens and its CA's fingerprint.

import { createInterface } from 'node:readline';
import pino from 'pino';
import { startAgentServer } from '#control-plane/agents/agent-service.ts';
import { openPki } from '#control-plane/pki/pki.ts';
import { millis } from '#model/time.ts';
import { type HostPolicy, hostRuleSet } from '#test/enforcer/rule-sets.ts';
import { FakeBackend } from '#test/transport/control-plane-fixture.ts';

type Command = { readonly do: 'send'; readonly policy: HostPolicy } | { readonly do: 'heard' };

const [directory = '', address = ''] = process.argv.slice(2);
const now = () => millis(Date.now());
const pki = await openPki({ directory, serverNames: ['127.0.0.1'], now, agentLifetimeDays: 30 });
const backend = new FakeBackend();
const log = pino({ level: 'silent' });
const server = await startAgentServer({ address, pki, backend, log, now });
process.stdout.write(`${JSON.stringify({ address: server.address, caFingerprint: pki.caFingerprint })}\n`);

function answer(command: Command): unknown {
  switch (command.do) {
    case 'send':
      backend.current = hostRuleSet(command.policy);
      backend.streams.at(-1)?.session.send(backend.current);
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
  process.stdout.write(`${JSON.stringify(answer(JSON.parse(line) as Command))}\n`);
}
await server.stop(100);
