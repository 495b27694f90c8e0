// A lab that its test leaves behind on purpose: stands up, prints its name, and waits to be killed.

import { createLab } from '#test/support/lab.ts';

const lab = await createLab({ name: 'abandoned' });
const host = await lab.addHost({ name: 'a', ipv4: '10.7.0.1' });
host.spawn(['sleep', '600'], { stdio: 'ignore' });
process.stdout.write(`${lab.name}\n`);
setInterval(() => undefined, 1000);
