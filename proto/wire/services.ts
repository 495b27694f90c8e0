// The three gRPC services, by hand: what grpc-js needs to route a call, with bytes as messages on both sides. Codecs work on
// the bytes, so that a message made once can be sent to many, and a bad one is ours to answer, not the library's to drop.

export interface MethodDefinition {
  readonly path: string;
  readonly requestStream: boolean;
  readonly responseStream: boolean;
  readonly requestSerialize: (bytes: Uint8Array) => Buffer;
  readonly requestDeserialize: (bytes: Buffer) => Uint8Array;
  readonly responseSerialize: (bytes: Uint8Array) => Buffer;
  readonly responseDeserialize: (bytes: Buffer) => Uint8Array;
}

const toBuffer = (bytes: Uint8Array): Buffer =>
  Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);

const asIs = (bytes: Buffer): Uint8Array => bytes;

function method(path: string, shape: 'unary' | 'bidirectional'): MethodDefinition {
  return {
    path,
    requestStream: shape === 'bidirectional',
    responseStream: shape === 'bidirectional',
    requestSerialize: toBuffer,
    requestDeserialize: asIs,
    responseSerialize: toBuffer,
    responseDeserialize: asIs,
  };
}

export const enrolmentService = {
  enrol: method('/segwall.v1.Enrolment/Enrol', 'unary'),
  renew: method('/segwall.v1.Enrolment/Renew', 'unary'),
};

export const policySyncService = {
  sync: method('/segwall.v1.PolicySync/Sync', 'bidirectional'),
};

export const flowReportService = {
  report: method('/segwall.v1.FlowReport/Report', 'unary'),
};

/** The name in the control plane's certificate that agents check, whatever address they reach it by. */
export const controlPlaneName = 'segwall-control-plane';
