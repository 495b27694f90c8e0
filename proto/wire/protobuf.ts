// The generated messages, with 64-bit integers as numbers. Unknown fields are dropped; digests expose them where it matters.

import './protobuf-numbers.ts';
import protobuf from 'protobufjs/minimal.js';
import { segwall } from './generated.js';

export const v1 = segwall.v1;
export const Writer = protobuf.Writer;
