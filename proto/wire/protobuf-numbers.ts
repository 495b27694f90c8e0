// Sets protobufjs up to read 64-bit integers as JavaScript numbers, and must run before the generated module, whose defaults
// depend on it. What does not fit is no safe integer any more, and the codecs refuse that.

import protobuf from 'protobufjs/minimal.js';

// The type says Long is always there; null is how protobufjs is told to do without (its documentation, "Compatibility").
(protobuf.util as { Long: unknown }).Long = null;
protobuf.configure();
