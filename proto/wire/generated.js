/*eslint-disable block-scoped-var, id-length, no-control-regex, no-magic-numbers, no-mixed-operators, no-prototype-builtins, no-redeclare, no-shadow, no-var, sort-vars, default-case, jsdoc/require-param*/
import $protobuf from "protobufjs/minimal.js";

const $Reader = $protobuf.Reader, $Writer = $protobuf.Writer, $util = $protobuf.util;
const $Object = $util.global.Object, $undefined = $util.global.undefined, $Error = $util.global.Error, $RangeError = $util.global.RangeError;

const $root = $protobuf.roots["segwall"] || ($protobuf.roots["segwall"] = {});

export const segwall = $root.segwall = (() => {

    const segwall = {};

    segwall.v1 = (function() {

        const v1 = {};

        v1.EnrolRequest = (function() {

            const EnrolRequest = function (properties) {
                if (properties)
                    for (let keys = $Object.keys(properties), i = 0; i < keys.length; ++i)
                        if (properties[keys[i]] != null && keys[i] !== "__proto__")
                            this[keys[i]] = properties[keys[i]];
            };

            EnrolRequest.prototype.token = "";
            EnrolRequest.prototype.host = "";
            EnrolRequest.prototype.csr = $util.newBuffer([]);
            EnrolRequest.prototype.clientClock = $util.Long ? $util.Long.fromBits(0,0,true) : 0;
            EnrolRequest.prototype.renewsIdentity = false;

            EnrolRequest.encode = function (message, writer, _depth) {
                if (!writer)
                    writer = $Writer.create();
                if (_depth === $undefined)
                    _depth = 0;
                if (_depth > $util.recursionLimit)
                    throw $Error("max depth exceeded");
                if (message.token != null && $Object.hasOwnProperty.call(message, "token") && message.token !== "")
                    writer.uint32(10).string(message.token);
                if (message.host != null && $Object.hasOwnProperty.call(message, "host") && message.host !== "")
                    writer.uint32(18).string(message.host);
                if (message.csr != null && $Object.hasOwnProperty.call(message, "csr") && message.csr.length)
                    writer.uint32(26).bytes(message.csr);
                if (message.clientClock != null && $Object.hasOwnProperty.call(message, "clientClock") && (typeof message.clientClock === "object" ? message.clientClock.low || message.clientClock.high : message.clientClock !== 0))
                    writer.uint32(32).uint64(message.clientClock);
                if (message.renewsIdentity != null && $Object.hasOwnProperty.call(message, "renewsIdentity") && message.renewsIdentity !== false)
                    writer.uint32(40).bool(message.renewsIdentity);
                if (message.$unknowns != null && $Object.hasOwnProperty.call(message, "$unknowns"))
                    for (let i = 0; i < message.$unknowns.length; ++i)
                        writer.raw(message.$unknowns[i]);
                return writer;
            };

            EnrolRequest.decode = function (reader, length, _end, _depth, _target) {
                if (!(reader instanceof $Reader))
                    reader = $Reader.create(reader);
                if (_depth === $undefined)
                    _depth = 0;
                if (_depth > $Reader.recursionLimit)
                    throw $Error("max depth exceeded");
                let end, message, value;
                if (length === $undefined)
                    end = reader.len;
                else {
                    end = reader.pos + length;
                    if (end > reader.len)
                        throw $RangeError("index out of range");
                    length = reader.len;
                    reader.len = end;
                }
                message = _target || new $root.segwall.v1.EnrolRequest();
                while (reader.pos < end) {
                    let start = reader.pos;
                    let tag = reader.tag();
                    if (tag === _end) {
                        _end = $undefined;
                        break;
                    }
                    let wireType = tag & 7;
                    switch (tag >>>= 3) {
                    case 1: {
                            if (wireType !== 2)
                                break;
                            if ((value = reader.stringVerify()).length)
                                message.token = value;
                            else
                                delete message.token;
                            continue;
                        }
                    case 2: {
                            if (wireType !== 2)
                                break;
                            if ((value = reader.stringVerify()).length)
                                message.host = value;
                            else
                                delete message.host;
                            continue;
                        }
                    case 3: {
                            if (wireType !== 2)
                                break;
                            if ((value = reader.bytes()).length)
                                message.csr = value;
                            else
                                delete message.csr;
                            continue;
                        }
                    case 4: {
                            if (wireType !== 0)
                                break;
                            if (typeof (value = reader.uint64()) === "object" ? value.low || value.high : value !== 0)
                                message.clientClock = value;
                            else
                                delete message.clientClock;
                            continue;
                        }
                    case 5: {
                            if (wireType !== 0)
                                break;
                            if (value = reader.bool())
                                message.renewsIdentity = value;
                            else
                                delete message.renewsIdentity;
                            continue;
                        }
                    }
                    reader.skipType(wireType, _depth, tag);
                    if (!reader.discardUnknown) {
                        $util.makeProp(message, "$unknowns", false);
                        (message.$unknowns || (message.$unknowns = [])).push(reader.raw(start, reader.pos));
                    }
                }
                if (length !== $undefined) {
                    if (reader.pos !== end)
                        throw $RangeError("index out of range");
                    reader.len = length;
                }
                if (_end !== $undefined)
                    throw $Error("missing end group");
                return message;
            };

            return EnrolRequest;
        })();

        v1.RenewRequest = (function() {

            const RenewRequest = function (properties) {
                if (properties)
                    for (let keys = $Object.keys(properties), i = 0; i < keys.length; ++i)
                        if (properties[keys[i]] != null && keys[i] !== "__proto__")
                            this[keys[i]] = properties[keys[i]];
            };

            RenewRequest.prototype.csr = $util.newBuffer([]);
            RenewRequest.prototype.clientClock = $util.Long ? $util.Long.fromBits(0,0,true) : 0;

            RenewRequest.encode = function (message, writer, _depth) {
                if (!writer)
                    writer = $Writer.create();
                if (_depth === $undefined)
                    _depth = 0;
                if (_depth > $util.recursionLimit)
                    throw $Error("max depth exceeded");
                if (message.csr != null && $Object.hasOwnProperty.call(message, "csr") && message.csr.length)
                    writer.uint32(10).bytes(message.csr);
                if (message.clientClock != null && $Object.hasOwnProperty.call(message, "clientClock") && (typeof message.clientClock === "object" ? message.clientClock.low || message.clientClock.high : message.clientClock !== 0))
                    writer.uint32(16).uint64(message.clientClock);
                if (message.$unknowns != null && $Object.hasOwnProperty.call(message, "$unknowns"))
                    for (let i = 0; i < message.$unknowns.length; ++i)
                        writer.raw(message.$unknowns[i]);
                return writer;
            };

            RenewRequest.decode = function (reader, length, _end, _depth, _target) {
                if (!(reader instanceof $Reader))
                    reader = $Reader.create(reader);
                if (_depth === $undefined)
                    _depth = 0;
                if (_depth > $Reader.recursionLimit)
                    throw $Error("max depth exceeded");
                let end, message, value;
                if (length === $undefined)
                    end = reader.len;
                else {
                    end = reader.pos + length;
                    if (end > reader.len)
                        throw $RangeError("index out of range");
                    length = reader.len;
                    reader.len = end;
                }
                message = _target || new $root.segwall.v1.RenewRequest();
                while (reader.pos < end) {
                    let start = reader.pos;
                    let tag = reader.tag();
                    if (tag === _end) {
                        _end = $undefined;
                        break;
                    }
                    let wireType = tag & 7;
                    switch (tag >>>= 3) {
                    case 1: {
                            if (wireType !== 2)
                                break;
                            if ((value = reader.bytes()).length)
                                message.csr = value;
                            else
                                delete message.csr;
                            continue;
                        }
                    case 2: {
                            if (wireType !== 0)
                                break;
                            if (typeof (value = reader.uint64()) === "object" ? value.low || value.high : value !== 0)
                                message.clientClock = value;
                            else
                                delete message.clientClock;
                            continue;
                        }
                    }
                    reader.skipType(wireType, _depth, tag);
                    if (!reader.discardUnknown) {
                        $util.makeProp(message, "$unknowns", false);
                        (message.$unknowns || (message.$unknowns = [])).push(reader.raw(start, reader.pos));
                    }
                }
                if (length !== $undefined) {
                    if (reader.pos !== end)
                        throw $RangeError("index out of range");
                    reader.len = length;
                }
                if (_end !== $undefined)
                    throw $Error("missing end group");
                return message;
            };

            return RenewRequest;
        })();

        v1.EnrolReply = (function() {

            const EnrolReply = function (properties) {
                if (properties)
                    for (let keys = $Object.keys(properties), i = 0; i < keys.length; ++i)
                        if (properties[keys[i]] != null && keys[i] !== "__proto__")
                            this[keys[i]] = properties[keys[i]];
            };

            EnrolReply.prototype.issued = null;
            EnrolReply.prototype.refused = null;

            let $oneOfFields;

            $Object.defineProperty(EnrolReply.prototype, "kind", {
                get: $util.oneOfGetter($oneOfFields = ["issued", "refused"]),
                set: $util.oneOfSetter($oneOfFields)
            });

            EnrolReply.encode = function (message, writer, _depth) {
                if (!writer)
                    writer = $Writer.create();
                if (_depth === $undefined)
                    _depth = 0;
                if (_depth > $util.recursionLimit)
                    throw $Error("max depth exceeded");
                if (message.issued != null && $Object.hasOwnProperty.call(message, "issued"))
                    $root.segwall.v1.Issued.encode(message.issued, writer.uint32(10).fork(), _depth + 1).ldelim();
                if (message.refused != null && $Object.hasOwnProperty.call(message, "refused"))
                    $root.segwall.v1.Refused.encode(message.refused, writer.uint32(18).fork(), _depth + 1).ldelim();
                if (message.$unknowns != null && $Object.hasOwnProperty.call(message, "$unknowns"))
                    for (let i = 0; i < message.$unknowns.length; ++i)
                        writer.raw(message.$unknowns[i]);
                return writer;
            };

            EnrolReply.decode = function (reader, length, _end, _depth, _target) {
                if (!(reader instanceof $Reader))
                    reader = $Reader.create(reader);
                if (_depth === $undefined)
                    _depth = 0;
                if (_depth > $Reader.recursionLimit)
                    throw $Error("max depth exceeded");
                let end, message;
                if (length === $undefined)
                    end = reader.len;
                else {
                    end = reader.pos + length;
                    if (end > reader.len)
                        throw $RangeError("index out of range");
                    length = reader.len;
                    reader.len = end;
                }
                message = _target || new $root.segwall.v1.EnrolReply();
                while (reader.pos < end) {
                    let start = reader.pos;
                    let tag = reader.tag();
                    if (tag === _end) {
                        _end = $undefined;
                        break;
                    }
                    let wireType = tag & 7;
                    switch (tag >>>= 3) {
                    case 1: {
                            if (wireType !== 2)
                                break;
                            message.issued = $root.segwall.v1.Issued.decode(reader, reader.size(), $undefined, _depth + 1, message.issued);
                            message.kind = "issued";
                            continue;
                        }
                    case 2: {
                            if (wireType !== 2)
                                break;
                            message.refused = $root.segwall.v1.Refused.decode(reader, reader.size(), $undefined, _depth + 1, message.refused);
                            message.kind = "refused";
                            continue;
                        }
                    }
                    reader.skipType(wireType, _depth, tag);
                    if (!reader.discardUnknown) {
                        $util.makeProp(message, "$unknowns", false);
                        (message.$unknowns || (message.$unknowns = [])).push(reader.raw(start, reader.pos));
                    }
                }
                if (length !== $undefined) {
                    if (reader.pos !== end)
                        throw $RangeError("index out of range");
                    reader.len = length;
                }
                if (_end !== $undefined)
                    throw $Error("missing end group");
                return message;
            };

            return EnrolReply;
        })();

        v1.Issued = (function() {

            const Issued = function (properties) {
                if (properties)
                    for (let keys = $Object.keys(properties), i = 0; i < keys.length; ++i)
                        if (properties[keys[i]] != null && keys[i] !== "__proto__")
                            this[keys[i]] = properties[keys[i]];
            };

            Issued.prototype.tenant = "";
            Issued.prototype.host = "";
            Issued.prototype.certificate = $util.newBuffer([]);
            Issued.prototype.caCertificate = $util.newBuffer([]);

            Issued.encode = function (message, writer, _depth) {
                if (!writer)
                    writer = $Writer.create();
                if (_depth === $undefined)
                    _depth = 0;
                if (_depth > $util.recursionLimit)
                    throw $Error("max depth exceeded");
                if (message.tenant != null && $Object.hasOwnProperty.call(message, "tenant") && message.tenant !== "")
                    writer.uint32(10).string(message.tenant);
                if (message.host != null && $Object.hasOwnProperty.call(message, "host") && message.host !== "")
                    writer.uint32(18).string(message.host);
                if (message.certificate != null && $Object.hasOwnProperty.call(message, "certificate") && message.certificate.length)
                    writer.uint32(26).bytes(message.certificate);
                if (message.caCertificate != null && $Object.hasOwnProperty.call(message, "caCertificate") && message.caCertificate.length)
                    writer.uint32(34).bytes(message.caCertificate);
                if (message.$unknowns != null && $Object.hasOwnProperty.call(message, "$unknowns"))
                    for (let i = 0; i < message.$unknowns.length; ++i)
                        writer.raw(message.$unknowns[i]);
                return writer;
            };

            Issued.decode = function (reader, length, _end, _depth, _target) {
                if (!(reader instanceof $Reader))
                    reader = $Reader.create(reader);
                if (_depth === $undefined)
                    _depth = 0;
                if (_depth > $Reader.recursionLimit)
                    throw $Error("max depth exceeded");
                let end, message, value;
                if (length === $undefined)
                    end = reader.len;
                else {
                    end = reader.pos + length;
                    if (end > reader.len)
                        throw $RangeError("index out of range");
                    length = reader.len;
                    reader.len = end;
                }
                message = _target || new $root.segwall.v1.Issued();
                while (reader.pos < end) {
                    let start = reader.pos;
                    let tag = reader.tag();
                    if (tag === _end) {
                        _end = $undefined;
                        break;
                    }
                    let wireType = tag & 7;
                    switch (tag >>>= 3) {
                    case 1: {
                            if (wireType !== 2)
                                break;
                            if ((value = reader.stringVerify()).length)
                                message.tenant = value;
                            else
                                delete message.tenant;
                            continue;
                        }
                    case 2: {
                            if (wireType !== 2)
                                break;
                            if ((value = reader.stringVerify()).length)
                                message.host = value;
                            else
                                delete message.host;
                            continue;
                        }
                    case 3: {
                            if (wireType !== 2)
                                break;
                            if ((value = reader.bytes()).length)
                                message.certificate = value;
                            else
                                delete message.certificate;
                            continue;
                        }
                    case 4: {
                            if (wireType !== 2)
                                break;
                            if ((value = reader.bytes()).length)
                                message.caCertificate = value;
                            else
                                delete message.caCertificate;
                            continue;
                        }
                    }
                    reader.skipType(wireType, _depth, tag);
                    if (!reader.discardUnknown) {
                        $util.makeProp(message, "$unknowns", false);
                        (message.$unknowns || (message.$unknowns = [])).push(reader.raw(start, reader.pos));
                    }
                }
                if (length !== $undefined) {
                    if (reader.pos !== end)
                        throw $RangeError("index out of range");
                    reader.len = length;
                }
                if (_end !== $undefined)
                    throw $Error("missing end group");
                return message;
            };

            return Issued;
        })();

        v1.Refused = (function() {

            const Refused = function (properties) {
                if (properties)
                    for (let keys = $Object.keys(properties), i = 0; i < keys.length; ++i)
                        if (properties[keys[i]] != null && keys[i] !== "__proto__")
                            this[keys[i]] = properties[keys[i]];
            };

            Refused.prototype.code = 0;
            Refused.prototype.detail = "";
            Refused.prototype.serverClock = $util.Long ? $util.Long.fromBits(0,0,true) : 0;

            Refused.encode = function (message, writer, _depth) {
                if (!writer)
                    writer = $Writer.create();
                if (_depth === $undefined)
                    _depth = 0;
                if (_depth > $util.recursionLimit)
                    throw $Error("max depth exceeded");
                if (message.code != null && $Object.hasOwnProperty.call(message, "code") && message.code !== 0)
                    writer.uint32(8).int32(message.code);
                if (message.detail != null && $Object.hasOwnProperty.call(message, "detail") && message.detail !== "")
                    writer.uint32(18).string(message.detail);
                if (message.serverClock != null && $Object.hasOwnProperty.call(message, "serverClock") && (typeof message.serverClock === "object" ? message.serverClock.low || message.serverClock.high : message.serverClock !== 0))
                    writer.uint32(24).uint64(message.serverClock);
                if (message.$unknowns != null && $Object.hasOwnProperty.call(message, "$unknowns"))
                    for (let i = 0; i < message.$unknowns.length; ++i)
                        writer.raw(message.$unknowns[i]);
                return writer;
            };

            Refused.decode = function (reader, length, _end, _depth, _target) {
                if (!(reader instanceof $Reader))
                    reader = $Reader.create(reader);
                if (_depth === $undefined)
                    _depth = 0;
                if (_depth > $Reader.recursionLimit)
                    throw $Error("max depth exceeded");
                let end, message, value;
                if (length === $undefined)
                    end = reader.len;
                else {
                    end = reader.pos + length;
                    if (end > reader.len)
                        throw $RangeError("index out of range");
                    length = reader.len;
                    reader.len = end;
                }
                message = _target || new $root.segwall.v1.Refused();
                while (reader.pos < end) {
                    let start = reader.pos;
                    let tag = reader.tag();
                    if (tag === _end) {
                        _end = $undefined;
                        break;
                    }
                    let wireType = tag & 7;
                    switch (tag >>>= 3) {
                    case 1: {
                            if (wireType !== 0)
                                break;
                            if (value = reader.int32())
                                message.code = value;
                            else
                                delete message.code;
                            continue;
                        }
                    case 2: {
                            if (wireType !== 2)
                                break;
                            if ((value = reader.stringVerify()).length)
                                message.detail = value;
                            else
                                delete message.detail;
                            continue;
                        }
                    case 3: {
                            if (wireType !== 0)
                                break;
                            if (typeof (value = reader.uint64()) === "object" ? value.low || value.high : value !== 0)
                                message.serverClock = value;
                            else
                                delete message.serverClock;
                            continue;
                        }
                    }
                    reader.skipType(wireType, _depth, tag);
                    if (!reader.discardUnknown) {
                        $util.makeProp(message, "$unknowns", false);
                        (message.$unknowns || (message.$unknowns = [])).push(reader.raw(start, reader.pos));
                    }
                }
                if (length !== $undefined) {
                    if (reader.pos !== end)
                        throw $RangeError("index out of range");
                    reader.len = length;
                }
                if (_end !== $undefined)
                    throw $Error("missing end group");
                return message;
            };

            return Refused;
        })();

        v1.EnrolmentRefusal = (function() {
            const valuesById = $Object.create(null), values = $Object.create(valuesById);
            values[valuesById[0] = "ENROLMENT_REFUSAL_UNSPECIFIED"] = 0;
            values[valuesById[1] = "TOKEN_UNKNOWN"] = 1;
            values[valuesById[2] = "TOKEN_SPENT"] = 2;
            values[valuesById[3] = "TOKEN_EXPIRED"] = 3;
            values[valuesById[4] = "NAME_TAKEN"] = 4;
            values[valuesById[5] = "NAME_INVALID"] = 5;
            values[valuesById[6] = "CSR_INVALID"] = 6;
            values[valuesById[7] = "CLOCK_SKEW"] = 7;
            return values;
        })();

        v1.FlowBatch = (function() {

            const FlowBatch = function (properties) {
                this.strings = [];
                this.ends = [];
                this.ipv4 = [];
                this.end = [];
                this.local = [];
                this.peer = [];
                this.protocol = [];
                this.port = [];
                this.revision = [];
                this.connections = [];
                this.packetsOriginal = [];
                this.packetsReply = [];
                this.bytesOriginal = [];
                this.bytesReply = [];
                this.firstSeen = [];
                this.lastSeen = [];
                this.answered = [];
                this.unit = [];
                this.process = [];
                this.askedPort = [];
                if (properties)
                    for (let keys = $Object.keys(properties), i = 0; i < keys.length; ++i)
                        if (properties[keys[i]] != null && keys[i] !== "__proto__")
                            this[keys[i]] = properties[keys[i]];
            };

            FlowBatch.prototype.sequence = $util.Long ? $util.Long.fromBits(0,0,true) : 0;
            FlowBatch.prototype.startedAt = $util.Long ? $util.Long.fromBits(0,0,true) : 0;
            FlowBatch.prototype.endedAt = $util.Long ? $util.Long.fromBits(0,0,true) : 0;
            FlowBatch.prototype.lost = null;
            FlowBatch.prototype.strings = $util.emptyArray;
            FlowBatch.prototype.ends = $util.emptyArray;
            FlowBatch.prototype.ipv4 = $util.emptyArray;
            FlowBatch.prototype.ipv6 = $util.newBuffer([]);
            FlowBatch.prototype.count = 0;
            FlowBatch.prototype.end = $util.emptyArray;
            FlowBatch.prototype.local = $util.emptyArray;
            FlowBatch.prototype.peer = $util.emptyArray;
            FlowBatch.prototype.protocol = $util.emptyArray;
            FlowBatch.prototype.port = $util.emptyArray;
            FlowBatch.prototype.baseRevision = $util.Long ? $util.Long.fromBits(0,0,true) : 0;
            FlowBatch.prototype.revision = $util.emptyArray;
            FlowBatch.prototype.connections = $util.emptyArray;
            FlowBatch.prototype.packetsOriginal = $util.emptyArray;
            FlowBatch.prototype.packetsReply = $util.emptyArray;
            FlowBatch.prototype.bytesOriginal = $util.emptyArray;
            FlowBatch.prototype.bytesReply = $util.emptyArray;
            FlowBatch.prototype.firstSeen = $util.emptyArray;
            FlowBatch.prototype.lastSeen = $util.emptyArray;
            FlowBatch.prototype.answered = $util.emptyArray;
            FlowBatch.prototype.unit = $util.emptyArray;
            FlowBatch.prototype.process = $util.emptyArray;
            FlowBatch.prototype.run = $util.newBuffer([]);
            FlowBatch.prototype.askedPort = $util.emptyArray;

            FlowBatch.encode = function (message, writer, _depth) {
                if (!writer)
                    writer = $Writer.create();
                if (_depth === $undefined)
                    _depth = 0;
                if (_depth > $util.recursionLimit)
                    throw $Error("max depth exceeded");
                if (message.sequence != null && $Object.hasOwnProperty.call(message, "sequence") && (typeof message.sequence === "object" ? message.sequence.low || message.sequence.high : message.sequence !== 0))
                    writer.uint32(8).uint64(message.sequence);
                if (message.startedAt != null && $Object.hasOwnProperty.call(message, "startedAt") && (typeof message.startedAt === "object" ? message.startedAt.low || message.startedAt.high : message.startedAt !== 0))
                    writer.uint32(16).uint64(message.startedAt);
                if (message.endedAt != null && $Object.hasOwnProperty.call(message, "endedAt") && (typeof message.endedAt === "object" ? message.endedAt.low || message.endedAt.high : message.endedAt !== 0))
                    writer.uint32(24).uint64(message.endedAt);
                if (message.lost != null && $Object.hasOwnProperty.call(message, "lost"))
                    $root.segwall.v1.FlowLoss.encode(message.lost, writer.uint32(34).fork(), _depth + 1).ldelim();
                if (message.strings != null && message.strings.length)
                    for (let i = 0; i < message.strings.length; ++i)
                        writer.uint32(42).string(message.strings[i]);
                if (message.ends != null && message.ends.length)
                    for (let i = 0; i < message.ends.length; ++i)
                        $root.segwall.v1.FlowEnd.encode(message.ends[i], writer.uint32(50).fork(), _depth + 1).ldelim();
                if (message.ipv4 != null && message.ipv4.length)
                    writer.uint32(58).fixed32s(message.ipv4);
                if (message.ipv6 != null && $Object.hasOwnProperty.call(message, "ipv6") && message.ipv6.length)
                    writer.uint32(66).bytes(message.ipv6);
                if (message.count != null && $Object.hasOwnProperty.call(message, "count") && message.count !== 0)
                    writer.uint32(72).uint32(message.count);
                if (message.end != null && message.end.length)
                    writer.uint32(82).uint32s(message.end);
                if (message.local != null && message.local.length)
                    writer.uint32(90).uint32s(message.local);
                if (message.peer != null && message.peer.length)
                    writer.uint32(98).uint32s(message.peer);
                if (message.protocol != null && message.protocol.length)
                    writer.uint32(106).uint32s(message.protocol);
                if (message.port != null && message.port.length)
                    writer.uint32(114).uint32s(message.port);
                if (message.baseRevision != null && $Object.hasOwnProperty.call(message, "baseRevision") && (typeof message.baseRevision === "object" ? message.baseRevision.low || message.baseRevision.high : message.baseRevision !== 0))
                    writer.uint32(120).uint64(message.baseRevision);
                if (message.revision != null && message.revision.length)
                    writer.uint32(130).uint64s(message.revision);
                if (message.connections != null && message.connections.length)
                    writer.uint32(138).uint64s(message.connections);
                if (message.packetsOriginal != null && message.packetsOriginal.length)
                    writer.uint32(146).uint64s(message.packetsOriginal);
                if (message.packetsReply != null && message.packetsReply.length)
                    writer.uint32(154).uint64s(message.packetsReply);
                if (message.bytesOriginal != null && message.bytesOriginal.length)
                    writer.uint32(162).uint64s(message.bytesOriginal);
                if (message.bytesReply != null && message.bytesReply.length)
                    writer.uint32(170).uint64s(message.bytesReply);
                if (message.firstSeen != null && message.firstSeen.length)
                    writer.uint32(178).sint64s(message.firstSeen);
                if (message.lastSeen != null && message.lastSeen.length)
                    writer.uint32(186).sint64s(message.lastSeen);
                if (message.answered != null && message.answered.length)
                    writer.uint32(194).bools(message.answered);
                if (message.unit != null && message.unit.length)
                    writer.uint32(202).uint32s(message.unit);
                if (message.process != null && message.process.length)
                    writer.uint32(210).uint32s(message.process);
                if (message.run != null && $Object.hasOwnProperty.call(message, "run") && message.run.length)
                    writer.uint32(218).bytes(message.run);
                if (message.askedPort != null && message.askedPort.length)
                    writer.uint32(226).uint32s(message.askedPort);
                if (message.$unknowns != null && $Object.hasOwnProperty.call(message, "$unknowns"))
                    for (let i = 0; i < message.$unknowns.length; ++i)
                        writer.raw(message.$unknowns[i]);
                return writer;
            };

            FlowBatch.decode = function (reader, length, _end, _depth, _target) {
                if (!(reader instanceof $Reader))
                    reader = $Reader.create(reader);
                if (_depth === $undefined)
                    _depth = 0;
                if (_depth > $Reader.recursionLimit)
                    throw $Error("max depth exceeded");
                let end, message, value;
                if (length === $undefined)
                    end = reader.len;
                else {
                    end = reader.pos + length;
                    if (end > reader.len)
                        throw $RangeError("index out of range");
                    length = reader.len;
                    reader.len = end;
                }
                message = _target || new $root.segwall.v1.FlowBatch();
                while (reader.pos < end) {
                    let start = reader.pos;
                    let tag = reader.tag();
                    if (tag === _end) {
                        _end = $undefined;
                        break;
                    }
                    let wireType = tag & 7;
                    switch (tag >>>= 3) {
                    case 1: {
                            if (wireType !== 0)
                                break;
                            if (typeof (value = reader.uint64()) === "object" ? value.low || value.high : value !== 0)
                                message.sequence = value;
                            else
                                delete message.sequence;
                            continue;
                        }
                    case 2: {
                            if (wireType !== 0)
                                break;
                            if (typeof (value = reader.uint64()) === "object" ? value.low || value.high : value !== 0)
                                message.startedAt = value;
                            else
                                delete message.startedAt;
                            continue;
                        }
                    case 3: {
                            if (wireType !== 0)
                                break;
                            if (typeof (value = reader.uint64()) === "object" ? value.low || value.high : value !== 0)
                                message.endedAt = value;
                            else
                                delete message.endedAt;
                            continue;
                        }
                    case 4: {
                            if (wireType !== 2)
                                break;
                            message.lost = $root.segwall.v1.FlowLoss.decode(reader, reader.size(), $undefined, _depth + 1, message.lost);
                            continue;
                        }
                    case 5: {
                            if (wireType !== 2)
                                break;
                            if (!(message.strings && message.strings.length))
                                message.strings = [];
                            message.strings.push(reader.stringVerify());
                            continue;
                        }
                    case 6: {
                            if (wireType !== 2)
                                break;
                            if (!(message.ends && message.ends.length))
                                message.ends = [];
                            message.ends.push($root.segwall.v1.FlowEnd.decode(reader, reader.size(), $undefined, _depth + 1));
                            continue;
                        }
                    case 7: {
                            if (wireType === 2) {
                                if (!(message.ipv4 && message.ipv4.length))
                                    message.ipv4 = [];
                                reader.fixed32s(message.ipv4);
                                continue;
                            }
                            if (wireType !== 5)
                                break;
                            if (!(message.ipv4 && message.ipv4.length))
                                message.ipv4 = [];
                            message.ipv4.push(reader.fixed32());
                            continue;
                        }
                    case 8: {
                            if (wireType !== 2)
                                break;
                            if ((value = reader.bytes()).length)
                                message.ipv6 = value;
                            else
                                delete message.ipv6;
                            continue;
                        }
                    case 9: {
                            if (wireType !== 0)
                                break;
                            if (value = reader.uint32())
                                message.count = value;
                            else
                                delete message.count;
                            continue;
                        }
                    case 10: {
                            if (wireType === 2) {
                                if (!(message.end && message.end.length))
                                    message.end = [];
                                reader.uint32s(message.end);
                                continue;
                            }
                            if (wireType !== 0)
                                break;
                            if (!(message.end && message.end.length))
                                message.end = [];
                            message.end.push(reader.uint32());
                            continue;
                        }
                    case 11: {
                            if (wireType === 2) {
                                if (!(message.local && message.local.length))
                                    message.local = [];
                                reader.uint32s(message.local);
                                continue;
                            }
                            if (wireType !== 0)
                                break;
                            if (!(message.local && message.local.length))
                                message.local = [];
                            message.local.push(reader.uint32());
                            continue;
                        }
                    case 12: {
                            if (wireType === 2) {
                                if (!(message.peer && message.peer.length))
                                    message.peer = [];
                                reader.uint32s(message.peer);
                                continue;
                            }
                            if (wireType !== 0)
                                break;
                            if (!(message.peer && message.peer.length))
                                message.peer = [];
                            message.peer.push(reader.uint32());
                            continue;
                        }
                    case 13: {
                            if (wireType === 2) {
                                if (!(message.protocol && message.protocol.length))
                                    message.protocol = [];
                                reader.uint32s(message.protocol);
                                continue;
                            }
                            if (wireType !== 0)
                                break;
                            if (!(message.protocol && message.protocol.length))
                                message.protocol = [];
                            message.protocol.push(reader.uint32());
                            continue;
                        }
                    case 14: {
                            if (wireType === 2) {
                                if (!(message.port && message.port.length))
                                    message.port = [];
                                reader.uint32s(message.port);
                                continue;
                            }
                            if (wireType !== 0)
                                break;
                            if (!(message.port && message.port.length))
                                message.port = [];
                            message.port.push(reader.uint32());
                            continue;
                        }
                    case 15: {
                            if (wireType !== 0)
                                break;
                            if (typeof (value = reader.uint64()) === "object" ? value.low || value.high : value !== 0)
                                message.baseRevision = value;
                            else
                                delete message.baseRevision;
                            continue;
                        }
                    case 16: {
                            if (wireType === 2) {
                                if (!(message.revision && message.revision.length))
                                    message.revision = [];
                                reader.uint64s(message.revision);
                                continue;
                            }
                            if (wireType !== 0)
                                break;
                            if (!(message.revision && message.revision.length))
                                message.revision = [];
                            message.revision.push(reader.uint64());
                            continue;
                        }
                    case 17: {
                            if (wireType === 2) {
                                if (!(message.connections && message.connections.length))
                                    message.connections = [];
                                reader.uint64s(message.connections);
                                continue;
                            }
                            if (wireType !== 0)
                                break;
                            if (!(message.connections && message.connections.length))
                                message.connections = [];
                            message.connections.push(reader.uint64());
                            continue;
                        }
                    case 18: {
                            if (wireType === 2) {
                                if (!(message.packetsOriginal && message.packetsOriginal.length))
                                    message.packetsOriginal = [];
                                reader.uint64s(message.packetsOriginal);
                                continue;
                            }
                            if (wireType !== 0)
                                break;
                            if (!(message.packetsOriginal && message.packetsOriginal.length))
                                message.packetsOriginal = [];
                            message.packetsOriginal.push(reader.uint64());
                            continue;
                        }
                    case 19: {
                            if (wireType === 2) {
                                if (!(message.packetsReply && message.packetsReply.length))
                                    message.packetsReply = [];
                                reader.uint64s(message.packetsReply);
                                continue;
                            }
                            if (wireType !== 0)
                                break;
                            if (!(message.packetsReply && message.packetsReply.length))
                                message.packetsReply = [];
                            message.packetsReply.push(reader.uint64());
                            continue;
                        }
                    case 20: {
                            if (wireType === 2) {
                                if (!(message.bytesOriginal && message.bytesOriginal.length))
                                    message.bytesOriginal = [];
                                reader.uint64s(message.bytesOriginal);
                                continue;
                            }
                            if (wireType !== 0)
                                break;
                            if (!(message.bytesOriginal && message.bytesOriginal.length))
                                message.bytesOriginal = [];
                            message.bytesOriginal.push(reader.uint64());
                            continue;
                        }
                    case 21: {
                            if (wireType === 2) {
                                if (!(message.bytesReply && message.bytesReply.length))
                                    message.bytesReply = [];
                                reader.uint64s(message.bytesReply);
                                continue;
                            }
                            if (wireType !== 0)
                                break;
                            if (!(message.bytesReply && message.bytesReply.length))
                                message.bytesReply = [];
                            message.bytesReply.push(reader.uint64());
                            continue;
                        }
                    case 22: {
                            if (wireType === 2) {
                                if (!(message.firstSeen && message.firstSeen.length))
                                    message.firstSeen = [];
                                reader.sint64s(message.firstSeen);
                                continue;
                            }
                            if (wireType !== 0)
                                break;
                            if (!(message.firstSeen && message.firstSeen.length))
                                message.firstSeen = [];
                            message.firstSeen.push(reader.sint64());
                            continue;
                        }
                    case 23: {
                            if (wireType === 2) {
                                if (!(message.lastSeen && message.lastSeen.length))
                                    message.lastSeen = [];
                                reader.sint64s(message.lastSeen);
                                continue;
                            }
                            if (wireType !== 0)
                                break;
                            if (!(message.lastSeen && message.lastSeen.length))
                                message.lastSeen = [];
                            message.lastSeen.push(reader.sint64());
                            continue;
                        }
                    case 24: {
                            if (wireType === 2) {
                                if (!(message.answered && message.answered.length))
                                    message.answered = [];
                                reader.bools(message.answered);
                                continue;
                            }
                            if (wireType !== 0)
                                break;
                            if (!(message.answered && message.answered.length))
                                message.answered = [];
                            message.answered.push(reader.bool());
                            continue;
                        }
                    case 25: {
                            if (wireType === 2) {
                                if (!(message.unit && message.unit.length))
                                    message.unit = [];
                                reader.uint32s(message.unit);
                                continue;
                            }
                            if (wireType !== 0)
                                break;
                            if (!(message.unit && message.unit.length))
                                message.unit = [];
                            message.unit.push(reader.uint32());
                            continue;
                        }
                    case 26: {
                            if (wireType === 2) {
                                if (!(message.process && message.process.length))
                                    message.process = [];
                                reader.uint32s(message.process);
                                continue;
                            }
                            if (wireType !== 0)
                                break;
                            if (!(message.process && message.process.length))
                                message.process = [];
                            message.process.push(reader.uint32());
                            continue;
                        }
                    case 27: {
                            if (wireType !== 2)
                                break;
                            if ((value = reader.bytes()).length)
                                message.run = value;
                            else
                                delete message.run;
                            continue;
                        }
                    case 28: {
                            if (wireType === 2) {
                                if (!(message.askedPort && message.askedPort.length))
                                    message.askedPort = [];
                                reader.uint32s(message.askedPort);
                                continue;
                            }
                            if (wireType !== 0)
                                break;
                            if (!(message.askedPort && message.askedPort.length))
                                message.askedPort = [];
                            message.askedPort.push(reader.uint32());
                            continue;
                        }
                    }
                    reader.skipType(wireType, _depth, tag);
                    if (!reader.discardUnknown) {
                        $util.makeProp(message, "$unknowns", false);
                        (message.$unknowns || (message.$unknowns = [])).push(reader.raw(start, reader.pos));
                    }
                }
                if (length !== $undefined) {
                    if (reader.pos !== end)
                        throw $RangeError("index out of range");
                    reader.len = length;
                }
                if (_end !== $undefined)
                    throw $Error("missing end group");
                return message;
            };

            return FlowBatch;
        })();

        v1.FlowLoss = (function() {

            const FlowLoss = function (properties) {
                if (properties)
                    for (let keys = $Object.keys(properties), i = 0; i < keys.length; ++i)
                        if (properties[keys[i]] != null && keys[i] !== "__proto__")
                            this[keys[i]] = properties[keys[i]];
            };

            FlowLoss.prototype.overruns = $util.Long ? $util.Long.fromBits(0,0,true) : 0;
            FlowLoss.prototype.records = $util.Long ? $util.Long.fromBits(0,0,true) : 0;
            FlowLoss.prototype.spooled = $util.Long ? $util.Long.fromBits(0,0,true) : 0;
            FlowLoss.prototype.deniedInbound = $util.Long ? $util.Long.fromBits(0,0,true) : 0;
            FlowLoss.prototype.deniedOutbound = $util.Long ? $util.Long.fromBits(0,0,true) : 0;

            FlowLoss.encode = function (message, writer, _depth) {
                if (!writer)
                    writer = $Writer.create();
                if (_depth === $undefined)
                    _depth = 0;
                if (_depth > $util.recursionLimit)
                    throw $Error("max depth exceeded");
                if (message.overruns != null && $Object.hasOwnProperty.call(message, "overruns") && (typeof message.overruns === "object" ? message.overruns.low || message.overruns.high : message.overruns !== 0))
                    writer.uint32(8).uint64(message.overruns);
                if (message.records != null && $Object.hasOwnProperty.call(message, "records") && (typeof message.records === "object" ? message.records.low || message.records.high : message.records !== 0))
                    writer.uint32(16).uint64(message.records);
                if (message.spooled != null && $Object.hasOwnProperty.call(message, "spooled") && (typeof message.spooled === "object" ? message.spooled.low || message.spooled.high : message.spooled !== 0))
                    writer.uint32(24).uint64(message.spooled);
                if (message.deniedInbound != null && $Object.hasOwnProperty.call(message, "deniedInbound") && (typeof message.deniedInbound === "object" ? message.deniedInbound.low || message.deniedInbound.high : message.deniedInbound !== 0))
                    writer.uint32(56).uint64(message.deniedInbound);
                if (message.deniedOutbound != null && $Object.hasOwnProperty.call(message, "deniedOutbound") && (typeof message.deniedOutbound === "object" ? message.deniedOutbound.low || message.deniedOutbound.high : message.deniedOutbound !== 0))
                    writer.uint32(64).uint64(message.deniedOutbound);
                if (message.$unknowns != null && $Object.hasOwnProperty.call(message, "$unknowns"))
                    for (let i = 0; i < message.$unknowns.length; ++i)
                        writer.raw(message.$unknowns[i]);
                return writer;
            };

            FlowLoss.decode = function (reader, length, _end, _depth, _target) {
                if (!(reader instanceof $Reader))
                    reader = $Reader.create(reader);
                if (_depth === $undefined)
                    _depth = 0;
                if (_depth > $Reader.recursionLimit)
                    throw $Error("max depth exceeded");
                let end, message, value;
                if (length === $undefined)
                    end = reader.len;
                else {
                    end = reader.pos + length;
                    if (end > reader.len)
                        throw $RangeError("index out of range");
                    length = reader.len;
                    reader.len = end;
                }
                message = _target || new $root.segwall.v1.FlowLoss();
                while (reader.pos < end) {
                    let start = reader.pos;
                    let tag = reader.tag();
                    if (tag === _end) {
                        _end = $undefined;
                        break;
                    }
                    let wireType = tag & 7;
                    switch (tag >>>= 3) {
                    case 1: {
                            if (wireType !== 0)
                                break;
                            if (typeof (value = reader.uint64()) === "object" ? value.low || value.high : value !== 0)
                                message.overruns = value;
                            else
                                delete message.overruns;
                            continue;
                        }
                    case 2: {
                            if (wireType !== 0)
                                break;
                            if (typeof (value = reader.uint64()) === "object" ? value.low || value.high : value !== 0)
                                message.records = value;
                            else
                                delete message.records;
                            continue;
                        }
                    case 3: {
                            if (wireType !== 0)
                                break;
                            if (typeof (value = reader.uint64()) === "object" ? value.low || value.high : value !== 0)
                                message.spooled = value;
                            else
                                delete message.spooled;
                            continue;
                        }
                    case 7: {
                            if (wireType !== 0)
                                break;
                            if (typeof (value = reader.uint64()) === "object" ? value.low || value.high : value !== 0)
                                message.deniedInbound = value;
                            else
                                delete message.deniedInbound;
                            continue;
                        }
                    case 8: {
                            if (wireType !== 0)
                                break;
                            if (typeof (value = reader.uint64()) === "object" ? value.low || value.high : value !== 0)
                                message.deniedOutbound = value;
                            else
                                delete message.deniedOutbound;
                            continue;
                        }
                    }
                    reader.skipType(wireType, _depth, tag);
                    if (!reader.discardUnknown) {
                        $util.makeProp(message, "$unknowns", false);
                        (message.$unknowns || (message.$unknowns = [])).push(reader.raw(start, reader.pos));
                    }
                }
                if (length !== $undefined) {
                    if (reader.pos !== end)
                        throw $RangeError("index out of range");
                    reader.len = length;
                }
                if (_end !== $undefined)
                    throw $Error("missing end group");
                return message;
            };

            return FlowLoss;
        })();

        v1.FlowEnd = (function() {

            const FlowEnd = function (properties) {
                if (properties)
                    for (let keys = $Object.keys(properties), i = 0; i < keys.length; ++i)
                        if (properties[keys[i]] != null && keys[i] !== "__proto__")
                            this[keys[i]] = properties[keys[i]];
            };

            FlowEnd.prototype.direction = 0;
            FlowEnd.prototype.verdict = 0;
            FlowEnd.prototype.reason = 0;
            FlowEnd.prototype.workload = 0;
            FlowEnd.prototype.segment = 0;
            FlowEnd.prototype.combination = 0;
            FlowEnd.prototype.rule = 0;
            FlowEnd.prototype.guardrail = 0;
            FlowEnd.prototype.essential = 0;
            FlowEnd.prototype.quarantine = 0;

            FlowEnd.encode = function (message, writer, _depth) {
                if (!writer)
                    writer = $Writer.create();
                if (_depth === $undefined)
                    _depth = 0;
                if (_depth > $util.recursionLimit)
                    throw $Error("max depth exceeded");
                if (message.direction != null && $Object.hasOwnProperty.call(message, "direction") && message.direction !== 0)
                    writer.uint32(8).int32(message.direction);
                if (message.verdict != null && $Object.hasOwnProperty.call(message, "verdict") && message.verdict !== 0)
                    writer.uint32(16).int32(message.verdict);
                if (message.reason != null && $Object.hasOwnProperty.call(message, "reason") && message.reason !== 0)
                    writer.uint32(24).int32(message.reason);
                if (message.workload != null && $Object.hasOwnProperty.call(message, "workload") && message.workload !== 0)
                    writer.uint32(32).uint32(message.workload);
                if (message.segment != null && $Object.hasOwnProperty.call(message, "segment") && message.segment !== 0)
                    writer.uint32(40).uint32(message.segment);
                if (message.combination != null && $Object.hasOwnProperty.call(message, "combination") && message.combination !== 0)
                    writer.uint32(48).uint32(message.combination);
                if (message.rule != null && $Object.hasOwnProperty.call(message, "rule") && message.rule !== 0)
                    writer.uint32(56).uint32(message.rule);
                if (message.guardrail != null && $Object.hasOwnProperty.call(message, "guardrail") && message.guardrail !== 0)
                    writer.uint32(64).uint32(message.guardrail);
                if (message.essential != null && $Object.hasOwnProperty.call(message, "essential") && message.essential !== 0)
                    writer.uint32(72).uint32(message.essential);
                if (message.quarantine != null && $Object.hasOwnProperty.call(message, "quarantine") && message.quarantine !== 0)
                    writer.uint32(80).uint32(message.quarantine);
                if (message.$unknowns != null && $Object.hasOwnProperty.call(message, "$unknowns"))
                    for (let i = 0; i < message.$unknowns.length; ++i)
                        writer.raw(message.$unknowns[i]);
                return writer;
            };

            FlowEnd.decode = function (reader, length, _end, _depth, _target) {
                if (!(reader instanceof $Reader))
                    reader = $Reader.create(reader);
                if (_depth === $undefined)
                    _depth = 0;
                if (_depth > $Reader.recursionLimit)
                    throw $Error("max depth exceeded");
                let end, message, value;
                if (length === $undefined)
                    end = reader.len;
                else {
                    end = reader.pos + length;
                    if (end > reader.len)
                        throw $RangeError("index out of range");
                    length = reader.len;
                    reader.len = end;
                }
                message = _target || new $root.segwall.v1.FlowEnd();
                while (reader.pos < end) {
                    let start = reader.pos;
                    let tag = reader.tag();
                    if (tag === _end) {
                        _end = $undefined;
                        break;
                    }
                    let wireType = tag & 7;
                    switch (tag >>>= 3) {
                    case 1: {
                            if (wireType !== 0)
                                break;
                            if (value = reader.int32())
                                message.direction = value;
                            else
                                delete message.direction;
                            continue;
                        }
                    case 2: {
                            if (wireType !== 0)
                                break;
                            if (value = reader.int32())
                                message.verdict = value;
                            else
                                delete message.verdict;
                            continue;
                        }
                    case 3: {
                            if (wireType !== 0)
                                break;
                            if (value = reader.int32())
                                message.reason = value;
                            else
                                delete message.reason;
                            continue;
                        }
                    case 4: {
                            if (wireType !== 0)
                                break;
                            if (value = reader.uint32())
                                message.workload = value;
                            else
                                delete message.workload;
                            continue;
                        }
                    case 5: {
                            if (wireType !== 0)
                                break;
                            if (value = reader.uint32())
                                message.segment = value;
                            else
                                delete message.segment;
                            continue;
                        }
                    case 6: {
                            if (wireType !== 0)
                                break;
                            if (value = reader.uint32())
                                message.combination = value;
                            else
                                delete message.combination;
                            continue;
                        }
                    case 7: {
                            if (wireType !== 0)
                                break;
                            if (value = reader.uint32())
                                message.rule = value;
                            else
                                delete message.rule;
                            continue;
                        }
                    case 8: {
                            if (wireType !== 0)
                                break;
                            if (value = reader.uint32())
                                message.guardrail = value;
                            else
                                delete message.guardrail;
                            continue;
                        }
                    case 9: {
                            if (wireType !== 0)
                                break;
                            if (value = reader.uint32())
                                message.essential = value;
                            else
                                delete message.essential;
                            continue;
                        }
                    case 10: {
                            if (wireType !== 0)
                                break;
                            if (value = reader.uint32())
                                message.quarantine = value;
                            else
                                delete message.quarantine;
                            continue;
                        }
                    }
                    reader.skipType(wireType, _depth, tag);
                    if (!reader.discardUnknown) {
                        $util.makeProp(message, "$unknowns", false);
                        (message.$unknowns || (message.$unknowns = [])).push(reader.raw(start, reader.pos));
                    }
                }
                if (length !== $undefined) {
                    if (reader.pos !== end)
                        throw $RangeError("index out of range");
                    reader.len = length;
                }
                if (_end !== $undefined)
                    throw $Error("missing end group");
                return message;
            };

            return FlowEnd;
        })();

        v1.FlowReceipt = (function() {

            const FlowReceipt = function (properties) {
                if (properties)
                    for (let keys = $Object.keys(properties), i = 0; i < keys.length; ++i)
                        if (properties[keys[i]] != null && keys[i] !== "__proto__")
                            this[keys[i]] = properties[keys[i]];
            };

            FlowReceipt.prototype.sequence = $util.Long ? $util.Long.fromBits(0,0,true) : 0;
            FlowReceipt.prototype.kind = 0;
            FlowReceipt.prototype.refusedWorkload = $util.Long ? $util.Long.fromBits(0,0,true) : 0;
            FlowReceipt.prototype.refusedAddress = $util.Long ? $util.Long.fromBits(0,0,true) : 0;
            FlowReceipt.prototype.refusedTime = $util.Long ? $util.Long.fromBits(0,0,true) : 0;

            FlowReceipt.encode = function (message, writer, _depth) {
                if (!writer)
                    writer = $Writer.create();
                if (_depth === $undefined)
                    _depth = 0;
                if (_depth > $util.recursionLimit)
                    throw $Error("max depth exceeded");
                if (message.sequence != null && $Object.hasOwnProperty.call(message, "sequence") && (typeof message.sequence === "object" ? message.sequence.low || message.sequence.high : message.sequence !== 0))
                    writer.uint32(8).uint64(message.sequence);
                if (message.kind != null && $Object.hasOwnProperty.call(message, "kind") && message.kind !== 0)
                    writer.uint32(16).int32(message.kind);
                if (message.refusedWorkload != null && $Object.hasOwnProperty.call(message, "refusedWorkload") && (typeof message.refusedWorkload === "object" ? message.refusedWorkload.low || message.refusedWorkload.high : message.refusedWorkload !== 0))
                    writer.uint32(24).uint64(message.refusedWorkload);
                if (message.refusedAddress != null && $Object.hasOwnProperty.call(message, "refusedAddress") && (typeof message.refusedAddress === "object" ? message.refusedAddress.low || message.refusedAddress.high : message.refusedAddress !== 0))
                    writer.uint32(32).uint64(message.refusedAddress);
                if (message.refusedTime != null && $Object.hasOwnProperty.call(message, "refusedTime") && (typeof message.refusedTime === "object" ? message.refusedTime.low || message.refusedTime.high : message.refusedTime !== 0))
                    writer.uint32(40).uint64(message.refusedTime);
                if (message.$unknowns != null && $Object.hasOwnProperty.call(message, "$unknowns"))
                    for (let i = 0; i < message.$unknowns.length; ++i)
                        writer.raw(message.$unknowns[i]);
                return writer;
            };

            FlowReceipt.decode = function (reader, length, _end, _depth, _target) {
                if (!(reader instanceof $Reader))
                    reader = $Reader.create(reader);
                if (_depth === $undefined)
                    _depth = 0;
                if (_depth > $Reader.recursionLimit)
                    throw $Error("max depth exceeded");
                let end, message, value;
                if (length === $undefined)
                    end = reader.len;
                else {
                    end = reader.pos + length;
                    if (end > reader.len)
                        throw $RangeError("index out of range");
                    length = reader.len;
                    reader.len = end;
                }
                message = _target || new $root.segwall.v1.FlowReceipt();
                while (reader.pos < end) {
                    let start = reader.pos;
                    let tag = reader.tag();
                    if (tag === _end) {
                        _end = $undefined;
                        break;
                    }
                    let wireType = tag & 7;
                    switch (tag >>>= 3) {
                    case 1: {
                            if (wireType !== 0)
                                break;
                            if (typeof (value = reader.uint64()) === "object" ? value.low || value.high : value !== 0)
                                message.sequence = value;
                            else
                                delete message.sequence;
                            continue;
                        }
                    case 2: {
                            if (wireType !== 0)
                                break;
                            if (value = reader.int32())
                                message.kind = value;
                            else
                                delete message.kind;
                            continue;
                        }
                    case 3: {
                            if (wireType !== 0)
                                break;
                            if (typeof (value = reader.uint64()) === "object" ? value.low || value.high : value !== 0)
                                message.refusedWorkload = value;
                            else
                                delete message.refusedWorkload;
                            continue;
                        }
                    case 4: {
                            if (wireType !== 0)
                                break;
                            if (typeof (value = reader.uint64()) === "object" ? value.low || value.high : value !== 0)
                                message.refusedAddress = value;
                            else
                                delete message.refusedAddress;
                            continue;
                        }
                    case 5: {
                            if (wireType !== 0)
                                break;
                            if (typeof (value = reader.uint64()) === "object" ? value.low || value.high : value !== 0)
                                message.refusedTime = value;
                            else
                                delete message.refusedTime;
                            continue;
                        }
                    }
                    reader.skipType(wireType, _depth, tag);
                    if (!reader.discardUnknown) {
                        $util.makeProp(message, "$unknowns", false);
                        (message.$unknowns || (message.$unknowns = [])).push(reader.raw(start, reader.pos));
                    }
                }
                if (length !== $undefined) {
                    if (reader.pos !== end)
                        throw $RangeError("index out of range");
                    reader.len = length;
                }
                if (_end !== $undefined)
                    throw $Error("missing end group");
                return message;
            };

            return FlowReceipt;
        })();

        v1.FlowDirection = (function() {
            const valuesById = $Object.create(null), values = $Object.create(valuesById);
            values[valuesById[0] = "FLOW_DIRECTION_UNSPECIFIED"] = 0;
            values[valuesById[1] = "INBOUND"] = 1;
            values[valuesById[2] = "OUTBOUND"] = 2;
            return values;
        })();

        v1.FlowVerdict = (function() {
            const valuesById = $Object.create(null), values = $Object.create(valuesById);
            values[valuesById[0] = "FLOW_VERDICT_UNSPECIFIED"] = 0;
            values[valuesById[1] = "VERDICT_ALLOW"] = 1;
            values[valuesById[2] = "VERDICT_DENY"] = 2;
            values[valuesById[3] = "VERDICT_WOULD_DENY"] = 3;
            values[valuesById[4] = "VERDICT_UNMANAGED"] = 4;
            return values;
        })();

        v1.FlowReason = (function() {
            const valuesById = $Object.create(null), values = $Object.create(valuesById);
            values[valuesById[0] = "FLOW_REASON_UNSPECIFIED"] = 0;
            values[valuesById[1] = "REASON_ESSENTIAL"] = 1;
            values[valuesById[2] = "REASON_OFF"] = 2;
            values[valuesById[3] = "REASON_QUARANTINE"] = 3;
            values[valuesById[4] = "REASON_GUARDRAIL"] = 4;
            values[valuesById[5] = "REASON_RULE"] = 5;
            values[valuesById[6] = "REASON_DEFAULT"] = 6;
            values[valuesById[7] = "REASON_UNMANAGED"] = 7;
            return values;
        })();

        v1.FlowReceiptKind = (function() {
            const valuesById = $Object.create(null), values = $Object.create(valuesById);
            values[valuesById[0] = "FLOW_RECEIPT_KIND_UNSPECIFIED"] = 0;
            values[valuesById[1] = "FLOW_TAKEN"] = 1;
            values[valuesById[2] = "FLOW_DUPLICATE"] = 2;
            return values;
        })();

        v1.AgentMessage = (function() {

            const AgentMessage = function (properties) {
                if (properties)
                    for (let keys = $Object.keys(properties), i = 0; i < keys.length; ++i)
                        if (properties[keys[i]] != null && keys[i] !== "__proto__")
                            this[keys[i]] = properties[keys[i]];
            };

            AgentMessage.prototype.hello = null;
            AgentMessage.prototype.ack = null;
            AgentMessage.prototype.nack = null;
            AgentMessage.prototype.status = null;
            AgentMessage.prototype.hostReport = null;
            AgentMessage.prototype.events = null;

            let $oneOfFields;

            $Object.defineProperty(AgentMessage.prototype, "kind", {
                get: $util.oneOfGetter($oneOfFields = ["hello", "ack", "nack", "status", "hostReport", "events"]),
                set: $util.oneOfSetter($oneOfFields)
            });

            AgentMessage.encode = function (message, writer, _depth) {
                if (!writer)
                    writer = $Writer.create();
                if (_depth === $undefined)
                    _depth = 0;
                if (_depth > $util.recursionLimit)
                    throw $Error("max depth exceeded");
                if (message.hello != null && $Object.hasOwnProperty.call(message, "hello"))
                    $root.segwall.v1.Hello.encode(message.hello, writer.uint32(10).fork(), _depth + 1).ldelim();
                if (message.ack != null && $Object.hasOwnProperty.call(message, "ack"))
                    $root.segwall.v1.Ack.encode(message.ack, writer.uint32(18).fork(), _depth + 1).ldelim();
                if (message.nack != null && $Object.hasOwnProperty.call(message, "nack"))
                    $root.segwall.v1.Nack.encode(message.nack, writer.uint32(26).fork(), _depth + 1).ldelim();
                if (message.status != null && $Object.hasOwnProperty.call(message, "status"))
                    $root.segwall.v1.Status.encode(message.status, writer.uint32(34).fork(), _depth + 1).ldelim();
                if (message.hostReport != null && $Object.hasOwnProperty.call(message, "hostReport"))
                    $root.segwall.v1.HostReport.encode(message.hostReport, writer.uint32(42).fork(), _depth + 1).ldelim();
                if (message.events != null && $Object.hasOwnProperty.call(message, "events"))
                    $root.segwall.v1.HostEvents.encode(message.events, writer.uint32(50).fork(), _depth + 1).ldelim();
                if (message.$unknowns != null && $Object.hasOwnProperty.call(message, "$unknowns"))
                    for (let i = 0; i < message.$unknowns.length; ++i)
                        writer.raw(message.$unknowns[i]);
                return writer;
            };

            AgentMessage.decode = function (reader, length, _end, _depth, _target) {
                if (!(reader instanceof $Reader))
                    reader = $Reader.create(reader);
                if (_depth === $undefined)
                    _depth = 0;
                if (_depth > $Reader.recursionLimit)
                    throw $Error("max depth exceeded");
                let end, message;
                if (length === $undefined)
                    end = reader.len;
                else {
                    end = reader.pos + length;
                    if (end > reader.len)
                        throw $RangeError("index out of range");
                    length = reader.len;
                    reader.len = end;
                }
                message = _target || new $root.segwall.v1.AgentMessage();
                while (reader.pos < end) {
                    let start = reader.pos;
                    let tag = reader.tag();
                    if (tag === _end) {
                        _end = $undefined;
                        break;
                    }
                    let wireType = tag & 7;
                    switch (tag >>>= 3) {
                    case 1: {
                            if (wireType !== 2)
                                break;
                            message.hello = $root.segwall.v1.Hello.decode(reader, reader.size(), $undefined, _depth + 1, message.hello);
                            message.kind = "hello";
                            continue;
                        }
                    case 2: {
                            if (wireType !== 2)
                                break;
                            message.ack = $root.segwall.v1.Ack.decode(reader, reader.size(), $undefined, _depth + 1, message.ack);
                            message.kind = "ack";
                            continue;
                        }
                    case 3: {
                            if (wireType !== 2)
                                break;
                            message.nack = $root.segwall.v1.Nack.decode(reader, reader.size(), $undefined, _depth + 1, message.nack);
                            message.kind = "nack";
                            continue;
                        }
                    case 4: {
                            if (wireType !== 2)
                                break;
                            message.status = $root.segwall.v1.Status.decode(reader, reader.size(), $undefined, _depth + 1, message.status);
                            message.kind = "status";
                            continue;
                        }
                    case 5: {
                            if (wireType !== 2)
                                break;
                            message.hostReport = $root.segwall.v1.HostReport.decode(reader, reader.size(), $undefined, _depth + 1, message.hostReport);
                            message.kind = "hostReport";
                            continue;
                        }
                    case 6: {
                            if (wireType !== 2)
                                break;
                            message.events = $root.segwall.v1.HostEvents.decode(reader, reader.size(), $undefined, _depth + 1, message.events);
                            message.kind = "events";
                            continue;
                        }
                    }
                    reader.skipType(wireType, _depth, tag);
                    if (!reader.discardUnknown) {
                        $util.makeProp(message, "$unknowns", false);
                        (message.$unknowns || (message.$unknowns = [])).push(reader.raw(start, reader.pos));
                    }
                }
                if (length !== $undefined) {
                    if (reader.pos !== end)
                        throw $RangeError("index out of range");
                    reader.len = length;
                }
                if (_end !== $undefined)
                    throw $Error("missing end group");
                return message;
            };

            return AgentMessage;
        })();

        v1.ControlPlaneMessage = (function() {

            const ControlPlaneMessage = function (properties) {
                if (properties)
                    for (let keys = $Object.keys(properties), i = 0; i < keys.length; ++i)
                        if (properties[keys[i]] != null && keys[i] !== "__proto__")
                            this[keys[i]] = properties[keys[i]];
            };

            ControlPlaneMessage.prototype.snapshot = null;
            ControlPlaneMessage.prototype.delta = null;
            ControlPlaneMessage.prototype.heartbeat = null;
            ControlPlaneMessage.prototype.eventsTaken = null;
            ControlPlaneMessage.prototype.addressStanding = null;
            ControlPlaneMessage.prototype.revisionProof = null;
            ControlPlaneMessage.prototype.nextCa = null;
            ControlPlaneMessage.prototype.announcement = null;

            let $oneOfFields;

            $Object.defineProperty(ControlPlaneMessage.prototype, "kind", {
                get: $util.oneOfGetter($oneOfFields = ["snapshot", "delta", "heartbeat", "eventsTaken", "addressStanding", "revisionProof", "nextCa", "announcement"]),
                set: $util.oneOfSetter($oneOfFields)
            });

            ControlPlaneMessage.encode = function (message, writer, _depth) {
                if (!writer)
                    writer = $Writer.create();
                if (_depth === $undefined)
                    _depth = 0;
                if (_depth > $util.recursionLimit)
                    throw $Error("max depth exceeded");
                if (message.snapshot != null && $Object.hasOwnProperty.call(message, "snapshot"))
                    $root.segwall.v1.Snapshot.encode(message.snapshot, writer.uint32(10).fork(), _depth + 1).ldelim();
                if (message.delta != null && $Object.hasOwnProperty.call(message, "delta"))
                    $root.segwall.v1.Delta.encode(message.delta, writer.uint32(18).fork(), _depth + 1).ldelim();
                if (message.heartbeat != null && $Object.hasOwnProperty.call(message, "heartbeat"))
                    $root.segwall.v1.Heartbeat.encode(message.heartbeat, writer.uint32(26).fork(), _depth + 1).ldelim();
                if (message.eventsTaken != null && $Object.hasOwnProperty.call(message, "eventsTaken"))
                    $root.segwall.v1.EventsTaken.encode(message.eventsTaken, writer.uint32(34).fork(), _depth + 1).ldelim();
                if (message.addressStanding != null && $Object.hasOwnProperty.call(message, "addressStanding"))
                    $root.segwall.v1.AddressStanding.encode(message.addressStanding, writer.uint32(42).fork(), _depth + 1).ldelim();
                if (message.revisionProof != null && $Object.hasOwnProperty.call(message, "revisionProof"))
                    $root.segwall.v1.RevisionProof.encode(message.revisionProof, writer.uint32(50).fork(), _depth + 1).ldelim();
                if (message.nextCa != null && $Object.hasOwnProperty.call(message, "nextCa"))
                    $root.segwall.v1.NextCa.encode(message.nextCa, writer.uint32(58).fork(), _depth + 1).ldelim();
                if (message.announcement != null && $Object.hasOwnProperty.call(message, "announcement"))
                    $root.segwall.v1.Announcement.encode(message.announcement, writer.uint32(66).fork(), _depth + 1).ldelim();
                if (message.$unknowns != null && $Object.hasOwnProperty.call(message, "$unknowns"))
                    for (let i = 0; i < message.$unknowns.length; ++i)
                        writer.raw(message.$unknowns[i]);
                return writer;
            };

            ControlPlaneMessage.decode = function (reader, length, _end, _depth, _target) {
                if (!(reader instanceof $Reader))
                    reader = $Reader.create(reader);
                if (_depth === $undefined)
                    _depth = 0;
                if (_depth > $Reader.recursionLimit)
                    throw $Error("max depth exceeded");
                let end, message;
                if (length === $undefined)
                    end = reader.len;
                else {
                    end = reader.pos + length;
                    if (end > reader.len)
                        throw $RangeError("index out of range");
                    length = reader.len;
                    reader.len = end;
                }
                message = _target || new $root.segwall.v1.ControlPlaneMessage();
                while (reader.pos < end) {
                    let start = reader.pos;
                    let tag = reader.tag();
                    if (tag === _end) {
                        _end = $undefined;
                        break;
                    }
                    let wireType = tag & 7;
                    switch (tag >>>= 3) {
                    case 1: {
                            if (wireType !== 2)
                                break;
                            message.snapshot = $root.segwall.v1.Snapshot.decode(reader, reader.size(), $undefined, _depth + 1, message.snapshot);
                            message.kind = "snapshot";
                            continue;
                        }
                    case 2: {
                            if (wireType !== 2)
                                break;
                            message.delta = $root.segwall.v1.Delta.decode(reader, reader.size(), $undefined, _depth + 1, message.delta);
                            message.kind = "delta";
                            continue;
                        }
                    case 3: {
                            if (wireType !== 2)
                                break;
                            message.heartbeat = $root.segwall.v1.Heartbeat.decode(reader, reader.size(), $undefined, _depth + 1, message.heartbeat);
                            message.kind = "heartbeat";
                            continue;
                        }
                    case 4: {
                            if (wireType !== 2)
                                break;
                            message.eventsTaken = $root.segwall.v1.EventsTaken.decode(reader, reader.size(), $undefined, _depth + 1, message.eventsTaken);
                            message.kind = "eventsTaken";
                            continue;
                        }
                    case 5: {
                            if (wireType !== 2)
                                break;
                            message.addressStanding = $root.segwall.v1.AddressStanding.decode(reader, reader.size(), $undefined, _depth + 1, message.addressStanding);
                            message.kind = "addressStanding";
                            continue;
                        }
                    case 6: {
                            if (wireType !== 2)
                                break;
                            message.revisionProof = $root.segwall.v1.RevisionProof.decode(reader, reader.size(), $undefined, _depth + 1, message.revisionProof);
                            message.kind = "revisionProof";
                            continue;
                        }
                    case 7: {
                            if (wireType !== 2)
                                break;
                            message.nextCa = $root.segwall.v1.NextCa.decode(reader, reader.size(), $undefined, _depth + 1, message.nextCa);
                            message.kind = "nextCa";
                            continue;
                        }
                    case 8: {
                            if (wireType !== 2)
                                break;
                            message.announcement = $root.segwall.v1.Announcement.decode(reader, reader.size(), $undefined, _depth + 1, message.announcement);
                            message.kind = "announcement";
                            continue;
                        }
                    }
                    reader.skipType(wireType, _depth, tag);
                    if (!reader.discardUnknown) {
                        $util.makeProp(message, "$unknowns", false);
                        (message.$unknowns || (message.$unknowns = [])).push(reader.raw(start, reader.pos));
                    }
                }
                if (length !== $undefined) {
                    if (reader.pos !== end)
                        throw $RangeError("index out of range");
                    reader.len = length;
                }
                if (_end !== $undefined)
                    throw $Error("missing end group");
                return message;
            };

            return ControlPlaneMessage;
        })();

        v1.Hello = (function() {

            const Hello = function (properties) {
                this.cutOff = [];
                if (properties)
                    for (let keys = $Object.keys(properties), i = 0; i < keys.length; ++i)
                        if (properties[keys[i]] != null && keys[i] !== "__proto__")
                            this[keys[i]] = properties[keys[i]];
            };

            Hello.prototype.agentVersion = "";
            Hello.prototype.report = null;
            Hello.prototype.held = null;
            Hello.prototype.takesAddressStanding = false;
            Hello.prototype.takesSchedules = false;
            Hello.prototype.takesProof = false;
            Hello.prototype.proof = $util.newBuffer([]);
            Hello.prototype.cutOff = $util.emptyArray;
            Hello.prototype.takesNextCa = false;
            Hello.prototype.takesAnnouncement = false;
            Hello.prototype.asksOnly = false;

            Hello.encode = function (message, writer, _depth) {
                if (!writer)
                    writer = $Writer.create();
                if (_depth === $undefined)
                    _depth = 0;
                if (_depth > $util.recursionLimit)
                    throw $Error("max depth exceeded");
                if (message.agentVersion != null && $Object.hasOwnProperty.call(message, "agentVersion") && message.agentVersion !== "")
                    writer.uint32(10).string(message.agentVersion);
                if (message.report != null && $Object.hasOwnProperty.call(message, "report"))
                    $root.segwall.v1.HostReport.encode(message.report, writer.uint32(18).fork(), _depth + 1).ldelim();
                if (message.held != null && $Object.hasOwnProperty.call(message, "held"))
                    $root.segwall.v1.Held.encode(message.held, writer.uint32(26).fork(), _depth + 1).ldelim();
                if (message.takesAddressStanding != null && $Object.hasOwnProperty.call(message, "takesAddressStanding") && message.takesAddressStanding !== false)
                    writer.uint32(32).bool(message.takesAddressStanding);
                if (message.takesSchedules != null && $Object.hasOwnProperty.call(message, "takesSchedules") && message.takesSchedules !== false)
                    writer.uint32(40).bool(message.takesSchedules);
                if (message.takesProof != null && $Object.hasOwnProperty.call(message, "takesProof") && message.takesProof !== false)
                    writer.uint32(48).bool(message.takesProof);
                if (message.proof != null && $Object.hasOwnProperty.call(message, "proof") && message.proof.length)
                    writer.uint32(58).bytes(message.proof);
                if (message.cutOff != null && message.cutOff.length)
                    for (let i = 0; i < message.cutOff.length; ++i)
                        writer.uint32(66).string(message.cutOff[i]);
                if (message.takesNextCa != null && $Object.hasOwnProperty.call(message, "takesNextCa") && message.takesNextCa !== false)
                    writer.uint32(72).bool(message.takesNextCa);
                if (message.takesAnnouncement != null && $Object.hasOwnProperty.call(message, "takesAnnouncement") && message.takesAnnouncement !== false)
                    writer.uint32(80).bool(message.takesAnnouncement);
                if (message.asksOnly != null && $Object.hasOwnProperty.call(message, "asksOnly") && message.asksOnly !== false)
                    writer.uint32(88).bool(message.asksOnly);
                if (message.$unknowns != null && $Object.hasOwnProperty.call(message, "$unknowns"))
                    for (let i = 0; i < message.$unknowns.length; ++i)
                        writer.raw(message.$unknowns[i]);
                return writer;
            };

            Hello.decode = function (reader, length, _end, _depth, _target) {
                if (!(reader instanceof $Reader))
                    reader = $Reader.create(reader);
                if (_depth === $undefined)
                    _depth = 0;
                if (_depth > $Reader.recursionLimit)
                    throw $Error("max depth exceeded");
                let end, message, value;
                if (length === $undefined)
                    end = reader.len;
                else {
                    end = reader.pos + length;
                    if (end > reader.len)
                        throw $RangeError("index out of range");
                    length = reader.len;
                    reader.len = end;
                }
                message = _target || new $root.segwall.v1.Hello();
                while (reader.pos < end) {
                    let start = reader.pos;
                    let tag = reader.tag();
                    if (tag === _end) {
                        _end = $undefined;
                        break;
                    }
                    let wireType = tag & 7;
                    switch (tag >>>= 3) {
                    case 1: {
                            if (wireType !== 2)
                                break;
                            if ((value = reader.stringVerify()).length)
                                message.agentVersion = value;
                            else
                                delete message.agentVersion;
                            continue;
                        }
                    case 2: {
                            if (wireType !== 2)
                                break;
                            message.report = $root.segwall.v1.HostReport.decode(reader, reader.size(), $undefined, _depth + 1, message.report);
                            continue;
                        }
                    case 3: {
                            if (wireType !== 2)
                                break;
                            message.held = $root.segwall.v1.Held.decode(reader, reader.size(), $undefined, _depth + 1, message.held);
                            continue;
                        }
                    case 4: {
                            if (wireType !== 0)
                                break;
                            if (value = reader.bool())
                                message.takesAddressStanding = value;
                            else
                                delete message.takesAddressStanding;
                            continue;
                        }
                    case 5: {
                            if (wireType !== 0)
                                break;
                            if (value = reader.bool())
                                message.takesSchedules = value;
                            else
                                delete message.takesSchedules;
                            continue;
                        }
                    case 6: {
                            if (wireType !== 0)
                                break;
                            if (value = reader.bool())
                                message.takesProof = value;
                            else
                                delete message.takesProof;
                            continue;
                        }
                    case 7: {
                            if (wireType !== 2)
                                break;
                            if ((value = reader.bytes()).length)
                                message.proof = value;
                            else
                                delete message.proof;
                            continue;
                        }
                    case 8: {
                            if (wireType !== 2)
                                break;
                            if (!(message.cutOff && message.cutOff.length))
                                message.cutOff = [];
                            message.cutOff.push(reader.stringVerify());
                            continue;
                        }
                    case 9: {
                            if (wireType !== 0)
                                break;
                            if (value = reader.bool())
                                message.takesNextCa = value;
                            else
                                delete message.takesNextCa;
                            continue;
                        }
                    case 10: {
                            if (wireType !== 0)
                                break;
                            if (value = reader.bool())
                                message.takesAnnouncement = value;
                            else
                                delete message.takesAnnouncement;
                            continue;
                        }
                    case 11: {
                            if (wireType !== 0)
                                break;
                            if (value = reader.bool())
                                message.asksOnly = value;
                            else
                                delete message.asksOnly;
                            continue;
                        }
                    }
                    reader.skipType(wireType, _depth, tag);
                    if (!reader.discardUnknown) {
                        $util.makeProp(message, "$unknowns", false);
                        (message.$unknowns || (message.$unknowns = [])).push(reader.raw(start, reader.pos));
                    }
                }
                if (length !== $undefined) {
                    if (reader.pos !== end)
                        throw $RangeError("index out of range");
                    reader.len = length;
                }
                if (_end !== $undefined)
                    throw $Error("missing end group");
                return message;
            };

            return Hello;
        })();

        v1.Held = (function() {

            const Held = function (properties) {
                if (properties)
                    for (let keys = $Object.keys(properties), i = 0; i < keys.length; ++i)
                        if (properties[keys[i]] != null && keys[i] !== "__proto__")
                            this[keys[i]] = properties[keys[i]];
            };

            Held.prototype.revision = $util.Long ? $util.Long.fromBits(0,0,true) : 0;
            Held.prototype.digest = $util.newBuffer([]);

            Held.encode = function (message, writer, _depth) {
                if (!writer)
                    writer = $Writer.create();
                if (_depth === $undefined)
                    _depth = 0;
                if (_depth > $util.recursionLimit)
                    throw $Error("max depth exceeded");
                if (message.revision != null && $Object.hasOwnProperty.call(message, "revision") && (typeof message.revision === "object" ? message.revision.low || message.revision.high : message.revision !== 0))
                    writer.uint32(8).uint64(message.revision);
                if (message.digest != null && $Object.hasOwnProperty.call(message, "digest") && message.digest.length)
                    writer.uint32(18).bytes(message.digest);
                if (message.$unknowns != null && $Object.hasOwnProperty.call(message, "$unknowns"))
                    for (let i = 0; i < message.$unknowns.length; ++i)
                        writer.raw(message.$unknowns[i]);
                return writer;
            };

            Held.decode = function (reader, length, _end, _depth, _target) {
                if (!(reader instanceof $Reader))
                    reader = $Reader.create(reader);
                if (_depth === $undefined)
                    _depth = 0;
                if (_depth > $Reader.recursionLimit)
                    throw $Error("max depth exceeded");
                let end, message, value;
                if (length === $undefined)
                    end = reader.len;
                else {
                    end = reader.pos + length;
                    if (end > reader.len)
                        throw $RangeError("index out of range");
                    length = reader.len;
                    reader.len = end;
                }
                message = _target || new $root.segwall.v1.Held();
                while (reader.pos < end) {
                    let start = reader.pos;
                    let tag = reader.tag();
                    if (tag === _end) {
                        _end = $undefined;
                        break;
                    }
                    let wireType = tag & 7;
                    switch (tag >>>= 3) {
                    case 1: {
                            if (wireType !== 0)
                                break;
                            if (typeof (value = reader.uint64()) === "object" ? value.low || value.high : value !== 0)
                                message.revision = value;
                            else
                                delete message.revision;
                            continue;
                        }
                    case 2: {
                            if (wireType !== 2)
                                break;
                            if ((value = reader.bytes()).length)
                                message.digest = value;
                            else
                                delete message.digest;
                            continue;
                        }
                    }
                    reader.skipType(wireType, _depth, tag);
                    if (!reader.discardUnknown) {
                        $util.makeProp(message, "$unknowns", false);
                        (message.$unknowns || (message.$unknowns = [])).push(reader.raw(start, reader.pos));
                    }
                }
                if (length !== $undefined) {
                    if (reader.pos !== end)
                        throw $RangeError("index out of range");
                    reader.len = length;
                }
                if (_end !== $undefined)
                    throw $Error("missing end group");
                return message;
            };

            return Held;
        })();

        v1.HostReport = (function() {

            const HostReport = function (properties) {
                this.addresses = [];
                this.facts = {};
                if (properties)
                    for (let keys = $Object.keys(properties), i = 0; i < keys.length; ++i)
                        if (properties[keys[i]] != null && keys[i] !== "__proto__")
                            this[keys[i]] = properties[keys[i]];
            };

            HostReport.prototype.addresses = $util.emptyArray;
            HostReport.prototype.facts = $util.emptyObject;
            HostReport.prototype.units = null;
            HostReport.prototype.containers = null;

            HostReport.encode = function (message, writer, _depth) {
                if (!writer)
                    writer = $Writer.create();
                if (_depth === $undefined)
                    _depth = 0;
                if (_depth > $util.recursionLimit)
                    throw $Error("max depth exceeded");
                if (message.addresses != null && message.addresses.length)
                    for (let i = 0; i < message.addresses.length; ++i)
                        writer.uint32(10).string(message.addresses[i]);
                if (message.facts != null && $Object.hasOwnProperty.call(message, "facts"))
                    for (let keys = $Object.keys(message.facts), i = 0; i < keys.length; ++i)
                        writer.uint32(18).fork().uint32(10).string(keys[i]).uint32(18).string(message.facts[keys[i]]).ldelim();
                if (message.units != null && $Object.hasOwnProperty.call(message, "units"))
                    $root.segwall.v1.DiscoveredUnits.encode(message.units, writer.uint32(26).fork(), _depth + 1).ldelim();
                if (message.containers != null && $Object.hasOwnProperty.call(message, "containers"))
                    $root.segwall.v1.DiscoveredContainers.encode(message.containers, writer.uint32(34).fork(), _depth + 1).ldelim();
                if (message.$unknowns != null && $Object.hasOwnProperty.call(message, "$unknowns"))
                    for (let i = 0; i < message.$unknowns.length; ++i)
                        writer.raw(message.$unknowns[i]);
                return writer;
            };

            HostReport.decode = function (reader, length, _end, _depth, _target) {
                if (!(reader instanceof $Reader))
                    reader = $Reader.create(reader);
                if (_depth === $undefined)
                    _depth = 0;
                if (_depth > $Reader.recursionLimit)
                    throw $Error("max depth exceeded");
                let end, message, key, value;
                if (length === $undefined)
                    end = reader.len;
                else {
                    end = reader.pos + length;
                    if (end > reader.len)
                        throw $RangeError("index out of range");
                    length = reader.len;
                    reader.len = end;
                }
                message = _target || new $root.segwall.v1.HostReport();
                while (reader.pos < end) {
                    let start = reader.pos;
                    let tag = reader.tag();
                    if (tag === _end) {
                        _end = $undefined;
                        break;
                    }
                    let wireType = tag & 7;
                    switch (tag >>>= 3) {
                    case 1: {
                            if (wireType !== 2)
                                break;
                            if (!(message.addresses && message.addresses.length))
                                message.addresses = [];
                            message.addresses.push(reader.stringVerify());
                            continue;
                        }
                    case 2: {
                            if (wireType !== 2)
                                break;
                            if (message.facts === $util.emptyObject)
                                message.facts = {};
                            let end2 = reader.size() + reader.pos;
                            if (end2 > reader.len)
                                throw $RangeError("index out of range");
                            reader.len = end2;
                            key = "";
                            value = "";
                            while (reader.pos < end2) {
                                let tag2 = reader.tag();
                                wireType = tag2 & 7;
                                switch (tag2 >>>= 3) {
                                case 1:
                                    if (wireType !== 2)
                                        break;
                                    key = reader.stringVerify();
                                    continue;
                                case 2:
                                    if (wireType !== 2)
                                        break;
                                    value = reader.stringVerify();
                                    continue;
                                }
                                reader.skipType(wireType, _depth, tag2);
                            }
                            if (reader.pos !== end2)
                                throw $RangeError("index out of range");
                            reader.len = end;
                            if (key === "__proto__")
                                $util.makeProp(message.facts, key);
                            message.facts[key] = value;
                            continue;
                        }
                    case 3: {
                            if (wireType !== 2)
                                break;
                            message.units = $root.segwall.v1.DiscoveredUnits.decode(reader, reader.size(), $undefined, _depth + 1, message.units);
                            continue;
                        }
                    case 4: {
                            if (wireType !== 2)
                                break;
                            message.containers = $root.segwall.v1.DiscoveredContainers.decode(reader, reader.size(), $undefined, _depth + 1, message.containers);
                            continue;
                        }
                    }
                    reader.skipType(wireType, _depth, tag);
                    if (!reader.discardUnknown) {
                        $util.makeProp(message, "$unknowns", false);
                        (message.$unknowns || (message.$unknowns = [])).push(reader.raw(start, reader.pos));
                    }
                }
                if (length !== $undefined) {
                    if (reader.pos !== end)
                        throw $RangeError("index out of range");
                    reader.len = length;
                }
                if (_end !== $undefined)
                    throw $Error("missing end group");
                return message;
            };

            return HostReport;
        })();

        v1.DiscoveredContainers = (function() {

            const DiscoveredContainers = function (properties) {
                this.containers = [];
                if (properties)
                    for (let keys = $Object.keys(properties), i = 0; i < keys.length; ++i)
                        if (properties[keys[i]] != null && keys[i] !== "__proto__")
                            this[keys[i]] = properties[keys[i]];
            };

            DiscoveredContainers.prototype.containers = $util.emptyArray;

            DiscoveredContainers.encode = function (message, writer, _depth) {
                if (!writer)
                    writer = $Writer.create();
                if (_depth === $undefined)
                    _depth = 0;
                if (_depth > $util.recursionLimit)
                    throw $Error("max depth exceeded");
                if (message.containers != null && message.containers.length)
                    for (let i = 0; i < message.containers.length; ++i)
                        $root.segwall.v1.DiscoveredContainer.encode(message.containers[i], writer.uint32(10).fork(), _depth + 1).ldelim();
                if (message.$unknowns != null && $Object.hasOwnProperty.call(message, "$unknowns"))
                    for (let i = 0; i < message.$unknowns.length; ++i)
                        writer.raw(message.$unknowns[i]);
                return writer;
            };

            DiscoveredContainers.decode = function (reader, length, _end, _depth, _target) {
                if (!(reader instanceof $Reader))
                    reader = $Reader.create(reader);
                if (_depth === $undefined)
                    _depth = 0;
                if (_depth > $Reader.recursionLimit)
                    throw $Error("max depth exceeded");
                let end, message;
                if (length === $undefined)
                    end = reader.len;
                else {
                    end = reader.pos + length;
                    if (end > reader.len)
                        throw $RangeError("index out of range");
                    length = reader.len;
                    reader.len = end;
                }
                message = _target || new $root.segwall.v1.DiscoveredContainers();
                while (reader.pos < end) {
                    let start = reader.pos;
                    let tag = reader.tag();
                    if (tag === _end) {
                        _end = $undefined;
                        break;
                    }
                    let wireType = tag & 7;
                    switch (tag >>>= 3) {
                    case 1: {
                            if (wireType !== 2)
                                break;
                            if (!(message.containers && message.containers.length))
                                message.containers = [];
                            message.containers.push($root.segwall.v1.DiscoveredContainer.decode(reader, reader.size(), $undefined, _depth + 1));
                            continue;
                        }
                    }
                    reader.skipType(wireType, _depth, tag);
                    if (!reader.discardUnknown) {
                        $util.makeProp(message, "$unknowns", false);
                        (message.$unknowns || (message.$unknowns = [])).push(reader.raw(start, reader.pos));
                    }
                }
                if (length !== $undefined) {
                    if (reader.pos !== end)
                        throw $RangeError("index out of range");
                    reader.len = length;
                }
                if (_end !== $undefined)
                    throw $Error("missing end group");
                return message;
            };

            return DiscoveredContainers;
        })();

        v1.DiscoveredContainer = (function() {

            const DiscoveredContainer = function (properties) {
                this.addresses = [];
                this.reachable = [];
                if (properties)
                    for (let keys = $Object.keys(properties), i = 0; i < keys.length; ++i)
                        if (properties[keys[i]] != null && keys[i] !== "__proto__")
                            this[keys[i]] = properties[keys[i]];
            };

            DiscoveredContainer.prototype.name = "";
            DiscoveredContainer.prototype.addresses = $util.emptyArray;
            DiscoveredContainer.prototype.reachable = $util.emptyArray;

            DiscoveredContainer.encode = function (message, writer, _depth) {
                if (!writer)
                    writer = $Writer.create();
                if (_depth === $undefined)
                    _depth = 0;
                if (_depth > $util.recursionLimit)
                    throw $Error("max depth exceeded");
                if (message.name != null && $Object.hasOwnProperty.call(message, "name") && message.name !== "")
                    writer.uint32(10).string(message.name);
                if (message.addresses != null && message.addresses.length)
                    for (let i = 0; i < message.addresses.length; ++i)
                        writer.uint32(18).string(message.addresses[i]);
                if (message.reachable != null && message.reachable.length)
                    for (let i = 0; i < message.reachable.length; ++i)
                        writer.uint32(26).string(message.reachable[i]);
                if (message.$unknowns != null && $Object.hasOwnProperty.call(message, "$unknowns"))
                    for (let i = 0; i < message.$unknowns.length; ++i)
                        writer.raw(message.$unknowns[i]);
                return writer;
            };

            DiscoveredContainer.decode = function (reader, length, _end, _depth, _target) {
                if (!(reader instanceof $Reader))
                    reader = $Reader.create(reader);
                if (_depth === $undefined)
                    _depth = 0;
                if (_depth > $Reader.recursionLimit)
                    throw $Error("max depth exceeded");
                let end, message, value;
                if (length === $undefined)
                    end = reader.len;
                else {
                    end = reader.pos + length;
                    if (end > reader.len)
                        throw $RangeError("index out of range");
                    length = reader.len;
                    reader.len = end;
                }
                message = _target || new $root.segwall.v1.DiscoveredContainer();
                while (reader.pos < end) {
                    let start = reader.pos;
                    let tag = reader.tag();
                    if (tag === _end) {
                        _end = $undefined;
                        break;
                    }
                    let wireType = tag & 7;
                    switch (tag >>>= 3) {
                    case 1: {
                            if (wireType !== 2)
                                break;
                            if ((value = reader.stringVerify()).length)
                                message.name = value;
                            else
                                delete message.name;
                            continue;
                        }
                    case 2: {
                            if (wireType !== 2)
                                break;
                            if (!(message.addresses && message.addresses.length))
                                message.addresses = [];
                            message.addresses.push(reader.stringVerify());
                            continue;
                        }
                    case 3: {
                            if (wireType !== 2)
                                break;
                            if (!(message.reachable && message.reachable.length))
                                message.reachable = [];
                            message.reachable.push(reader.stringVerify());
                            continue;
                        }
                    }
                    reader.skipType(wireType, _depth, tag);
                    if (!reader.discardUnknown) {
                        $util.makeProp(message, "$unknowns", false);
                        (message.$unknowns || (message.$unknowns = [])).push(reader.raw(start, reader.pos));
                    }
                }
                if (length !== $undefined) {
                    if (reader.pos !== end)
                        throw $RangeError("index out of range");
                    reader.len = length;
                }
                if (_end !== $undefined)
                    throw $Error("missing end group");
                return message;
            };

            return DiscoveredContainer;
        })();

        v1.DiscoveredUnits = (function() {

            const DiscoveredUnits = function (properties) {
                this.names = [];
                if (properties)
                    for (let keys = $Object.keys(properties), i = 0; i < keys.length; ++i)
                        if (properties[keys[i]] != null && keys[i] !== "__proto__")
                            this[keys[i]] = properties[keys[i]];
            };

            DiscoveredUnits.prototype.names = $util.emptyArray;

            DiscoveredUnits.encode = function (message, writer, _depth) {
                if (!writer)
                    writer = $Writer.create();
                if (_depth === $undefined)
                    _depth = 0;
                if (_depth > $util.recursionLimit)
                    throw $Error("max depth exceeded");
                if (message.names != null && message.names.length)
                    for (let i = 0; i < message.names.length; ++i)
                        writer.uint32(10).string(message.names[i]);
                if (message.$unknowns != null && $Object.hasOwnProperty.call(message, "$unknowns"))
                    for (let i = 0; i < message.$unknowns.length; ++i)
                        writer.raw(message.$unknowns[i]);
                return writer;
            };

            DiscoveredUnits.decode = function (reader, length, _end, _depth, _target) {
                if (!(reader instanceof $Reader))
                    reader = $Reader.create(reader);
                if (_depth === $undefined)
                    _depth = 0;
                if (_depth > $Reader.recursionLimit)
                    throw $Error("max depth exceeded");
                let end, message;
                if (length === $undefined)
                    end = reader.len;
                else {
                    end = reader.pos + length;
                    if (end > reader.len)
                        throw $RangeError("index out of range");
                    length = reader.len;
                    reader.len = end;
                }
                message = _target || new $root.segwall.v1.DiscoveredUnits();
                while (reader.pos < end) {
                    let start = reader.pos;
                    let tag = reader.tag();
                    if (tag === _end) {
                        _end = $undefined;
                        break;
                    }
                    let wireType = tag & 7;
                    switch (tag >>>= 3) {
                    case 1: {
                            if (wireType !== 2)
                                break;
                            if (!(message.names && message.names.length))
                                message.names = [];
                            message.names.push(reader.stringVerify());
                            continue;
                        }
                    }
                    reader.skipType(wireType, _depth, tag);
                    if (!reader.discardUnknown) {
                        $util.makeProp(message, "$unknowns", false);
                        (message.$unknowns || (message.$unknowns = [])).push(reader.raw(start, reader.pos));
                    }
                }
                if (length !== $undefined) {
                    if (reader.pos !== end)
                        throw $RangeError("index out of range");
                    reader.len = length;
                }
                if (_end !== $undefined)
                    throw $Error("missing end group");
                return message;
            };

            return DiscoveredUnits;
        })();

        v1.Ack = (function() {

            const Ack = function (properties) {
                if (properties)
                    for (let keys = $Object.keys(properties), i = 0; i < keys.length; ++i)
                        if (properties[keys[i]] != null && keys[i] !== "__proto__")
                            this[keys[i]] = properties[keys[i]];
            };

            Ack.prototype.revision = $util.Long ? $util.Long.fromBits(0,0,true) : 0;

            Ack.encode = function (message, writer, _depth) {
                if (!writer)
                    writer = $Writer.create();
                if (_depth === $undefined)
                    _depth = 0;
                if (_depth > $util.recursionLimit)
                    throw $Error("max depth exceeded");
                if (message.revision != null && $Object.hasOwnProperty.call(message, "revision") && (typeof message.revision === "object" ? message.revision.low || message.revision.high : message.revision !== 0))
                    writer.uint32(8).uint64(message.revision);
                if (message.$unknowns != null && $Object.hasOwnProperty.call(message, "$unknowns"))
                    for (let i = 0; i < message.$unknowns.length; ++i)
                        writer.raw(message.$unknowns[i]);
                return writer;
            };

            Ack.decode = function (reader, length, _end, _depth, _target) {
                if (!(reader instanceof $Reader))
                    reader = $Reader.create(reader);
                if (_depth === $undefined)
                    _depth = 0;
                if (_depth > $Reader.recursionLimit)
                    throw $Error("max depth exceeded");
                let end, message, value;
                if (length === $undefined)
                    end = reader.len;
                else {
                    end = reader.pos + length;
                    if (end > reader.len)
                        throw $RangeError("index out of range");
                    length = reader.len;
                    reader.len = end;
                }
                message = _target || new $root.segwall.v1.Ack();
                while (reader.pos < end) {
                    let start = reader.pos;
                    let tag = reader.tag();
                    if (tag === _end) {
                        _end = $undefined;
                        break;
                    }
                    let wireType = tag & 7;
                    switch (tag >>>= 3) {
                    case 1: {
                            if (wireType !== 0)
                                break;
                            if (typeof (value = reader.uint64()) === "object" ? value.low || value.high : value !== 0)
                                message.revision = value;
                            else
                                delete message.revision;
                            continue;
                        }
                    }
                    reader.skipType(wireType, _depth, tag);
                    if (!reader.discardUnknown) {
                        $util.makeProp(message, "$unknowns", false);
                        (message.$unknowns || (message.$unknowns = [])).push(reader.raw(start, reader.pos));
                    }
                }
                if (length !== $undefined) {
                    if (reader.pos !== end)
                        throw $RangeError("index out of range");
                    reader.len = length;
                }
                if (_end !== $undefined)
                    throw $Error("missing end group");
                return message;
            };

            return Ack;
        })();

        v1.Nack = (function() {

            const Nack = function (properties) {
                if (properties)
                    for (let keys = $Object.keys(properties), i = 0; i < keys.length; ++i)
                        if (properties[keys[i]] != null && keys[i] !== "__proto__")
                            this[keys[i]] = properties[keys[i]];
            };

            Nack.prototype.revision = $util.Long ? $util.Long.fromBits(0,0,true) : 0;
            Nack.prototype.reason = "";
            Nack.prototype.kind = 0;

            Nack.encode = function (message, writer, _depth) {
                if (!writer)
                    writer = $Writer.create();
                if (_depth === $undefined)
                    _depth = 0;
                if (_depth > $util.recursionLimit)
                    throw $Error("max depth exceeded");
                if (message.revision != null && $Object.hasOwnProperty.call(message, "revision") && (typeof message.revision === "object" ? message.revision.low || message.revision.high : message.revision !== 0))
                    writer.uint32(8).uint64(message.revision);
                if (message.reason != null && $Object.hasOwnProperty.call(message, "reason") && message.reason !== "")
                    writer.uint32(18).string(message.reason);
                if (message.kind != null && $Object.hasOwnProperty.call(message, "kind") && message.kind !== 0)
                    writer.uint32(24).int32(message.kind);
                if (message.$unknowns != null && $Object.hasOwnProperty.call(message, "$unknowns"))
                    for (let i = 0; i < message.$unknowns.length; ++i)
                        writer.raw(message.$unknowns[i]);
                return writer;
            };

            Nack.decode = function (reader, length, _end, _depth, _target) {
                if (!(reader instanceof $Reader))
                    reader = $Reader.create(reader);
                if (_depth === $undefined)
                    _depth = 0;
                if (_depth > $Reader.recursionLimit)
                    throw $Error("max depth exceeded");
                let end, message, value;
                if (length === $undefined)
                    end = reader.len;
                else {
                    end = reader.pos + length;
                    if (end > reader.len)
                        throw $RangeError("index out of range");
                    length = reader.len;
                    reader.len = end;
                }
                message = _target || new $root.segwall.v1.Nack();
                while (reader.pos < end) {
                    let start = reader.pos;
                    let tag = reader.tag();
                    if (tag === _end) {
                        _end = $undefined;
                        break;
                    }
                    let wireType = tag & 7;
                    switch (tag >>>= 3) {
                    case 1: {
                            if (wireType !== 0)
                                break;
                            if (typeof (value = reader.uint64()) === "object" ? value.low || value.high : value !== 0)
                                message.revision = value;
                            else
                                delete message.revision;
                            continue;
                        }
                    case 2: {
                            if (wireType !== 2)
                                break;
                            if ((value = reader.stringVerify()).length)
                                message.reason = value;
                            else
                                delete message.reason;
                            continue;
                        }
                    case 3: {
                            if (wireType !== 0)
                                break;
                            if (value = reader.int32())
                                message.kind = value;
                            else
                                delete message.kind;
                            continue;
                        }
                    }
                    reader.skipType(wireType, _depth, tag);
                    if (!reader.discardUnknown) {
                        $util.makeProp(message, "$unknowns", false);
                        (message.$unknowns || (message.$unknowns = [])).push(reader.raw(start, reader.pos));
                    }
                }
                if (length !== $undefined) {
                    if (reader.pos !== end)
                        throw $RangeError("index out of range");
                    reader.len = length;
                }
                if (_end !== $undefined)
                    throw $Error("missing end group");
                return message;
            };

            return Nack;
        })();

        v1.NackKind = (function() {
            const valuesById = $Object.create(null), values = $Object.create(valuesById);
            values[valuesById[0] = "NACK_KIND_UNSPECIFIED"] = 0;
            values[valuesById[1] = "REFUSED"] = 1;
            values[valuesById[2] = "NEED_SNAPSHOT"] = 2;
            return values;
        })();

        v1.Status = (function() {

            const Status = function (properties) {
                this.warnings = [];
                this.unjudgedUnits = [];
                if (properties)
                    for (let keys = $Object.keys(properties), i = 0; i < keys.length; ++i)
                        if (properties[keys[i]] != null && keys[i] !== "__proto__")
                            this[keys[i]] = properties[keys[i]];
            };

            Status.prototype.revision = $util.Long ? $util.Long.fromBits(0,0,true) : 0;
            Status.prototype.enforcing = false;
            Status.prototype.lost = $util.Long ? $util.Long.fromBits(0,0,true) : 0;
            Status.prototype.spooledBatches = $util.Long ? $util.Long.fromBits(0,0,true) : 0;
            Status.prototype.repairs = $util.Long ? $util.Long.fromBits(0,0,true) : 0;
            Status.prototype.problem = "";
            Status.prototype.panic = null;
            Status.prototype.warnings = $util.emptyArray;
            Status.prototype.unjudgedUnits = $util.emptyArray;
            Status.prototype.clock = $util.Long ? $util.Long.fromBits(0,0,true) : 0;
            Status.prototype.following = null;

            Status.encode = function (message, writer, _depth) {
                if (!writer)
                    writer = $Writer.create();
                if (_depth === $undefined)
                    _depth = 0;
                if (_depth > $util.recursionLimit)
                    throw $Error("max depth exceeded");
                if (message.revision != null && $Object.hasOwnProperty.call(message, "revision") && (typeof message.revision === "object" ? message.revision.low || message.revision.high : message.revision !== 0))
                    writer.uint32(8).uint64(message.revision);
                if (message.enforcing != null && $Object.hasOwnProperty.call(message, "enforcing") && message.enforcing !== false)
                    writer.uint32(16).bool(message.enforcing);
                if (message.lost != null && $Object.hasOwnProperty.call(message, "lost") && (typeof message.lost === "object" ? message.lost.low || message.lost.high : message.lost !== 0))
                    writer.uint32(24).uint64(message.lost);
                if (message.spooledBatches != null && $Object.hasOwnProperty.call(message, "spooledBatches") && (typeof message.spooledBatches === "object" ? message.spooledBatches.low || message.spooledBatches.high : message.spooledBatches !== 0))
                    writer.uint32(32).uint64(message.spooledBatches);
                if (message.repairs != null && $Object.hasOwnProperty.call(message, "repairs") && (typeof message.repairs === "object" ? message.repairs.low || message.repairs.high : message.repairs !== 0))
                    writer.uint32(40).uint64(message.repairs);
                if (message.problem != null && $Object.hasOwnProperty.call(message, "problem") && message.problem !== "")
                    writer.uint32(50).string(message.problem);
                if (message.panic != null && $Object.hasOwnProperty.call(message, "panic"))
                    $root.segwall.v1.Panic.encode(message.panic, writer.uint32(58).fork(), _depth + 1).ldelim();
                if (message.warnings != null && message.warnings.length)
                    for (let i = 0; i < message.warnings.length; ++i)
                        writer.uint32(66).string(message.warnings[i]);
                if (message.unjudgedUnits != null && message.unjudgedUnits.length)
                    for (let i = 0; i < message.unjudgedUnits.length; ++i)
                        writer.uint32(74).string(message.unjudgedUnits[i]);
                if (message.clock != null && $Object.hasOwnProperty.call(message, "clock") && (typeof message.clock === "object" ? message.clock.low || message.clock.high : message.clock !== 0))
                    writer.uint32(80).uint64(message.clock);
                if (message.following != null && $Object.hasOwnProperty.call(message, "following"))
                    $root.segwall.v1.Following.encode(message.following, writer.uint32(90).fork(), _depth + 1).ldelim();
                if (message.$unknowns != null && $Object.hasOwnProperty.call(message, "$unknowns"))
                    for (let i = 0; i < message.$unknowns.length; ++i)
                        writer.raw(message.$unknowns[i]);
                return writer;
            };

            Status.decode = function (reader, length, _end, _depth, _target) {
                if (!(reader instanceof $Reader))
                    reader = $Reader.create(reader);
                if (_depth === $undefined)
                    _depth = 0;
                if (_depth > $Reader.recursionLimit)
                    throw $Error("max depth exceeded");
                let end, message, value;
                if (length === $undefined)
                    end = reader.len;
                else {
                    end = reader.pos + length;
                    if (end > reader.len)
                        throw $RangeError("index out of range");
                    length = reader.len;
                    reader.len = end;
                }
                message = _target || new $root.segwall.v1.Status();
                while (reader.pos < end) {
                    let start = reader.pos;
                    let tag = reader.tag();
                    if (tag === _end) {
                        _end = $undefined;
                        break;
                    }
                    let wireType = tag & 7;
                    switch (tag >>>= 3) {
                    case 1: {
                            if (wireType !== 0)
                                break;
                            if (typeof (value = reader.uint64()) === "object" ? value.low || value.high : value !== 0)
                                message.revision = value;
                            else
                                delete message.revision;
                            continue;
                        }
                    case 2: {
                            if (wireType !== 0)
                                break;
                            if (value = reader.bool())
                                message.enforcing = value;
                            else
                                delete message.enforcing;
                            continue;
                        }
                    case 3: {
                            if (wireType !== 0)
                                break;
                            if (typeof (value = reader.uint64()) === "object" ? value.low || value.high : value !== 0)
                                message.lost = value;
                            else
                                delete message.lost;
                            continue;
                        }
                    case 4: {
                            if (wireType !== 0)
                                break;
                            if (typeof (value = reader.uint64()) === "object" ? value.low || value.high : value !== 0)
                                message.spooledBatches = value;
                            else
                                delete message.spooledBatches;
                            continue;
                        }
                    case 5: {
                            if (wireType !== 0)
                                break;
                            if (typeof (value = reader.uint64()) === "object" ? value.low || value.high : value !== 0)
                                message.repairs = value;
                            else
                                delete message.repairs;
                            continue;
                        }
                    case 6: {
                            if (wireType !== 2)
                                break;
                            if ((value = reader.stringVerify()).length)
                                message.problem = value;
                            else
                                delete message.problem;
                            continue;
                        }
                    case 7: {
                            if (wireType !== 2)
                                break;
                            message.panic = $root.segwall.v1.Panic.decode(reader, reader.size(), $undefined, _depth + 1, message.panic);
                            continue;
                        }
                    case 8: {
                            if (wireType !== 2)
                                break;
                            if (!(message.warnings && message.warnings.length))
                                message.warnings = [];
                            message.warnings.push(reader.stringVerify());
                            continue;
                        }
                    case 9: {
                            if (wireType !== 2)
                                break;
                            if (!(message.unjudgedUnits && message.unjudgedUnits.length))
                                message.unjudgedUnits = [];
                            message.unjudgedUnits.push(reader.stringVerify());
                            continue;
                        }
                    case 10: {
                            if (wireType !== 0)
                                break;
                            if (typeof (value = reader.uint64()) === "object" ? value.low || value.high : value !== 0)
                                message.clock = value;
                            else
                                delete message.clock;
                            continue;
                        }
                    case 11: {
                            if (wireType !== 2)
                                break;
                            message.following = $root.segwall.v1.Following.decode(reader, reader.size(), $undefined, _depth + 1, message.following);
                            continue;
                        }
                    }
                    reader.skipType(wireType, _depth, tag);
                    if (!reader.discardUnknown) {
                        $util.makeProp(message, "$unknowns", false);
                        (message.$unknowns || (message.$unknowns = [])).push(reader.raw(start, reader.pos));
                    }
                }
                if (length !== $undefined) {
                    if (reader.pos !== end)
                        throw $RangeError("index out of range");
                    reader.len = length;
                }
                if (_end !== $undefined)
                    throw $Error("missing end group");
                return message;
            };

            return Status;
        })();

        v1.Following = (function() {

            const Following = function (properties) {
                if (properties)
                    for (let keys = $Object.keys(properties), i = 0; i < keys.length; ++i)
                        if (properties[keys[i]] != null && keys[i] !== "__proto__")
                            this[keys[i]] = properties[keys[i]];
            };

            Following.prototype.announcement = $util.Long ? $util.Long.fromBits(0,0,true) : 0;
            Following.prototype.state = 0;
            Following.prototype.problem = "";

            Following.encode = function (message, writer, _depth) {
                if (!writer)
                    writer = $Writer.create();
                if (_depth === $undefined)
                    _depth = 0;
                if (_depth > $util.recursionLimit)
                    throw $Error("max depth exceeded");
                if (message.announcement != null && $Object.hasOwnProperty.call(message, "announcement") && (typeof message.announcement === "object" ? message.announcement.low || message.announcement.high : message.announcement !== 0))
                    writer.uint32(8).uint64(message.announcement);
                if (message.state != null && $Object.hasOwnProperty.call(message, "state") && message.state !== 0)
                    writer.uint32(16).int32(message.state);
                if (message.problem != null && $Object.hasOwnProperty.call(message, "problem") && message.problem !== "")
                    writer.uint32(26).string(message.problem);
                if (message.$unknowns != null && $Object.hasOwnProperty.call(message, "$unknowns"))
                    for (let i = 0; i < message.$unknowns.length; ++i)
                        writer.raw(message.$unknowns[i]);
                return writer;
            };

            Following.decode = function (reader, length, _end, _depth, _target) {
                if (!(reader instanceof $Reader))
                    reader = $Reader.create(reader);
                if (_depth === $undefined)
                    _depth = 0;
                if (_depth > $Reader.recursionLimit)
                    throw $Error("max depth exceeded");
                let end, message, value;
                if (length === $undefined)
                    end = reader.len;
                else {
                    end = reader.pos + length;
                    if (end > reader.len)
                        throw $RangeError("index out of range");
                    length = reader.len;
                    reader.len = end;
                }
                message = _target || new $root.segwall.v1.Following();
                while (reader.pos < end) {
                    let start = reader.pos;
                    let tag = reader.tag();
                    if (tag === _end) {
                        _end = $undefined;
                        break;
                    }
                    let wireType = tag & 7;
                    switch (tag >>>= 3) {
                    case 1: {
                            if (wireType !== 0)
                                break;
                            if (typeof (value = reader.uint64()) === "object" ? value.low || value.high : value !== 0)
                                message.announcement = value;
                            else
                                delete message.announcement;
                            continue;
                        }
                    case 2: {
                            if (wireType !== 0)
                                break;
                            if (value = reader.int32())
                                message.state = value;
                            else
                                delete message.state;
                            continue;
                        }
                    case 3: {
                            if (wireType !== 2)
                                break;
                            if ((value = reader.stringVerify()).length)
                                message.problem = value;
                            else
                                delete message.problem;
                            continue;
                        }
                    }
                    reader.skipType(wireType, _depth, tag);
                    if (!reader.discardUnknown) {
                        $util.makeProp(message, "$unknowns", false);
                        (message.$unknowns || (message.$unknowns = [])).push(reader.raw(start, reader.pos));
                    }
                }
                if (length !== $undefined) {
                    if (reader.pos !== end)
                        throw $RangeError("index out of range");
                    reader.len = length;
                }
                if (_end !== $undefined)
                    throw $Error("missing end group");
                return message;
            };

            return Following;
        })();

        v1.FollowingState = (function() {
            const valuesById = $Object.create(null), values = $Object.create(valuesById);
            values[valuesById[0] = "FOLLOWING_STATE_UNSPECIFIED"] = 0;
            values[valuesById[1] = "NOT_YET"] = 1;
            values[valuesById[2] = "LEAVING"] = 2;
            values[valuesById[3] = "FOLLOWED"] = 3;
            return values;
        })();

        v1.Panic = (function() {

            const Panic = function (properties) {
                if (properties)
                    for (let keys = $Object.keys(properties), i = 0; i < keys.length; ++i)
                        if (properties[keys[i]] != null && keys[i] !== "__proto__")
                            this[keys[i]] = properties[keys[i]];
            };

            Panic.prototype.since = $util.Long ? $util.Long.fromBits(0,0,true) : 0;
            Panic.prototype.reason = "";

            Panic.encode = function (message, writer, _depth) {
                if (!writer)
                    writer = $Writer.create();
                if (_depth === $undefined)
                    _depth = 0;
                if (_depth > $util.recursionLimit)
                    throw $Error("max depth exceeded");
                if (message.since != null && $Object.hasOwnProperty.call(message, "since") && (typeof message.since === "object" ? message.since.low || message.since.high : message.since !== 0))
                    writer.uint32(8).uint64(message.since);
                if (message.reason != null && $Object.hasOwnProperty.call(message, "reason") && message.reason !== "")
                    writer.uint32(18).string(message.reason);
                if (message.$unknowns != null && $Object.hasOwnProperty.call(message, "$unknowns"))
                    for (let i = 0; i < message.$unknowns.length; ++i)
                        writer.raw(message.$unknowns[i]);
                return writer;
            };

            Panic.decode = function (reader, length, _end, _depth, _target) {
                if (!(reader instanceof $Reader))
                    reader = $Reader.create(reader);
                if (_depth === $undefined)
                    _depth = 0;
                if (_depth > $Reader.recursionLimit)
                    throw $Error("max depth exceeded");
                let end, message, value;
                if (length === $undefined)
                    end = reader.len;
                else {
                    end = reader.pos + length;
                    if (end > reader.len)
                        throw $RangeError("index out of range");
                    length = reader.len;
                    reader.len = end;
                }
                message = _target || new $root.segwall.v1.Panic();
                while (reader.pos < end) {
                    let start = reader.pos;
                    let tag = reader.tag();
                    if (tag === _end) {
                        _end = $undefined;
                        break;
                    }
                    let wireType = tag & 7;
                    switch (tag >>>= 3) {
                    case 1: {
                            if (wireType !== 0)
                                break;
                            if (typeof (value = reader.uint64()) === "object" ? value.low || value.high : value !== 0)
                                message.since = value;
                            else
                                delete message.since;
                            continue;
                        }
                    case 2: {
                            if (wireType !== 2)
                                break;
                            if ((value = reader.stringVerify()).length)
                                message.reason = value;
                            else
                                delete message.reason;
                            continue;
                        }
                    }
                    reader.skipType(wireType, _depth, tag);
                    if (!reader.discardUnknown) {
                        $util.makeProp(message, "$unknowns", false);
                        (message.$unknowns || (message.$unknowns = [])).push(reader.raw(start, reader.pos));
                    }
                }
                if (length !== $undefined) {
                    if (reader.pos !== end)
                        throw $RangeError("index out of range");
                    reader.len = length;
                }
                if (_end !== $undefined)
                    throw $Error("missing end group");
                return message;
            };

            return Panic;
        })();

        v1.HostEvents = (function() {

            const HostEvents = function (properties) {
                this.events = [];
                if (properties)
                    for (let keys = $Object.keys(properties), i = 0; i < keys.length; ++i)
                        if (properties[keys[i]] != null && keys[i] !== "__proto__")
                            this[keys[i]] = properties[keys[i]];
            };

            HostEvents.prototype.events = $util.emptyArray;

            HostEvents.encode = function (message, writer, _depth) {
                if (!writer)
                    writer = $Writer.create();
                if (_depth === $undefined)
                    _depth = 0;
                if (_depth > $util.recursionLimit)
                    throw $Error("max depth exceeded");
                if (message.events != null && message.events.length)
                    for (let i = 0; i < message.events.length; ++i)
                        $root.segwall.v1.HostEvent.encode(message.events[i], writer.uint32(10).fork(), _depth + 1).ldelim();
                if (message.$unknowns != null && $Object.hasOwnProperty.call(message, "$unknowns"))
                    for (let i = 0; i < message.$unknowns.length; ++i)
                        writer.raw(message.$unknowns[i]);
                return writer;
            };

            HostEvents.decode = function (reader, length, _end, _depth, _target) {
                if (!(reader instanceof $Reader))
                    reader = $Reader.create(reader);
                if (_depth === $undefined)
                    _depth = 0;
                if (_depth > $Reader.recursionLimit)
                    throw $Error("max depth exceeded");
                let end, message;
                if (length === $undefined)
                    end = reader.len;
                else {
                    end = reader.pos + length;
                    if (end > reader.len)
                        throw $RangeError("index out of range");
                    length = reader.len;
                    reader.len = end;
                }
                message = _target || new $root.segwall.v1.HostEvents();
                while (reader.pos < end) {
                    let start = reader.pos;
                    let tag = reader.tag();
                    if (tag === _end) {
                        _end = $undefined;
                        break;
                    }
                    let wireType = tag & 7;
                    switch (tag >>>= 3) {
                    case 1: {
                            if (wireType !== 2)
                                break;
                            if (!(message.events && message.events.length))
                                message.events = [];
                            message.events.push($root.segwall.v1.HostEvent.decode(reader, reader.size(), $undefined, _depth + 1));
                            continue;
                        }
                    }
                    reader.skipType(wireType, _depth, tag);
                    if (!reader.discardUnknown) {
                        $util.makeProp(message, "$unknowns", false);
                        (message.$unknowns || (message.$unknowns = [])).push(reader.raw(start, reader.pos));
                    }
                }
                if (length !== $undefined) {
                    if (reader.pos !== end)
                        throw $RangeError("index out of range");
                    reader.len = length;
                }
                if (_end !== $undefined)
                    throw $Error("missing end group");
                return message;
            };

            return HostEvents;
        })();

        v1.HostEvent = (function() {

            const HostEvent = function (properties) {
                this.details = {};
                if (properties)
                    for (let keys = $Object.keys(properties), i = 0; i < keys.length; ++i)
                        if (properties[keys[i]] != null && keys[i] !== "__proto__")
                            this[keys[i]] = properties[keys[i]];
            };

            HostEvent.prototype.id = "";
            HostEvent.prototype.happenedAt = $util.Long ? $util.Long.fromBits(0,0,true) : 0;
            HostEvent.prototype.kind = 0;
            HostEvent.prototype.details = $util.emptyObject;

            HostEvent.encode = function (message, writer, _depth) {
                if (!writer)
                    writer = $Writer.create();
                if (_depth === $undefined)
                    _depth = 0;
                if (_depth > $util.recursionLimit)
                    throw $Error("max depth exceeded");
                if (message.id != null && $Object.hasOwnProperty.call(message, "id") && message.id !== "")
                    writer.uint32(10).string(message.id);
                if (message.happenedAt != null && $Object.hasOwnProperty.call(message, "happenedAt") && (typeof message.happenedAt === "object" ? message.happenedAt.low || message.happenedAt.high : message.happenedAt !== 0))
                    writer.uint32(16).uint64(message.happenedAt);
                if (message.kind != null && $Object.hasOwnProperty.call(message, "kind") && message.kind !== 0)
                    writer.uint32(24).int32(message.kind);
                if (message.details != null && $Object.hasOwnProperty.call(message, "details"))
                    for (let keys = $Object.keys(message.details), i = 0; i < keys.length; ++i)
                        writer.uint32(34).fork().uint32(10).string(keys[i]).uint32(18).string(message.details[keys[i]]).ldelim();
                if (message.$unknowns != null && $Object.hasOwnProperty.call(message, "$unknowns"))
                    for (let i = 0; i < message.$unknowns.length; ++i)
                        writer.raw(message.$unknowns[i]);
                return writer;
            };

            HostEvent.decode = function (reader, length, _end, _depth, _target) {
                if (!(reader instanceof $Reader))
                    reader = $Reader.create(reader);
                if (_depth === $undefined)
                    _depth = 0;
                if (_depth > $Reader.recursionLimit)
                    throw $Error("max depth exceeded");
                let end, message, key, value;
                if (length === $undefined)
                    end = reader.len;
                else {
                    end = reader.pos + length;
                    if (end > reader.len)
                        throw $RangeError("index out of range");
                    length = reader.len;
                    reader.len = end;
                }
                message = _target || new $root.segwall.v1.HostEvent();
                while (reader.pos < end) {
                    let start = reader.pos;
                    let tag = reader.tag();
                    if (tag === _end) {
                        _end = $undefined;
                        break;
                    }
                    let wireType = tag & 7;
                    switch (tag >>>= 3) {
                    case 1: {
                            if (wireType !== 2)
                                break;
                            if ((value = reader.stringVerify()).length)
                                message.id = value;
                            else
                                delete message.id;
                            continue;
                        }
                    case 2: {
                            if (wireType !== 0)
                                break;
                            if (typeof (value = reader.uint64()) === "object" ? value.low || value.high : value !== 0)
                                message.happenedAt = value;
                            else
                                delete message.happenedAt;
                            continue;
                        }
                    case 3: {
                            if (wireType !== 0)
                                break;
                            if (value = reader.int32())
                                message.kind = value;
                            else
                                delete message.kind;
                            continue;
                        }
                    case 4: {
                            if (wireType !== 2)
                                break;
                            if (message.details === $util.emptyObject)
                                message.details = {};
                            let end2 = reader.size() + reader.pos;
                            if (end2 > reader.len)
                                throw $RangeError("index out of range");
                            reader.len = end2;
                            key = "";
                            value = "";
                            while (reader.pos < end2) {
                                let tag2 = reader.tag();
                                wireType = tag2 & 7;
                                switch (tag2 >>>= 3) {
                                case 1:
                                    if (wireType !== 2)
                                        break;
                                    key = reader.stringVerify();
                                    continue;
                                case 2:
                                    if (wireType !== 2)
                                        break;
                                    value = reader.stringVerify();
                                    continue;
                                }
                                reader.skipType(wireType, _depth, tag2);
                            }
                            if (reader.pos !== end2)
                                throw $RangeError("index out of range");
                            reader.len = end;
                            if (key === "__proto__")
                                $util.makeProp(message.details, key);
                            message.details[key] = value;
                            continue;
                        }
                    }
                    reader.skipType(wireType, _depth, tag);
                    if (!reader.discardUnknown) {
                        $util.makeProp(message, "$unknowns", false);
                        (message.$unknowns || (message.$unknowns = [])).push(reader.raw(start, reader.pos));
                    }
                }
                if (length !== $undefined) {
                    if (reader.pos !== end)
                        throw $RangeError("index out of range");
                    reader.len = length;
                }
                if (_end !== $undefined)
                    throw $Error("missing end group");
                return message;
            };

            return HostEvent;
        })();

        v1.HostEventKind = (function() {
            const valuesById = $Object.create(null), values = $Object.create(valuesById);
            values[valuesById[0] = "HOST_EVENT_KIND_UNSPECIFIED"] = 0;
            values[valuesById[1] = "TABLE_TAMPERED"] = 1;
            values[valuesById[2] = "OPENED"] = 2;
            values[valuesById[3] = "RESUMED"] = 3;
            values[valuesById[4] = "ESSENTIALS_CHANGED"] = 4;
            return values;
        })();

        v1.Heartbeat = (function() {

            const Heartbeat = function (properties) {
                if (properties)
                    for (let keys = $Object.keys(properties), i = 0; i < keys.length; ++i)
                        if (properties[keys[i]] != null && keys[i] !== "__proto__")
                            this[keys[i]] = properties[keys[i]];
            };

            Heartbeat.prototype.sentAt = $util.Long ? $util.Long.fromBits(0,0,true) : 0;
            Heartbeat.prototype.takesEvents = false;

            Heartbeat.encode = function (message, writer, _depth) {
                if (!writer)
                    writer = $Writer.create();
                if (_depth === $undefined)
                    _depth = 0;
                if (_depth > $util.recursionLimit)
                    throw $Error("max depth exceeded");
                if (message.sentAt != null && $Object.hasOwnProperty.call(message, "sentAt") && (typeof message.sentAt === "object" ? message.sentAt.low || message.sentAt.high : message.sentAt !== 0))
                    writer.uint32(8).uint64(message.sentAt);
                if (message.takesEvents != null && $Object.hasOwnProperty.call(message, "takesEvents") && message.takesEvents !== false)
                    writer.uint32(16).bool(message.takesEvents);
                if (message.$unknowns != null && $Object.hasOwnProperty.call(message, "$unknowns"))
                    for (let i = 0; i < message.$unknowns.length; ++i)
                        writer.raw(message.$unknowns[i]);
                return writer;
            };

            Heartbeat.decode = function (reader, length, _end, _depth, _target) {
                if (!(reader instanceof $Reader))
                    reader = $Reader.create(reader);
                if (_depth === $undefined)
                    _depth = 0;
                if (_depth > $Reader.recursionLimit)
                    throw $Error("max depth exceeded");
                let end, message, value;
                if (length === $undefined)
                    end = reader.len;
                else {
                    end = reader.pos + length;
                    if (end > reader.len)
                        throw $RangeError("index out of range");
                    length = reader.len;
                    reader.len = end;
                }
                message = _target || new $root.segwall.v1.Heartbeat();
                while (reader.pos < end) {
                    let start = reader.pos;
                    let tag = reader.tag();
                    if (tag === _end) {
                        _end = $undefined;
                        break;
                    }
                    let wireType = tag & 7;
                    switch (tag >>>= 3) {
                    case 1: {
                            if (wireType !== 0)
                                break;
                            if (typeof (value = reader.uint64()) === "object" ? value.low || value.high : value !== 0)
                                message.sentAt = value;
                            else
                                delete message.sentAt;
                            continue;
                        }
                    case 2: {
                            if (wireType !== 0)
                                break;
                            if (value = reader.bool())
                                message.takesEvents = value;
                            else
                                delete message.takesEvents;
                            continue;
                        }
                    }
                    reader.skipType(wireType, _depth, tag);
                    if (!reader.discardUnknown) {
                        $util.makeProp(message, "$unknowns", false);
                        (message.$unknowns || (message.$unknowns = [])).push(reader.raw(start, reader.pos));
                    }
                }
                if (length !== $undefined) {
                    if (reader.pos !== end)
                        throw $RangeError("index out of range");
                    reader.len = length;
                }
                if (_end !== $undefined)
                    throw $Error("missing end group");
                return message;
            };

            return Heartbeat;
        })();

        v1.AddressStanding = (function() {

            const AddressStanding = function (properties) {
                this.held = [];
                this.pending = [];
                if (properties)
                    for (let keys = $Object.keys(properties), i = 0; i < keys.length; ++i)
                        if (properties[keys[i]] != null && keys[i] !== "__proto__")
                            this[keys[i]] = properties[keys[i]];
            };

            AddressStanding.prototype.held = $util.emptyArray;
            AddressStanding.prototype.heldCount = 0;
            AddressStanding.prototype.pending = $util.emptyArray;
            AddressStanding.prototype.pendingCount = 0;

            AddressStanding.encode = function (message, writer, _depth) {
                if (!writer)
                    writer = $Writer.create();
                if (_depth === $undefined)
                    _depth = 0;
                if (_depth > $util.recursionLimit)
                    throw $Error("max depth exceeded");
                if (message.held != null && message.held.length)
                    for (let i = 0; i < message.held.length; ++i)
                        writer.uint32(10).string(message.held[i]);
                if (message.heldCount != null && $Object.hasOwnProperty.call(message, "heldCount") && message.heldCount !== 0)
                    writer.uint32(16).uint32(message.heldCount);
                if (message.pending != null && message.pending.length)
                    for (let i = 0; i < message.pending.length; ++i)
                        $root.segwall.v1.PendingAddress.encode(message.pending[i], writer.uint32(26).fork(), _depth + 1).ldelim();
                if (message.pendingCount != null && $Object.hasOwnProperty.call(message, "pendingCount") && message.pendingCount !== 0)
                    writer.uint32(32).uint32(message.pendingCount);
                if (message.$unknowns != null && $Object.hasOwnProperty.call(message, "$unknowns"))
                    for (let i = 0; i < message.$unknowns.length; ++i)
                        writer.raw(message.$unknowns[i]);
                return writer;
            };

            AddressStanding.decode = function (reader, length, _end, _depth, _target) {
                if (!(reader instanceof $Reader))
                    reader = $Reader.create(reader);
                if (_depth === $undefined)
                    _depth = 0;
                if (_depth > $Reader.recursionLimit)
                    throw $Error("max depth exceeded");
                let end, message, value;
                if (length === $undefined)
                    end = reader.len;
                else {
                    end = reader.pos + length;
                    if (end > reader.len)
                        throw $RangeError("index out of range");
                    length = reader.len;
                    reader.len = end;
                }
                message = _target || new $root.segwall.v1.AddressStanding();
                while (reader.pos < end) {
                    let start = reader.pos;
                    let tag = reader.tag();
                    if (tag === _end) {
                        _end = $undefined;
                        break;
                    }
                    let wireType = tag & 7;
                    switch (tag >>>= 3) {
                    case 1: {
                            if (wireType !== 2)
                                break;
                            if (!(message.held && message.held.length))
                                message.held = [];
                            message.held.push(reader.stringVerify());
                            continue;
                        }
                    case 2: {
                            if (wireType !== 0)
                                break;
                            if (value = reader.uint32())
                                message.heldCount = value;
                            else
                                delete message.heldCount;
                            continue;
                        }
                    case 3: {
                            if (wireType !== 2)
                                break;
                            if (!(message.pending && message.pending.length))
                                message.pending = [];
                            message.pending.push($root.segwall.v1.PendingAddress.decode(reader, reader.size(), $undefined, _depth + 1));
                            continue;
                        }
                    case 4: {
                            if (wireType !== 0)
                                break;
                            if (value = reader.uint32())
                                message.pendingCount = value;
                            else
                                delete message.pendingCount;
                            continue;
                        }
                    }
                    reader.skipType(wireType, _depth, tag);
                    if (!reader.discardUnknown) {
                        $util.makeProp(message, "$unknowns", false);
                        (message.$unknowns || (message.$unknowns = [])).push(reader.raw(start, reader.pos));
                    }
                }
                if (length !== $undefined) {
                    if (reader.pos !== end)
                        throw $RangeError("index out of range");
                    reader.len = length;
                }
                if (_end !== $undefined)
                    throw $Error("missing end group");
                return message;
            };

            return AddressStanding;
        })();

        v1.PendingAddress = (function() {

            const PendingAddress = function (properties) {
                if (properties)
                    for (let keys = $Object.keys(properties), i = 0; i < keys.length; ++i)
                        if (properties[keys[i]] != null && keys[i] !== "__proto__")
                            this[keys[i]] = properties[keys[i]];
            };

            PendingAddress.prototype.address = "";
            PendingAddress.prototype.reason = "";

            PendingAddress.encode = function (message, writer, _depth) {
                if (!writer)
                    writer = $Writer.create();
                if (_depth === $undefined)
                    _depth = 0;
                if (_depth > $util.recursionLimit)
                    throw $Error("max depth exceeded");
                if (message.address != null && $Object.hasOwnProperty.call(message, "address") && message.address !== "")
                    writer.uint32(10).string(message.address);
                if (message.reason != null && $Object.hasOwnProperty.call(message, "reason") && message.reason !== "")
                    writer.uint32(18).string(message.reason);
                if (message.$unknowns != null && $Object.hasOwnProperty.call(message, "$unknowns"))
                    for (let i = 0; i < message.$unknowns.length; ++i)
                        writer.raw(message.$unknowns[i]);
                return writer;
            };

            PendingAddress.decode = function (reader, length, _end, _depth, _target) {
                if (!(reader instanceof $Reader))
                    reader = $Reader.create(reader);
                if (_depth === $undefined)
                    _depth = 0;
                if (_depth > $Reader.recursionLimit)
                    throw $Error("max depth exceeded");
                let end, message, value;
                if (length === $undefined)
                    end = reader.len;
                else {
                    end = reader.pos + length;
                    if (end > reader.len)
                        throw $RangeError("index out of range");
                    length = reader.len;
                    reader.len = end;
                }
                message = _target || new $root.segwall.v1.PendingAddress();
                while (reader.pos < end) {
                    let start = reader.pos;
                    let tag = reader.tag();
                    if (tag === _end) {
                        _end = $undefined;
                        break;
                    }
                    let wireType = tag & 7;
                    switch (tag >>>= 3) {
                    case 1: {
                            if (wireType !== 2)
                                break;
                            if ((value = reader.stringVerify()).length)
                                message.address = value;
                            else
                                delete message.address;
                            continue;
                        }
                    case 2: {
                            if (wireType !== 2)
                                break;
                            if ((value = reader.stringVerify()).length)
                                message.reason = value;
                            else
                                delete message.reason;
                            continue;
                        }
                    }
                    reader.skipType(wireType, _depth, tag);
                    if (!reader.discardUnknown) {
                        $util.makeProp(message, "$unknowns", false);
                        (message.$unknowns || (message.$unknowns = [])).push(reader.raw(start, reader.pos));
                    }
                }
                if (length !== $undefined) {
                    if (reader.pos !== end)
                        throw $RangeError("index out of range");
                    reader.len = length;
                }
                if (_end !== $undefined)
                    throw $Error("missing end group");
                return message;
            };

            return PendingAddress;
        })();

        v1.RevisionProof = (function() {

            const RevisionProof = function (properties) {
                if (properties)
                    for (let keys = $Object.keys(properties), i = 0; i < keys.length; ++i)
                        if (properties[keys[i]] != null && keys[i] !== "__proto__")
                            this[keys[i]] = properties[keys[i]];
            };

            RevisionProof.prototype.proof = $util.newBuffer([]);

            RevisionProof.encode = function (message, writer, _depth) {
                if (!writer)
                    writer = $Writer.create();
                if (_depth === $undefined)
                    _depth = 0;
                if (_depth > $util.recursionLimit)
                    throw $Error("max depth exceeded");
                if (message.proof != null && $Object.hasOwnProperty.call(message, "proof") && message.proof.length)
                    writer.uint32(10).bytes(message.proof);
                if (message.$unknowns != null && $Object.hasOwnProperty.call(message, "$unknowns"))
                    for (let i = 0; i < message.$unknowns.length; ++i)
                        writer.raw(message.$unknowns[i]);
                return writer;
            };

            RevisionProof.decode = function (reader, length, _end, _depth, _target) {
                if (!(reader instanceof $Reader))
                    reader = $Reader.create(reader);
                if (_depth === $undefined)
                    _depth = 0;
                if (_depth > $Reader.recursionLimit)
                    throw $Error("max depth exceeded");
                let end, message, value;
                if (length === $undefined)
                    end = reader.len;
                else {
                    end = reader.pos + length;
                    if (end > reader.len)
                        throw $RangeError("index out of range");
                    length = reader.len;
                    reader.len = end;
                }
                message = _target || new $root.segwall.v1.RevisionProof();
                while (reader.pos < end) {
                    let start = reader.pos;
                    let tag = reader.tag();
                    if (tag === _end) {
                        _end = $undefined;
                        break;
                    }
                    let wireType = tag & 7;
                    switch (tag >>>= 3) {
                    case 1: {
                            if (wireType !== 2)
                                break;
                            if ((value = reader.bytes()).length)
                                message.proof = value;
                            else
                                delete message.proof;
                            continue;
                        }
                    }
                    reader.skipType(wireType, _depth, tag);
                    if (!reader.discardUnknown) {
                        $util.makeProp(message, "$unknowns", false);
                        (message.$unknowns || (message.$unknowns = [])).push(reader.raw(start, reader.pos));
                    }
                }
                if (length !== $undefined) {
                    if (reader.pos !== end)
                        throw $RangeError("index out of range");
                    reader.len = length;
                }
                if (_end !== $undefined)
                    throw $Error("missing end group");
                return message;
            };

            return RevisionProof;
        })();

        v1.NextCa = (function() {

            const NextCa = function (properties) {
                if (properties)
                    for (let keys = $Object.keys(properties), i = 0; i < keys.length; ++i)
                        if (properties[keys[i]] != null && keys[i] !== "__proto__")
                            this[keys[i]] = properties[keys[i]];
            };

            NextCa.prototype.certificate = $util.newBuffer([]);
            NextCa.prototype.signature = $util.newBuffer([]);

            NextCa.encode = function (message, writer, _depth) {
                if (!writer)
                    writer = $Writer.create();
                if (_depth === $undefined)
                    _depth = 0;
                if (_depth > $util.recursionLimit)
                    throw $Error("max depth exceeded");
                if (message.certificate != null && $Object.hasOwnProperty.call(message, "certificate") && message.certificate.length)
                    writer.uint32(10).bytes(message.certificate);
                if (message.signature != null && $Object.hasOwnProperty.call(message, "signature") && message.signature.length)
                    writer.uint32(18).bytes(message.signature);
                if (message.$unknowns != null && $Object.hasOwnProperty.call(message, "$unknowns"))
                    for (let i = 0; i < message.$unknowns.length; ++i)
                        writer.raw(message.$unknowns[i]);
                return writer;
            };

            NextCa.decode = function (reader, length, _end, _depth, _target) {
                if (!(reader instanceof $Reader))
                    reader = $Reader.create(reader);
                if (_depth === $undefined)
                    _depth = 0;
                if (_depth > $Reader.recursionLimit)
                    throw $Error("max depth exceeded");
                let end, message, value;
                if (length === $undefined)
                    end = reader.len;
                else {
                    end = reader.pos + length;
                    if (end > reader.len)
                        throw $RangeError("index out of range");
                    length = reader.len;
                    reader.len = end;
                }
                message = _target || new $root.segwall.v1.NextCa();
                while (reader.pos < end) {
                    let start = reader.pos;
                    let tag = reader.tag();
                    if (tag === _end) {
                        _end = $undefined;
                        break;
                    }
                    let wireType = tag & 7;
                    switch (tag >>>= 3) {
                    case 1: {
                            if (wireType !== 2)
                                break;
                            if ((value = reader.bytes()).length)
                                message.certificate = value;
                            else
                                delete message.certificate;
                            continue;
                        }
                    case 2: {
                            if (wireType !== 2)
                                break;
                            if ((value = reader.bytes()).length)
                                message.signature = value;
                            else
                                delete message.signature;
                            continue;
                        }
                    }
                    reader.skipType(wireType, _depth, tag);
                    if (!reader.discardUnknown) {
                        $util.makeProp(message, "$unknowns", false);
                        (message.$unknowns || (message.$unknowns = [])).push(reader.raw(start, reader.pos));
                    }
                }
                if (length !== $undefined) {
                    if (reader.pos !== end)
                        throw $RangeError("index out of range");
                    reader.len = length;
                }
                if (_end !== $undefined)
                    throw $Error("missing end group");
                return message;
            };

            return NextCa;
        })();

        v1.EventsTaken = (function() {

            const EventsTaken = function (properties) {
                this.ids = [];
                if (properties)
                    for (let keys = $Object.keys(properties), i = 0; i < keys.length; ++i)
                        if (properties[keys[i]] != null && keys[i] !== "__proto__")
                            this[keys[i]] = properties[keys[i]];
            };

            EventsTaken.prototype.ids = $util.emptyArray;

            EventsTaken.encode = function (message, writer, _depth) {
                if (!writer)
                    writer = $Writer.create();
                if (_depth === $undefined)
                    _depth = 0;
                if (_depth > $util.recursionLimit)
                    throw $Error("max depth exceeded");
                if (message.ids != null && message.ids.length)
                    for (let i = 0; i < message.ids.length; ++i)
                        writer.uint32(10).string(message.ids[i]);
                if (message.$unknowns != null && $Object.hasOwnProperty.call(message, "$unknowns"))
                    for (let i = 0; i < message.$unknowns.length; ++i)
                        writer.raw(message.$unknowns[i]);
                return writer;
            };

            EventsTaken.decode = function (reader, length, _end, _depth, _target) {
                if (!(reader instanceof $Reader))
                    reader = $Reader.create(reader);
                if (_depth === $undefined)
                    _depth = 0;
                if (_depth > $Reader.recursionLimit)
                    throw $Error("max depth exceeded");
                let end, message;
                if (length === $undefined)
                    end = reader.len;
                else {
                    end = reader.pos + length;
                    if (end > reader.len)
                        throw $RangeError("index out of range");
                    length = reader.len;
                    reader.len = end;
                }
                message = _target || new $root.segwall.v1.EventsTaken();
                while (reader.pos < end) {
                    let start = reader.pos;
                    let tag = reader.tag();
                    if (tag === _end) {
                        _end = $undefined;
                        break;
                    }
                    let wireType = tag & 7;
                    switch (tag >>>= 3) {
                    case 1: {
                            if (wireType !== 2)
                                break;
                            if (!(message.ids && message.ids.length))
                                message.ids = [];
                            message.ids.push(reader.stringVerify());
                            continue;
                        }
                    }
                    reader.skipType(wireType, _depth, tag);
                    if (!reader.discardUnknown) {
                        $util.makeProp(message, "$unknowns", false);
                        (message.$unknowns || (message.$unknowns = [])).push(reader.raw(start, reader.pos));
                    }
                }
                if (length !== $undefined) {
                    if (reader.pos !== end)
                        throw $RangeError("index out of range");
                    reader.len = length;
                }
                if (_end !== $undefined)
                    throw $Error("missing end group");
                return message;
            };

            return EventsTaken;
        })();

        v1.Announcement = (function() {

            const Announcement = function (properties) {
                this.addresses = [];
                if (properties)
                    for (let keys = $Object.keys(properties), i = 0; i < keys.length; ++i)
                        if (properties[keys[i]] != null && keys[i] !== "__proto__")
                            this[keys[i]] = properties[keys[i]];
            };

            Announcement.prototype.number = $util.Long ? $util.Long.fromBits(0,0,true) : 0;
            Announcement.prototype.addresses = $util.emptyArray;

            Announcement.encode = function (message, writer, _depth) {
                if (!writer)
                    writer = $Writer.create();
                if (_depth === $undefined)
                    _depth = 0;
                if (_depth > $util.recursionLimit)
                    throw $Error("max depth exceeded");
                if (message.number != null && $Object.hasOwnProperty.call(message, "number") && (typeof message.number === "object" ? message.number.low || message.number.high : message.number !== 0))
                    writer.uint32(8).uint64(message.number);
                if (message.addresses != null && message.addresses.length)
                    for (let i = 0; i < message.addresses.length; ++i)
                        writer.uint32(18).string(message.addresses[i]);
                if (message.$unknowns != null && $Object.hasOwnProperty.call(message, "$unknowns"))
                    for (let i = 0; i < message.$unknowns.length; ++i)
                        writer.raw(message.$unknowns[i]);
                return writer;
            };

            Announcement.decode = function (reader, length, _end, _depth, _target) {
                if (!(reader instanceof $Reader))
                    reader = $Reader.create(reader);
                if (_depth === $undefined)
                    _depth = 0;
                if (_depth > $Reader.recursionLimit)
                    throw $Error("max depth exceeded");
                let end, message, value;
                if (length === $undefined)
                    end = reader.len;
                else {
                    end = reader.pos + length;
                    if (end > reader.len)
                        throw $RangeError("index out of range");
                    length = reader.len;
                    reader.len = end;
                }
                message = _target || new $root.segwall.v1.Announcement();
                while (reader.pos < end) {
                    let start = reader.pos;
                    let tag = reader.tag();
                    if (tag === _end) {
                        _end = $undefined;
                        break;
                    }
                    let wireType = tag & 7;
                    switch (tag >>>= 3) {
                    case 1: {
                            if (wireType !== 0)
                                break;
                            if (typeof (value = reader.uint64()) === "object" ? value.low || value.high : value !== 0)
                                message.number = value;
                            else
                                delete message.number;
                            continue;
                        }
                    case 2: {
                            if (wireType !== 2)
                                break;
                            if (!(message.addresses && message.addresses.length))
                                message.addresses = [];
                            message.addresses.push(reader.stringVerify());
                            continue;
                        }
                    }
                    reader.skipType(wireType, _depth, tag);
                    if (!reader.discardUnknown) {
                        $util.makeProp(message, "$unknowns", false);
                        (message.$unknowns || (message.$unknowns = [])).push(reader.raw(start, reader.pos));
                    }
                }
                if (length !== $undefined) {
                    if (reader.pos !== end)
                        throw $RangeError("index out of range");
                    reader.len = length;
                }
                if (_end !== $undefined)
                    throw $Error("missing end group");
                return message;
            };

            return Announcement;
        })();

        v1.Snapshot = (function() {

            const Snapshot = function (properties) {
                this.strings = [];
                this.workloads = [];
                this.peerSets = [];
                if (properties)
                    for (let keys = $Object.keys(properties), i = 0; i < keys.length; ++i)
                        if (properties[keys[i]] != null && keys[i] !== "__proto__")
                            this[keys[i]] = properties[keys[i]];
            };

            Snapshot.prototype.revision = $util.Long ? $util.Long.fromBits(0,0,true) : 0;
            Snapshot.prototype.digest = $util.newBuffer([]);
            Snapshot.prototype.host = "";
            Snapshot.prototype.strings = $util.emptyArray;
            Snapshot.prototype.workloads = $util.emptyArray;
            Snapshot.prototype.peerSets = $util.emptyArray;

            Snapshot.encode = function (message, writer, _depth) {
                if (!writer)
                    writer = $Writer.create();
                if (_depth === $undefined)
                    _depth = 0;
                if (_depth > $util.recursionLimit)
                    throw $Error("max depth exceeded");
                if (message.revision != null && $Object.hasOwnProperty.call(message, "revision") && (typeof message.revision === "object" ? message.revision.low || message.revision.high : message.revision !== 0))
                    writer.uint32(8).uint64(message.revision);
                if (message.digest != null && $Object.hasOwnProperty.call(message, "digest") && message.digest.length)
                    writer.uint32(18).bytes(message.digest);
                if (message.host != null && $Object.hasOwnProperty.call(message, "host") && message.host !== "")
                    writer.uint32(26).string(message.host);
                if (message.strings != null && message.strings.length)
                    for (let i = 0; i < message.strings.length; ++i)
                        writer.uint32(34).string(message.strings[i]);
                if (message.workloads != null && message.workloads.length)
                    for (let i = 0; i < message.workloads.length; ++i)
                        $root.segwall.v1.Workload.encode(message.workloads[i], writer.uint32(42).fork(), _depth + 1).ldelim();
                if (message.peerSets != null && message.peerSets.length)
                    for (let i = 0; i < message.peerSets.length; ++i)
                        $root.segwall.v1.PeerSet.encode(message.peerSets[i], writer.uint32(50).fork(), _depth + 1).ldelim();
                if (message.$unknowns != null && $Object.hasOwnProperty.call(message, "$unknowns"))
                    for (let i = 0; i < message.$unknowns.length; ++i)
                        writer.raw(message.$unknowns[i]);
                return writer;
            };

            Snapshot.decode = function (reader, length, _end, _depth, _target) {
                if (!(reader instanceof $Reader))
                    reader = $Reader.create(reader);
                if (_depth === $undefined)
                    _depth = 0;
                if (_depth > $Reader.recursionLimit)
                    throw $Error("max depth exceeded");
                let end, message, value;
                if (length === $undefined)
                    end = reader.len;
                else {
                    end = reader.pos + length;
                    if (end > reader.len)
                        throw $RangeError("index out of range");
                    length = reader.len;
                    reader.len = end;
                }
                message = _target || new $root.segwall.v1.Snapshot();
                while (reader.pos < end) {
                    let start = reader.pos;
                    let tag = reader.tag();
                    if (tag === _end) {
                        _end = $undefined;
                        break;
                    }
                    let wireType = tag & 7;
                    switch (tag >>>= 3) {
                    case 1: {
                            if (wireType !== 0)
                                break;
                            if (typeof (value = reader.uint64()) === "object" ? value.low || value.high : value !== 0)
                                message.revision = value;
                            else
                                delete message.revision;
                            continue;
                        }
                    case 2: {
                            if (wireType !== 2)
                                break;
                            if ((value = reader.bytes()).length)
                                message.digest = value;
                            else
                                delete message.digest;
                            continue;
                        }
                    case 3: {
                            if (wireType !== 2)
                                break;
                            if ((value = reader.stringVerify()).length)
                                message.host = value;
                            else
                                delete message.host;
                            continue;
                        }
                    case 4: {
                            if (wireType !== 2)
                                break;
                            if (!(message.strings && message.strings.length))
                                message.strings = [];
                            message.strings.push(reader.stringVerify());
                            continue;
                        }
                    case 5: {
                            if (wireType !== 2)
                                break;
                            if (!(message.workloads && message.workloads.length))
                                message.workloads = [];
                            message.workloads.push($root.segwall.v1.Workload.decode(reader, reader.size(), $undefined, _depth + 1));
                            continue;
                        }
                    case 6: {
                            if (wireType !== 2)
                                break;
                            if (!(message.peerSets && message.peerSets.length))
                                message.peerSets = [];
                            message.peerSets.push($root.segwall.v1.PeerSet.decode(reader, reader.size(), $undefined, _depth + 1));
                            continue;
                        }
                    }
                    reader.skipType(wireType, _depth, tag);
                    if (!reader.discardUnknown) {
                        $util.makeProp(message, "$unknowns", false);
                        (message.$unknowns || (message.$unknowns = [])).push(reader.raw(start, reader.pos));
                    }
                }
                if (length !== $undefined) {
                    if (reader.pos !== end)
                        throw $RangeError("index out of range");
                    reader.len = length;
                }
                if (_end !== $undefined)
                    throw $Error("missing end group");
                return message;
            };

            return Snapshot;
        })();

        v1.Delta = (function() {

            const Delta = function (properties) {
                this.strings = [];
                this.replacedWorkloads = [];
                this.removedWorkloads = [];
                this.addedPeerSets = [];
                this.changedPeerSets = [];
                this.removedPeerSets = [];
                if (properties)
                    for (let keys = $Object.keys(properties), i = 0; i < keys.length; ++i)
                        if (properties[keys[i]] != null && keys[i] !== "__proto__")
                            this[keys[i]] = properties[keys[i]];
            };

            Delta.prototype.baseRevision = $util.Long ? $util.Long.fromBits(0,0,true) : 0;
            Delta.prototype.baseDigest = $util.newBuffer([]);
            Delta.prototype.revision = $util.Long ? $util.Long.fromBits(0,0,true) : 0;
            Delta.prototype.digest = $util.newBuffer([]);
            Delta.prototype.host = "";
            Delta.prototype.strings = $util.emptyArray;
            Delta.prototype.replacedWorkloads = $util.emptyArray;
            Delta.prototype.removedWorkloads = $util.emptyArray;
            Delta.prototype.addedPeerSets = $util.emptyArray;
            Delta.prototype.changedPeerSets = $util.emptyArray;
            Delta.prototype.removedPeerSets = $util.emptyArray;

            Delta.encode = function (message, writer, _depth) {
                if (!writer)
                    writer = $Writer.create();
                if (_depth === $undefined)
                    _depth = 0;
                if (_depth > $util.recursionLimit)
                    throw $Error("max depth exceeded");
                if (message.baseRevision != null && $Object.hasOwnProperty.call(message, "baseRevision") && (typeof message.baseRevision === "object" ? message.baseRevision.low || message.baseRevision.high : message.baseRevision !== 0))
                    writer.uint32(8).uint64(message.baseRevision);
                if (message.baseDigest != null && $Object.hasOwnProperty.call(message, "baseDigest") && message.baseDigest.length)
                    writer.uint32(18).bytes(message.baseDigest);
                if (message.revision != null && $Object.hasOwnProperty.call(message, "revision") && (typeof message.revision === "object" ? message.revision.low || message.revision.high : message.revision !== 0))
                    writer.uint32(24).uint64(message.revision);
                if (message.digest != null && $Object.hasOwnProperty.call(message, "digest") && message.digest.length)
                    writer.uint32(34).bytes(message.digest);
                if (message.host != null && $Object.hasOwnProperty.call(message, "host") && message.host !== "")
                    writer.uint32(42).string(message.host);
                if (message.strings != null && message.strings.length)
                    for (let i = 0; i < message.strings.length; ++i)
                        writer.uint32(50).string(message.strings[i]);
                if (message.replacedWorkloads != null && message.replacedWorkloads.length)
                    for (let i = 0; i < message.replacedWorkloads.length; ++i)
                        $root.segwall.v1.Workload.encode(message.replacedWorkloads[i], writer.uint32(58).fork(), _depth + 1).ldelim();
                if (message.removedWorkloads != null && message.removedWorkloads.length)
                    for (let i = 0; i < message.removedWorkloads.length; ++i)
                        writer.uint32(66).string(message.removedWorkloads[i]);
                if (message.addedPeerSets != null && message.addedPeerSets.length)
                    for (let i = 0; i < message.addedPeerSets.length; ++i)
                        $root.segwall.v1.PeerSet.encode(message.addedPeerSets[i], writer.uint32(74).fork(), _depth + 1).ldelim();
                if (message.changedPeerSets != null && message.changedPeerSets.length)
                    for (let i = 0; i < message.changedPeerSets.length; ++i)
                        $root.segwall.v1.PeerSetChange.encode(message.changedPeerSets[i], writer.uint32(82).fork(), _depth + 1).ldelim();
                if (message.removedPeerSets != null && message.removedPeerSets.length)
                    for (let i = 0; i < message.removedPeerSets.length; ++i)
                        writer.uint32(90).string(message.removedPeerSets[i]);
                if (message.$unknowns != null && $Object.hasOwnProperty.call(message, "$unknowns"))
                    for (let i = 0; i < message.$unknowns.length; ++i)
                        writer.raw(message.$unknowns[i]);
                return writer;
            };

            Delta.decode = function (reader, length, _end, _depth, _target) {
                if (!(reader instanceof $Reader))
                    reader = $Reader.create(reader);
                if (_depth === $undefined)
                    _depth = 0;
                if (_depth > $Reader.recursionLimit)
                    throw $Error("max depth exceeded");
                let end, message, value;
                if (length === $undefined)
                    end = reader.len;
                else {
                    end = reader.pos + length;
                    if (end > reader.len)
                        throw $RangeError("index out of range");
                    length = reader.len;
                    reader.len = end;
                }
                message = _target || new $root.segwall.v1.Delta();
                while (reader.pos < end) {
                    let start = reader.pos;
                    let tag = reader.tag();
                    if (tag === _end) {
                        _end = $undefined;
                        break;
                    }
                    let wireType = tag & 7;
                    switch (tag >>>= 3) {
                    case 1: {
                            if (wireType !== 0)
                                break;
                            if (typeof (value = reader.uint64()) === "object" ? value.low || value.high : value !== 0)
                                message.baseRevision = value;
                            else
                                delete message.baseRevision;
                            continue;
                        }
                    case 2: {
                            if (wireType !== 2)
                                break;
                            if ((value = reader.bytes()).length)
                                message.baseDigest = value;
                            else
                                delete message.baseDigest;
                            continue;
                        }
                    case 3: {
                            if (wireType !== 0)
                                break;
                            if (typeof (value = reader.uint64()) === "object" ? value.low || value.high : value !== 0)
                                message.revision = value;
                            else
                                delete message.revision;
                            continue;
                        }
                    case 4: {
                            if (wireType !== 2)
                                break;
                            if ((value = reader.bytes()).length)
                                message.digest = value;
                            else
                                delete message.digest;
                            continue;
                        }
                    case 5: {
                            if (wireType !== 2)
                                break;
                            if ((value = reader.stringVerify()).length)
                                message.host = value;
                            else
                                delete message.host;
                            continue;
                        }
                    case 6: {
                            if (wireType !== 2)
                                break;
                            if (!(message.strings && message.strings.length))
                                message.strings = [];
                            message.strings.push(reader.stringVerify());
                            continue;
                        }
                    case 7: {
                            if (wireType !== 2)
                                break;
                            if (!(message.replacedWorkloads && message.replacedWorkloads.length))
                                message.replacedWorkloads = [];
                            message.replacedWorkloads.push($root.segwall.v1.Workload.decode(reader, reader.size(), $undefined, _depth + 1));
                            continue;
                        }
                    case 8: {
                            if (wireType !== 2)
                                break;
                            if (!(message.removedWorkloads && message.removedWorkloads.length))
                                message.removedWorkloads = [];
                            message.removedWorkloads.push(reader.stringVerify());
                            continue;
                        }
                    case 9: {
                            if (wireType !== 2)
                                break;
                            if (!(message.addedPeerSets && message.addedPeerSets.length))
                                message.addedPeerSets = [];
                            message.addedPeerSets.push($root.segwall.v1.PeerSet.decode(reader, reader.size(), $undefined, _depth + 1));
                            continue;
                        }
                    case 10: {
                            if (wireType !== 2)
                                break;
                            if (!(message.changedPeerSets && message.changedPeerSets.length))
                                message.changedPeerSets = [];
                            message.changedPeerSets.push($root.segwall.v1.PeerSetChange.decode(reader, reader.size(), $undefined, _depth + 1));
                            continue;
                        }
                    case 11: {
                            if (wireType !== 2)
                                break;
                            if (!(message.removedPeerSets && message.removedPeerSets.length))
                                message.removedPeerSets = [];
                            message.removedPeerSets.push(reader.stringVerify());
                            continue;
                        }
                    }
                    reader.skipType(wireType, _depth, tag);
                    if (!reader.discardUnknown) {
                        $util.makeProp(message, "$unknowns", false);
                        (message.$unknowns || (message.$unknowns = [])).push(reader.raw(start, reader.pos));
                    }
                }
                if (length !== $undefined) {
                    if (reader.pos !== end)
                        throw $RangeError("index out of range");
                    reader.len = length;
                }
                if (_end !== $undefined)
                    throw $Error("missing end group");
                return message;
            };

            return Delta;
        })();

        v1.PeerSet = (function() {

            const PeerSet = function (properties) {
                this.ipv4 = [];
                if (properties)
                    for (let keys = $Object.keys(properties), i = 0; i < keys.length; ++i)
                        if (properties[keys[i]] != null && keys[i] !== "__proto__")
                            this[keys[i]] = properties[keys[i]];
            };

            PeerSet.prototype.id = "";
            PeerSet.prototype.ipv4 = $util.emptyArray;
            PeerSet.prototype.ipv6 = $util.newBuffer([]);
            PeerSet.prototype.ranges = null;
            PeerSet.prototype.fqdn = "";
            PeerSet.prototype.quarantine = "";

            PeerSet.encode = function (message, writer, _depth) {
                if (!writer)
                    writer = $Writer.create();
                if (_depth === $undefined)
                    _depth = 0;
                if (_depth > $util.recursionLimit)
                    throw $Error("max depth exceeded");
                if (message.id != null && $Object.hasOwnProperty.call(message, "id") && message.id !== "")
                    writer.uint32(10).string(message.id);
                if (message.ipv4 != null && message.ipv4.length)
                    writer.uint32(18).fixed32s(message.ipv4);
                if (message.ipv6 != null && $Object.hasOwnProperty.call(message, "ipv6") && message.ipv6.length)
                    writer.uint32(26).bytes(message.ipv6);
                if (message.ranges != null && $Object.hasOwnProperty.call(message, "ranges"))
                    $root.segwall.v1.Ranges.encode(message.ranges, writer.uint32(34).fork(), _depth + 1).ldelim();
                if (message.fqdn != null && $Object.hasOwnProperty.call(message, "fqdn") && message.fqdn !== "")
                    writer.uint32(42).string(message.fqdn);
                if (message.quarantine != null && $Object.hasOwnProperty.call(message, "quarantine") && message.quarantine !== "")
                    writer.uint32(50).string(message.quarantine);
                if (message.$unknowns != null && $Object.hasOwnProperty.call(message, "$unknowns"))
                    for (let i = 0; i < message.$unknowns.length; ++i)
                        writer.raw(message.$unknowns[i]);
                return writer;
            };

            PeerSet.decode = function (reader, length, _end, _depth, _target) {
                if (!(reader instanceof $Reader))
                    reader = $Reader.create(reader);
                if (_depth === $undefined)
                    _depth = 0;
                if (_depth > $Reader.recursionLimit)
                    throw $Error("max depth exceeded");
                let end, message, value;
                if (length === $undefined)
                    end = reader.len;
                else {
                    end = reader.pos + length;
                    if (end > reader.len)
                        throw $RangeError("index out of range");
                    length = reader.len;
                    reader.len = end;
                }
                message = _target || new $root.segwall.v1.PeerSet();
                while (reader.pos < end) {
                    let start = reader.pos;
                    let tag = reader.tag();
                    if (tag === _end) {
                        _end = $undefined;
                        break;
                    }
                    let wireType = tag & 7;
                    switch (tag >>>= 3) {
                    case 1: {
                            if (wireType !== 2)
                                break;
                            if ((value = reader.stringVerify()).length)
                                message.id = value;
                            else
                                delete message.id;
                            continue;
                        }
                    case 2: {
                            if (wireType === 2) {
                                if (!(message.ipv4 && message.ipv4.length))
                                    message.ipv4 = [];
                                reader.fixed32s(message.ipv4);
                                continue;
                            }
                            if (wireType !== 5)
                                break;
                            if (!(message.ipv4 && message.ipv4.length))
                                message.ipv4 = [];
                            message.ipv4.push(reader.fixed32());
                            continue;
                        }
                    case 3: {
                            if (wireType !== 2)
                                break;
                            if ((value = reader.bytes()).length)
                                message.ipv6 = value;
                            else
                                delete message.ipv6;
                            continue;
                        }
                    case 4: {
                            if (wireType !== 2)
                                break;
                            message.ranges = $root.segwall.v1.Ranges.decode(reader, reader.size(), $undefined, _depth + 1, message.ranges);
                            continue;
                        }
                    case 5: {
                            if (wireType !== 2)
                                break;
                            if ((value = reader.stringVerify()).length)
                                message.fqdn = value;
                            else
                                delete message.fqdn;
                            continue;
                        }
                    case 6: {
                            if (wireType !== 2)
                                break;
                            if ((value = reader.stringVerify()).length)
                                message.quarantine = value;
                            else
                                delete message.quarantine;
                            continue;
                        }
                    }
                    reader.skipType(wireType, _depth, tag);
                    if (!reader.discardUnknown) {
                        $util.makeProp(message, "$unknowns", false);
                        (message.$unknowns || (message.$unknowns = [])).push(reader.raw(start, reader.pos));
                    }
                }
                if (length !== $undefined) {
                    if (reader.pos !== end)
                        throw $RangeError("index out of range");
                    reader.len = length;
                }
                if (_end !== $undefined)
                    throw $Error("missing end group");
                return message;
            };

            return PeerSet;
        })();

        v1.PeerSetChange = (function() {

            const PeerSetChange = function (properties) {
                this.addedIpv4 = [];
                this.removedIpv4 = [];
                if (properties)
                    for (let keys = $Object.keys(properties), i = 0; i < keys.length; ++i)
                        if (properties[keys[i]] != null && keys[i] !== "__proto__")
                            this[keys[i]] = properties[keys[i]];
            };

            PeerSetChange.prototype.id = "";
            PeerSetChange.prototype.addedIpv4 = $util.emptyArray;
            PeerSetChange.prototype.addedIpv6 = $util.newBuffer([]);
            PeerSetChange.prototype.removedIpv4 = $util.emptyArray;
            PeerSetChange.prototype.removedIpv6 = $util.newBuffer([]);
            PeerSetChange.prototype.ranges = null;

            PeerSetChange.encode = function (message, writer, _depth) {
                if (!writer)
                    writer = $Writer.create();
                if (_depth === $undefined)
                    _depth = 0;
                if (_depth > $util.recursionLimit)
                    throw $Error("max depth exceeded");
                if (message.id != null && $Object.hasOwnProperty.call(message, "id") && message.id !== "")
                    writer.uint32(10).string(message.id);
                if (message.addedIpv4 != null && message.addedIpv4.length)
                    writer.uint32(18).fixed32s(message.addedIpv4);
                if (message.addedIpv6 != null && $Object.hasOwnProperty.call(message, "addedIpv6") && message.addedIpv6.length)
                    writer.uint32(26).bytes(message.addedIpv6);
                if (message.removedIpv4 != null && message.removedIpv4.length)
                    writer.uint32(34).fixed32s(message.removedIpv4);
                if (message.removedIpv6 != null && $Object.hasOwnProperty.call(message, "removedIpv6") && message.removedIpv6.length)
                    writer.uint32(42).bytes(message.removedIpv6);
                if (message.ranges != null && $Object.hasOwnProperty.call(message, "ranges"))
                    $root.segwall.v1.Ranges.encode(message.ranges, writer.uint32(50).fork(), _depth + 1).ldelim();
                if (message.$unknowns != null && $Object.hasOwnProperty.call(message, "$unknowns"))
                    for (let i = 0; i < message.$unknowns.length; ++i)
                        writer.raw(message.$unknowns[i]);
                return writer;
            };

            PeerSetChange.decode = function (reader, length, _end, _depth, _target) {
                if (!(reader instanceof $Reader))
                    reader = $Reader.create(reader);
                if (_depth === $undefined)
                    _depth = 0;
                if (_depth > $Reader.recursionLimit)
                    throw $Error("max depth exceeded");
                let end, message, value;
                if (length === $undefined)
                    end = reader.len;
                else {
                    end = reader.pos + length;
                    if (end > reader.len)
                        throw $RangeError("index out of range");
                    length = reader.len;
                    reader.len = end;
                }
                message = _target || new $root.segwall.v1.PeerSetChange();
                while (reader.pos < end) {
                    let start = reader.pos;
                    let tag = reader.tag();
                    if (tag === _end) {
                        _end = $undefined;
                        break;
                    }
                    let wireType = tag & 7;
                    switch (tag >>>= 3) {
                    case 1: {
                            if (wireType !== 2)
                                break;
                            if ((value = reader.stringVerify()).length)
                                message.id = value;
                            else
                                delete message.id;
                            continue;
                        }
                    case 2: {
                            if (wireType === 2) {
                                if (!(message.addedIpv4 && message.addedIpv4.length))
                                    message.addedIpv4 = [];
                                reader.fixed32s(message.addedIpv4);
                                continue;
                            }
                            if (wireType !== 5)
                                break;
                            if (!(message.addedIpv4 && message.addedIpv4.length))
                                message.addedIpv4 = [];
                            message.addedIpv4.push(reader.fixed32());
                            continue;
                        }
                    case 3: {
                            if (wireType !== 2)
                                break;
                            if ((value = reader.bytes()).length)
                                message.addedIpv6 = value;
                            else
                                delete message.addedIpv6;
                            continue;
                        }
                    case 4: {
                            if (wireType === 2) {
                                if (!(message.removedIpv4 && message.removedIpv4.length))
                                    message.removedIpv4 = [];
                                reader.fixed32s(message.removedIpv4);
                                continue;
                            }
                            if (wireType !== 5)
                                break;
                            if (!(message.removedIpv4 && message.removedIpv4.length))
                                message.removedIpv4 = [];
                            message.removedIpv4.push(reader.fixed32());
                            continue;
                        }
                    case 5: {
                            if (wireType !== 2)
                                break;
                            if ((value = reader.bytes()).length)
                                message.removedIpv6 = value;
                            else
                                delete message.removedIpv6;
                            continue;
                        }
                    case 6: {
                            if (wireType !== 2)
                                break;
                            message.ranges = $root.segwall.v1.Ranges.decode(reader, reader.size(), $undefined, _depth + 1, message.ranges);
                            continue;
                        }
                    }
                    reader.skipType(wireType, _depth, tag);
                    if (!reader.discardUnknown) {
                        $util.makeProp(message, "$unknowns", false);
                        (message.$unknowns || (message.$unknowns = [])).push(reader.raw(start, reader.pos));
                    }
                }
                if (length !== $undefined) {
                    if (reader.pos !== end)
                        throw $RangeError("index out of range");
                    reader.len = length;
                }
                if (_end !== $undefined)
                    throw $Error("missing end group");
                return message;
            };

            return PeerSetChange;
        })();

        v1.Ranges = (function() {

            const Ranges = function (properties) {
                this.ipv4 = [];
                if (properties)
                    for (let keys = $Object.keys(properties), i = 0; i < keys.length; ++i)
                        if (properties[keys[i]] != null && keys[i] !== "__proto__")
                            this[keys[i]] = properties[keys[i]];
            };

            Ranges.prototype.ipv4 = $util.emptyArray;
            Ranges.prototype.ipv6 = $util.newBuffer([]);

            Ranges.encode = function (message, writer, _depth) {
                if (!writer)
                    writer = $Writer.create();
                if (_depth === $undefined)
                    _depth = 0;
                if (_depth > $util.recursionLimit)
                    throw $Error("max depth exceeded");
                if (message.ipv4 != null && message.ipv4.length)
                    writer.uint32(10).fixed32s(message.ipv4);
                if (message.ipv6 != null && $Object.hasOwnProperty.call(message, "ipv6") && message.ipv6.length)
                    writer.uint32(18).bytes(message.ipv6);
                if (message.$unknowns != null && $Object.hasOwnProperty.call(message, "$unknowns"))
                    for (let i = 0; i < message.$unknowns.length; ++i)
                        writer.raw(message.$unknowns[i]);
                return writer;
            };

            Ranges.decode = function (reader, length, _end, _depth, _target) {
                if (!(reader instanceof $Reader))
                    reader = $Reader.create(reader);
                if (_depth === $undefined)
                    _depth = 0;
                if (_depth > $Reader.recursionLimit)
                    throw $Error("max depth exceeded");
                let end, message, value;
                if (length === $undefined)
                    end = reader.len;
                else {
                    end = reader.pos + length;
                    if (end > reader.len)
                        throw $RangeError("index out of range");
                    length = reader.len;
                    reader.len = end;
                }
                message = _target || new $root.segwall.v1.Ranges();
                while (reader.pos < end) {
                    let start = reader.pos;
                    let tag = reader.tag();
                    if (tag === _end) {
                        _end = $undefined;
                        break;
                    }
                    let wireType = tag & 7;
                    switch (tag >>>= 3) {
                    case 1: {
                            if (wireType === 2) {
                                if (!(message.ipv4 && message.ipv4.length))
                                    message.ipv4 = [];
                                reader.fixed32s(message.ipv4);
                                continue;
                            }
                            if (wireType !== 5)
                                break;
                            if (!(message.ipv4 && message.ipv4.length))
                                message.ipv4 = [];
                            message.ipv4.push(reader.fixed32());
                            continue;
                        }
                    case 2: {
                            if (wireType !== 2)
                                break;
                            if ((value = reader.bytes()).length)
                                message.ipv6 = value;
                            else
                                delete message.ipv6;
                            continue;
                        }
                    }
                    reader.skipType(wireType, _depth, tag);
                    if (!reader.discardUnknown) {
                        $util.makeProp(message, "$unknowns", false);
                        (message.$unknowns || (message.$unknowns = [])).push(reader.raw(start, reader.pos));
                    }
                }
                if (length !== $undefined) {
                    if (reader.pos !== end)
                        throw $RangeError("index out of range");
                    reader.len = length;
                }
                if (_end !== $undefined)
                    throw $Error("missing end group");
                return message;
            };

            return Ranges;
        })();

        v1.Workload = (function() {

            const Workload = function (properties) {
                this.ipv4 = [];
                this.exemptFrom = [];
                if (properties)
                    for (let keys = $Object.keys(properties), i = 0; i < keys.length; ++i)
                        if (properties[keys[i]] != null && keys[i] !== "__proto__")
                            this[keys[i]] = properties[keys[i]];
            };

            Workload.prototype.name = "";
            Workload.prototype.kind = 0;
            Workload.prototype.unit = "";
            Workload.prototype.ipv4 = $util.emptyArray;
            Workload.prototype.ipv6 = $util.newBuffer([]);
            Workload.prototype.quarantine = null;
            Workload.prototype.inbound = null;
            Workload.prototype.outbound = null;
            Workload.prototype.exemptFrom = $util.emptyArray;

            Workload.encode = function (message, writer, _depth) {
                if (!writer)
                    writer = $Writer.create();
                if (_depth === $undefined)
                    _depth = 0;
                if (_depth > $util.recursionLimit)
                    throw $Error("max depth exceeded");
                if (message.name != null && $Object.hasOwnProperty.call(message, "name") && message.name !== "")
                    writer.uint32(10).string(message.name);
                if (message.kind != null && $Object.hasOwnProperty.call(message, "kind") && message.kind !== 0)
                    writer.uint32(16).int32(message.kind);
                if (message.unit != null && $Object.hasOwnProperty.call(message, "unit") && message.unit !== "")
                    writer.uint32(26).string(message.unit);
                if (message.ipv4 != null && message.ipv4.length)
                    writer.uint32(34).fixed32s(message.ipv4);
                if (message.ipv6 != null && $Object.hasOwnProperty.call(message, "ipv6") && message.ipv6.length)
                    writer.uint32(42).bytes(message.ipv6);
                if (message.quarantine != null && $Object.hasOwnProperty.call(message, "quarantine"))
                    $root.segwall.v1.Quarantine.encode(message.quarantine, writer.uint32(50).fork(), _depth + 1).ldelim();
                if (message.inbound != null && $Object.hasOwnProperty.call(message, "inbound"))
                    $root.segwall.v1.DirectionRules.encode(message.inbound, writer.uint32(58).fork(), _depth + 1).ldelim();
                if (message.outbound != null && $Object.hasOwnProperty.call(message, "outbound"))
                    $root.segwall.v1.DirectionRules.encode(message.outbound, writer.uint32(66).fork(), _depth + 1).ldelim();
                if (message.exemptFrom != null && message.exemptFrom.length)
                    for (let i = 0; i < message.exemptFrom.length; ++i)
                        $root.segwall.v1.Exemption.encode(message.exemptFrom[i], writer.uint32(74).fork(), _depth + 1).ldelim();
                if (message.$unknowns != null && $Object.hasOwnProperty.call(message, "$unknowns"))
                    for (let i = 0; i < message.$unknowns.length; ++i)
                        writer.raw(message.$unknowns[i]);
                return writer;
            };

            Workload.decode = function (reader, length, _end, _depth, _target) {
                if (!(reader instanceof $Reader))
                    reader = $Reader.create(reader);
                if (_depth === $undefined)
                    _depth = 0;
                if (_depth > $Reader.recursionLimit)
                    throw $Error("max depth exceeded");
                let end, message, value;
                if (length === $undefined)
                    end = reader.len;
                else {
                    end = reader.pos + length;
                    if (end > reader.len)
                        throw $RangeError("index out of range");
                    length = reader.len;
                    reader.len = end;
                }
                message = _target || new $root.segwall.v1.Workload();
                while (reader.pos < end) {
                    let start = reader.pos;
                    let tag = reader.tag();
                    if (tag === _end) {
                        _end = $undefined;
                        break;
                    }
                    let wireType = tag & 7;
                    switch (tag >>>= 3) {
                    case 1: {
                            if (wireType !== 2)
                                break;
                            if ((value = reader.stringVerify()).length)
                                message.name = value;
                            else
                                delete message.name;
                            continue;
                        }
                    case 2: {
                            if (wireType !== 0)
                                break;
                            if (value = reader.int32())
                                message.kind = value;
                            else
                                delete message.kind;
                            continue;
                        }
                    case 3: {
                            if (wireType !== 2)
                                break;
                            if ((value = reader.stringVerify()).length)
                                message.unit = value;
                            else
                                delete message.unit;
                            continue;
                        }
                    case 4: {
                            if (wireType === 2) {
                                if (!(message.ipv4 && message.ipv4.length))
                                    message.ipv4 = [];
                                reader.fixed32s(message.ipv4);
                                continue;
                            }
                            if (wireType !== 5)
                                break;
                            if (!(message.ipv4 && message.ipv4.length))
                                message.ipv4 = [];
                            message.ipv4.push(reader.fixed32());
                            continue;
                        }
                    case 5: {
                            if (wireType !== 2)
                                break;
                            if ((value = reader.bytes()).length)
                                message.ipv6 = value;
                            else
                                delete message.ipv6;
                            continue;
                        }
                    case 6: {
                            if (wireType !== 2)
                                break;
                            message.quarantine = $root.segwall.v1.Quarantine.decode(reader, reader.size(), $undefined, _depth + 1, message.quarantine);
                            continue;
                        }
                    case 7: {
                            if (wireType !== 2)
                                break;
                            message.inbound = $root.segwall.v1.DirectionRules.decode(reader, reader.size(), $undefined, _depth + 1, message.inbound);
                            continue;
                        }
                    case 8: {
                            if (wireType !== 2)
                                break;
                            message.outbound = $root.segwall.v1.DirectionRules.decode(reader, reader.size(), $undefined, _depth + 1, message.outbound);
                            continue;
                        }
                    case 9: {
                            if (wireType !== 2)
                                break;
                            if (!(message.exemptFrom && message.exemptFrom.length))
                                message.exemptFrom = [];
                            message.exemptFrom.push($root.segwall.v1.Exemption.decode(reader, reader.size(), $undefined, _depth + 1));
                            continue;
                        }
                    }
                    reader.skipType(wireType, _depth, tag);
                    if (!reader.discardUnknown) {
                        $util.makeProp(message, "$unknowns", false);
                        (message.$unknowns || (message.$unknowns = [])).push(reader.raw(start, reader.pos));
                    }
                }
                if (length !== $undefined) {
                    if (reader.pos !== end)
                        throw $RangeError("index out of range");
                    reader.len = length;
                }
                if (_end !== $undefined)
                    throw $Error("missing end group");
                return message;
            };

            return Workload;
        })();

        v1.Exemption = (function() {

            const Exemption = function (properties) {
                if (properties)
                    for (let keys = $Object.keys(properties), i = 0; i < keys.length; ++i)
                        if (properties[keys[i]] != null && keys[i] !== "__proto__")
                            this[keys[i]] = properties[keys[i]];
            };

            Exemption.prototype.set = 0;
            Exemption.prototype.local = null;

            Exemption.encode = function (message, writer, _depth) {
                if (!writer)
                    writer = $Writer.create();
                if (_depth === $undefined)
                    _depth = 0;
                if (_depth > $util.recursionLimit)
                    throw $Error("max depth exceeded");
                if (message.set != null && $Object.hasOwnProperty.call(message, "set") && message.set !== 0)
                    writer.uint32(8).uint32(message.set);
                if (message.local != null && $Object.hasOwnProperty.call(message, "local"))
                    $root.segwall.v1.LocalAddresses.encode(message.local, writer.uint32(18).fork(), _depth + 1).ldelim();
                if (message.$unknowns != null && $Object.hasOwnProperty.call(message, "$unknowns"))
                    for (let i = 0; i < message.$unknowns.length; ++i)
                        writer.raw(message.$unknowns[i]);
                return writer;
            };

            Exemption.decode = function (reader, length, _end, _depth, _target) {
                if (!(reader instanceof $Reader))
                    reader = $Reader.create(reader);
                if (_depth === $undefined)
                    _depth = 0;
                if (_depth > $Reader.recursionLimit)
                    throw $Error("max depth exceeded");
                let end, message, value;
                if (length === $undefined)
                    end = reader.len;
                else {
                    end = reader.pos + length;
                    if (end > reader.len)
                        throw $RangeError("index out of range");
                    length = reader.len;
                    reader.len = end;
                }
                message = _target || new $root.segwall.v1.Exemption();
                while (reader.pos < end) {
                    let start = reader.pos;
                    let tag = reader.tag();
                    if (tag === _end) {
                        _end = $undefined;
                        break;
                    }
                    let wireType = tag & 7;
                    switch (tag >>>= 3) {
                    case 1: {
                            if (wireType !== 0)
                                break;
                            if (value = reader.uint32())
                                message.set = value;
                            else
                                delete message.set;
                            continue;
                        }
                    case 2: {
                            if (wireType !== 2)
                                break;
                            message.local = $root.segwall.v1.LocalAddresses.decode(reader, reader.size(), $undefined, _depth + 1, message.local);
                            continue;
                        }
                    }
                    reader.skipType(wireType, _depth, tag);
                    if (!reader.discardUnknown) {
                        $util.makeProp(message, "$unknowns", false);
                        (message.$unknowns || (message.$unknowns = [])).push(reader.raw(start, reader.pos));
                    }
                }
                if (length !== $undefined) {
                    if (reader.pos !== end)
                        throw $RangeError("index out of range");
                    reader.len = length;
                }
                if (_end !== $undefined)
                    throw $Error("missing end group");
                return message;
            };

            return Exemption;
        })();

        v1.Quarantine = (function() {

            const Quarantine = function (properties) {
                if (properties)
                    for (let keys = $Object.keys(properties), i = 0; i < keys.length; ++i)
                        if (properties[keys[i]] != null && keys[i] !== "__proto__")
                            this[keys[i]] = properties[keys[i]];
            };

            Quarantine.prototype.name = 0;
            Quarantine.prototype.peers = null;

            Quarantine.encode = function (message, writer, _depth) {
                if (!writer)
                    writer = $Writer.create();
                if (_depth === $undefined)
                    _depth = 0;
                if (_depth > $util.recursionLimit)
                    throw $Error("max depth exceeded");
                if (message.name != null && $Object.hasOwnProperty.call(message, "name") && message.name !== 0)
                    writer.uint32(8).uint32(message.name);
                if (message.peers != null && $Object.hasOwnProperty.call(message, "peers"))
                    $root.segwall.v1.Peers.encode(message.peers, writer.uint32(18).fork(), _depth + 1).ldelim();
                if (message.$unknowns != null && $Object.hasOwnProperty.call(message, "$unknowns"))
                    for (let i = 0; i < message.$unknowns.length; ++i)
                        writer.raw(message.$unknowns[i]);
                return writer;
            };

            Quarantine.decode = function (reader, length, _end, _depth, _target) {
                if (!(reader instanceof $Reader))
                    reader = $Reader.create(reader);
                if (_depth === $undefined)
                    _depth = 0;
                if (_depth > $Reader.recursionLimit)
                    throw $Error("max depth exceeded");
                let end, message, value;
                if (length === $undefined)
                    end = reader.len;
                else {
                    end = reader.pos + length;
                    if (end > reader.len)
                        throw $RangeError("index out of range");
                    length = reader.len;
                    reader.len = end;
                }
                message = _target || new $root.segwall.v1.Quarantine();
                while (reader.pos < end) {
                    let start = reader.pos;
                    let tag = reader.tag();
                    if (tag === _end) {
                        _end = $undefined;
                        break;
                    }
                    let wireType = tag & 7;
                    switch (tag >>>= 3) {
                    case 1: {
                            if (wireType !== 0)
                                break;
                            if (value = reader.uint32())
                                message.name = value;
                            else
                                delete message.name;
                            continue;
                        }
                    case 2: {
                            if (wireType !== 2)
                                break;
                            message.peers = $root.segwall.v1.Peers.decode(reader, reader.size(), $undefined, _depth + 1, message.peers);
                            continue;
                        }
                    }
                    reader.skipType(wireType, _depth, tag);
                    if (!reader.discardUnknown) {
                        $util.makeProp(message, "$unknowns", false);
                        (message.$unknowns || (message.$unknowns = [])).push(reader.raw(start, reader.pos));
                    }
                }
                if (length !== $undefined) {
                    if (reader.pos !== end)
                        throw $RangeError("index out of range");
                    reader.len = length;
                }
                if (_end !== $undefined)
                    throw $Error("missing end group");
                return message;
            };

            return Quarantine;
        })();

        v1.DirectionRules = (function() {

            const DirectionRules = function (properties) {
                this.selective = [];
                this.guardrails = [];
                this.grants = [];
                if (properties)
                    for (let keys = $Object.keys(properties), i = 0; i < keys.length; ++i)
                        if (properties[keys[i]] != null && keys[i] !== "__proto__")
                            this[keys[i]] = properties[keys[i]];
            };

            DirectionRules.prototype.mode = 0;
            DirectionRules.prototype.defaultSegment = null;
            DirectionRules.prototype.onDeny = 0;
            DirectionRules.prototype.selective = $util.emptyArray;
            DirectionRules.prototype.guardrails = $util.emptyArray;
            DirectionRules.prototype.grants = $util.emptyArray;

            DirectionRules.encode = function (message, writer, _depth) {
                if (!writer)
                    writer = $Writer.create();
                if (_depth === $undefined)
                    _depth = 0;
                if (_depth > $util.recursionLimit)
                    throw $Error("max depth exceeded");
                if (message.mode != null && $Object.hasOwnProperty.call(message, "mode") && message.mode !== 0)
                    writer.uint32(8).int32(message.mode);
                if (message.defaultSegment != null && $Object.hasOwnProperty.call(message, "defaultSegment"))
                    $root.segwall.v1.SegmentRef.encode(message.defaultSegment, writer.uint32(18).fork(), _depth + 1).ldelim();
                if (message.onDeny != null && $Object.hasOwnProperty.call(message, "onDeny") && message.onDeny !== 0)
                    writer.uint32(24).int32(message.onDeny);
                if (message.selective != null && message.selective.length)
                    for (let i = 0; i < message.selective.length; ++i)
                        $root.segwall.v1.SelectiveServices.encode(message.selective[i], writer.uint32(34).fork(), _depth + 1).ldelim();
                if (message.guardrails != null && message.guardrails.length)
                    for (let i = 0; i < message.guardrails.length; ++i)
                        $root.segwall.v1.GuardrailDeny.encode(message.guardrails[i], writer.uint32(42).fork(), _depth + 1).ldelim();
                if (message.grants != null && message.grants.length)
                    for (let i = 0; i < message.grants.length; ++i)
                        $root.segwall.v1.Grant.encode(message.grants[i], writer.uint32(50).fork(), _depth + 1).ldelim();
                if (message.$unknowns != null && $Object.hasOwnProperty.call(message, "$unknowns"))
                    for (let i = 0; i < message.$unknowns.length; ++i)
                        writer.raw(message.$unknowns[i]);
                return writer;
            };

            DirectionRules.decode = function (reader, length, _end, _depth, _target) {
                if (!(reader instanceof $Reader))
                    reader = $Reader.create(reader);
                if (_depth === $undefined)
                    _depth = 0;
                if (_depth > $Reader.recursionLimit)
                    throw $Error("max depth exceeded");
                let end, message, value;
                if (length === $undefined)
                    end = reader.len;
                else {
                    end = reader.pos + length;
                    if (end > reader.len)
                        throw $RangeError("index out of range");
                    length = reader.len;
                    reader.len = end;
                }
                message = _target || new $root.segwall.v1.DirectionRules();
                while (reader.pos < end) {
                    let start = reader.pos;
                    let tag = reader.tag();
                    if (tag === _end) {
                        _end = $undefined;
                        break;
                    }
                    let wireType = tag & 7;
                    switch (tag >>>= 3) {
                    case 1: {
                            if (wireType !== 0)
                                break;
                            if (value = reader.int32())
                                message.mode = value;
                            else
                                delete message.mode;
                            continue;
                        }
                    case 2: {
                            if (wireType !== 2)
                                break;
                            message.defaultSegment = $root.segwall.v1.SegmentRef.decode(reader, reader.size(), $undefined, _depth + 1, message.defaultSegment);
                            continue;
                        }
                    case 3: {
                            if (wireType !== 0)
                                break;
                            if (value = reader.int32())
                                message.onDeny = value;
                            else
                                delete message.onDeny;
                            continue;
                        }
                    case 4: {
                            if (wireType !== 2)
                                break;
                            if (!(message.selective && message.selective.length))
                                message.selective = [];
                            message.selective.push($root.segwall.v1.SelectiveServices.decode(reader, reader.size(), $undefined, _depth + 1));
                            continue;
                        }
                    case 5: {
                            if (wireType !== 2)
                                break;
                            if (!(message.guardrails && message.guardrails.length))
                                message.guardrails = [];
                            message.guardrails.push($root.segwall.v1.GuardrailDeny.decode(reader, reader.size(), $undefined, _depth + 1));
                            continue;
                        }
                    case 6: {
                            if (wireType !== 2)
                                break;
                            if (!(message.grants && message.grants.length))
                                message.grants = [];
                            message.grants.push($root.segwall.v1.Grant.decode(reader, reader.size(), $undefined, _depth + 1));
                            continue;
                        }
                    }
                    reader.skipType(wireType, _depth, tag);
                    if (!reader.discardUnknown) {
                        $util.makeProp(message, "$unknowns", false);
                        (message.$unknowns || (message.$unknowns = [])).push(reader.raw(start, reader.pos));
                    }
                }
                if (length !== $undefined) {
                    if (reader.pos !== end)
                        throw $RangeError("index out of range");
                    reader.len = length;
                }
                if (_end !== $undefined)
                    throw $Error("missing end group");
                return message;
            };

            return DirectionRules;
        })();

        v1.SegmentRef = (function() {

            const SegmentRef = function (properties) {
                if (properties)
                    for (let keys = $Object.keys(properties), i = 0; i < keys.length; ++i)
                        if (properties[keys[i]] != null && keys[i] !== "__proto__")
                            this[keys[i]] = properties[keys[i]];
            };

            SegmentRef.prototype.segment = 0;
            SegmentRef.prototype.combination = 0;

            SegmentRef.encode = function (message, writer, _depth) {
                if (!writer)
                    writer = $Writer.create();
                if (_depth === $undefined)
                    _depth = 0;
                if (_depth > $util.recursionLimit)
                    throw $Error("max depth exceeded");
                if (message.segment != null && $Object.hasOwnProperty.call(message, "segment") && message.segment !== 0)
                    writer.uint32(8).uint32(message.segment);
                if (message.combination != null && $Object.hasOwnProperty.call(message, "combination") && message.combination !== 0)
                    writer.uint32(16).uint32(message.combination);
                if (message.$unknowns != null && $Object.hasOwnProperty.call(message, "$unknowns"))
                    for (let i = 0; i < message.$unknowns.length; ++i)
                        writer.raw(message.$unknowns[i]);
                return writer;
            };

            SegmentRef.decode = function (reader, length, _end, _depth, _target) {
                if (!(reader instanceof $Reader))
                    reader = $Reader.create(reader);
                if (_depth === $undefined)
                    _depth = 0;
                if (_depth > $Reader.recursionLimit)
                    throw $Error("max depth exceeded");
                let end, message, value;
                if (length === $undefined)
                    end = reader.len;
                else {
                    end = reader.pos + length;
                    if (end > reader.len)
                        throw $RangeError("index out of range");
                    length = reader.len;
                    reader.len = end;
                }
                message = _target || new $root.segwall.v1.SegmentRef();
                while (reader.pos < end) {
                    let start = reader.pos;
                    let tag = reader.tag();
                    if (tag === _end) {
                        _end = $undefined;
                        break;
                    }
                    let wireType = tag & 7;
                    switch (tag >>>= 3) {
                    case 1: {
                            if (wireType !== 0)
                                break;
                            if (value = reader.uint32())
                                message.segment = value;
                            else
                                delete message.segment;
                            continue;
                        }
                    case 2: {
                            if (wireType !== 0)
                                break;
                            if (value = reader.uint32())
                                message.combination = value;
                            else
                                delete message.combination;
                            continue;
                        }
                    }
                    reader.skipType(wireType, _depth, tag);
                    if (!reader.discardUnknown) {
                        $util.makeProp(message, "$unknowns", false);
                        (message.$unknowns || (message.$unknowns = [])).push(reader.raw(start, reader.pos));
                    }
                }
                if (length !== $undefined) {
                    if (reader.pos !== end)
                        throw $RangeError("index out of range");
                    reader.len = length;
                }
                if (_end !== $undefined)
                    throw $Error("missing end group");
                return message;
            };

            return SegmentRef;
        })();

        v1.SelectiveServices = (function() {

            const SelectiveServices = function (properties) {
                this.services = [];
                if (properties)
                    for (let keys = $Object.keys(properties), i = 0; i < keys.length; ++i)
                        if (properties[keys[i]] != null && keys[i] !== "__proto__")
                            this[keys[i]] = properties[keys[i]];
            };

            SelectiveServices.prototype.segment = null;
            SelectiveServices.prototype.services = $util.emptyArray;
            SelectiveServices.prototype.onDeny = 0;

            SelectiveServices.encode = function (message, writer, _depth) {
                if (!writer)
                    writer = $Writer.create();
                if (_depth === $undefined)
                    _depth = 0;
                if (_depth > $util.recursionLimit)
                    throw $Error("max depth exceeded");
                if (message.segment != null && $Object.hasOwnProperty.call(message, "segment"))
                    $root.segwall.v1.SegmentRef.encode(message.segment, writer.uint32(10).fork(), _depth + 1).ldelim();
                if (message.services != null && message.services.length)
                    for (let i = 0; i < message.services.length; ++i)
                        $root.segwall.v1.ServiceTerm.encode(message.services[i], writer.uint32(18).fork(), _depth + 1).ldelim();
                if (message.onDeny != null && $Object.hasOwnProperty.call(message, "onDeny") && message.onDeny !== 0)
                    writer.uint32(24).int32(message.onDeny);
                if (message.$unknowns != null && $Object.hasOwnProperty.call(message, "$unknowns"))
                    for (let i = 0; i < message.$unknowns.length; ++i)
                        writer.raw(message.$unknowns[i]);
                return writer;
            };

            SelectiveServices.decode = function (reader, length, _end, _depth, _target) {
                if (!(reader instanceof $Reader))
                    reader = $Reader.create(reader);
                if (_depth === $undefined)
                    _depth = 0;
                if (_depth > $Reader.recursionLimit)
                    throw $Error("max depth exceeded");
                let end, message, value;
                if (length === $undefined)
                    end = reader.len;
                else {
                    end = reader.pos + length;
                    if (end > reader.len)
                        throw $RangeError("index out of range");
                    length = reader.len;
                    reader.len = end;
                }
                message = _target || new $root.segwall.v1.SelectiveServices();
                while (reader.pos < end) {
                    let start = reader.pos;
                    let tag = reader.tag();
                    if (tag === _end) {
                        _end = $undefined;
                        break;
                    }
                    let wireType = tag & 7;
                    switch (tag >>>= 3) {
                    case 1: {
                            if (wireType !== 2)
                                break;
                            message.segment = $root.segwall.v1.SegmentRef.decode(reader, reader.size(), $undefined, _depth + 1, message.segment);
                            continue;
                        }
                    case 2: {
                            if (wireType !== 2)
                                break;
                            if (!(message.services && message.services.length))
                                message.services = [];
                            message.services.push($root.segwall.v1.ServiceTerm.decode(reader, reader.size(), $undefined, _depth + 1));
                            continue;
                        }
                    case 3: {
                            if (wireType !== 0)
                                break;
                            if (value = reader.int32())
                                message.onDeny = value;
                            else
                                delete message.onDeny;
                            continue;
                        }
                    }
                    reader.skipType(wireType, _depth, tag);
                    if (!reader.discardUnknown) {
                        $util.makeProp(message, "$unknowns", false);
                        (message.$unknowns || (message.$unknowns = [])).push(reader.raw(start, reader.pos));
                    }
                }
                if (length !== $undefined) {
                    if (reader.pos !== end)
                        throw $RangeError("index out of range");
                    reader.len = length;
                }
                if (_end !== $undefined)
                    throw $Error("missing end group");
                return message;
            };

            return SelectiveServices;
        })();

        v1.GuardrailDeny = (function() {

            const GuardrailDeny = function (properties) {
                this.services = [];
                if (properties)
                    for (let keys = $Object.keys(properties), i = 0; i < keys.length; ++i)
                        if (properties[keys[i]] != null && keys[i] !== "__proto__")
                            this[keys[i]] = properties[keys[i]];
            };

            GuardrailDeny.prototype.guardrail = 0;
            GuardrailDeny.prototype.mode = 0;
            GuardrailDeny.prototype.peers = null;
            GuardrailDeny.prototype.local = null;
            GuardrailDeny.prototype.services = $util.emptyArray;

            GuardrailDeny.encode = function (message, writer, _depth) {
                if (!writer)
                    writer = $Writer.create();
                if (_depth === $undefined)
                    _depth = 0;
                if (_depth > $util.recursionLimit)
                    throw $Error("max depth exceeded");
                if (message.guardrail != null && $Object.hasOwnProperty.call(message, "guardrail") && message.guardrail !== 0)
                    writer.uint32(8).uint32(message.guardrail);
                if (message.mode != null && $Object.hasOwnProperty.call(message, "mode") && message.mode !== 0)
                    writer.uint32(16).int32(message.mode);
                if (message.peers != null && $Object.hasOwnProperty.call(message, "peers"))
                    $root.segwall.v1.Peers.encode(message.peers, writer.uint32(26).fork(), _depth + 1).ldelim();
                if (message.local != null && $Object.hasOwnProperty.call(message, "local"))
                    $root.segwall.v1.LocalAddresses.encode(message.local, writer.uint32(34).fork(), _depth + 1).ldelim();
                if (message.services != null && message.services.length)
                    for (let i = 0; i < message.services.length; ++i)
                        $root.segwall.v1.ServiceTerm.encode(message.services[i], writer.uint32(42).fork(), _depth + 1).ldelim();
                if (message.$unknowns != null && $Object.hasOwnProperty.call(message, "$unknowns"))
                    for (let i = 0; i < message.$unknowns.length; ++i)
                        writer.raw(message.$unknowns[i]);
                return writer;
            };

            GuardrailDeny.decode = function (reader, length, _end, _depth, _target) {
                if (!(reader instanceof $Reader))
                    reader = $Reader.create(reader);
                if (_depth === $undefined)
                    _depth = 0;
                if (_depth > $Reader.recursionLimit)
                    throw $Error("max depth exceeded");
                let end, message, value;
                if (length === $undefined)
                    end = reader.len;
                else {
                    end = reader.pos + length;
                    if (end > reader.len)
                        throw $RangeError("index out of range");
                    length = reader.len;
                    reader.len = end;
                }
                message = _target || new $root.segwall.v1.GuardrailDeny();
                while (reader.pos < end) {
                    let start = reader.pos;
                    let tag = reader.tag();
                    if (tag === _end) {
                        _end = $undefined;
                        break;
                    }
                    let wireType = tag & 7;
                    switch (tag >>>= 3) {
                    case 1: {
                            if (wireType !== 0)
                                break;
                            if (value = reader.uint32())
                                message.guardrail = value;
                            else
                                delete message.guardrail;
                            continue;
                        }
                    case 2: {
                            if (wireType !== 0)
                                break;
                            if (value = reader.int32())
                                message.mode = value;
                            else
                                delete message.mode;
                            continue;
                        }
                    case 3: {
                            if (wireType !== 2)
                                break;
                            message.peers = $root.segwall.v1.Peers.decode(reader, reader.size(), $undefined, _depth + 1, message.peers);
                            continue;
                        }
                    case 4: {
                            if (wireType !== 2)
                                break;
                            message.local = $root.segwall.v1.LocalAddresses.decode(reader, reader.size(), $undefined, _depth + 1, message.local);
                            continue;
                        }
                    case 5: {
                            if (wireType !== 2)
                                break;
                            if (!(message.services && message.services.length))
                                message.services = [];
                            message.services.push($root.segwall.v1.ServiceTerm.decode(reader, reader.size(), $undefined, _depth + 1));
                            continue;
                        }
                    }
                    reader.skipType(wireType, _depth, tag);
                    if (!reader.discardUnknown) {
                        $util.makeProp(message, "$unknowns", false);
                        (message.$unknowns || (message.$unknowns = [])).push(reader.raw(start, reader.pos));
                    }
                }
                if (length !== $undefined) {
                    if (reader.pos !== end)
                        throw $RangeError("index out of range");
                    reader.len = length;
                }
                if (_end !== $undefined)
                    throw $Error("missing end group");
                return message;
            };

            return GuardrailDeny;
        })();

        v1.Grant = (function() {

            const Grant = function (properties) {
                this.services = [];
                if (properties)
                    for (let keys = $Object.keys(properties), i = 0; i < keys.length; ++i)
                        if (properties[keys[i]] != null && keys[i] !== "__proto__")
                            this[keys[i]] = properties[keys[i]];
            };

            Grant.prototype.segment = null;
            Grant.prototype.rule = 0;
            Grant.prototype.peers = null;
            Grant.prototype.local = null;
            Grant.prototype.services = $util.emptyArray;
            Grant.prototype.schedule = null;

            Grant.encode = function (message, writer, _depth) {
                if (!writer)
                    writer = $Writer.create();
                if (_depth === $undefined)
                    _depth = 0;
                if (_depth > $util.recursionLimit)
                    throw $Error("max depth exceeded");
                if (message.segment != null && $Object.hasOwnProperty.call(message, "segment"))
                    $root.segwall.v1.SegmentRef.encode(message.segment, writer.uint32(10).fork(), _depth + 1).ldelim();
                if (message.rule != null && $Object.hasOwnProperty.call(message, "rule") && message.rule !== 0)
                    writer.uint32(16).uint32(message.rule);
                if (message.peers != null && $Object.hasOwnProperty.call(message, "peers"))
                    $root.segwall.v1.Peers.encode(message.peers, writer.uint32(26).fork(), _depth + 1).ldelim();
                if (message.local != null && $Object.hasOwnProperty.call(message, "local"))
                    $root.segwall.v1.LocalAddresses.encode(message.local, writer.uint32(34).fork(), _depth + 1).ldelim();
                if (message.services != null && message.services.length)
                    for (let i = 0; i < message.services.length; ++i)
                        $root.segwall.v1.ServiceTerm.encode(message.services[i], writer.uint32(42).fork(), _depth + 1).ldelim();
                if (message.schedule != null && $Object.hasOwnProperty.call(message, "schedule"))
                    $root.segwall.v1.Schedule.encode(message.schedule, writer.uint32(50).fork(), _depth + 1).ldelim();
                if (message.$unknowns != null && $Object.hasOwnProperty.call(message, "$unknowns"))
                    for (let i = 0; i < message.$unknowns.length; ++i)
                        writer.raw(message.$unknowns[i]);
                return writer;
            };

            Grant.decode = function (reader, length, _end, _depth, _target) {
                if (!(reader instanceof $Reader))
                    reader = $Reader.create(reader);
                if (_depth === $undefined)
                    _depth = 0;
                if (_depth > $Reader.recursionLimit)
                    throw $Error("max depth exceeded");
                let end, message, value;
                if (length === $undefined)
                    end = reader.len;
                else {
                    end = reader.pos + length;
                    if (end > reader.len)
                        throw $RangeError("index out of range");
                    length = reader.len;
                    reader.len = end;
                }
                message = _target || new $root.segwall.v1.Grant();
                while (reader.pos < end) {
                    let start = reader.pos;
                    let tag = reader.tag();
                    if (tag === _end) {
                        _end = $undefined;
                        break;
                    }
                    let wireType = tag & 7;
                    switch (tag >>>= 3) {
                    case 1: {
                            if (wireType !== 2)
                                break;
                            message.segment = $root.segwall.v1.SegmentRef.decode(reader, reader.size(), $undefined, _depth + 1, message.segment);
                            continue;
                        }
                    case 2: {
                            if (wireType !== 0)
                                break;
                            if (value = reader.uint32())
                                message.rule = value;
                            else
                                delete message.rule;
                            continue;
                        }
                    case 3: {
                            if (wireType !== 2)
                                break;
                            message.peers = $root.segwall.v1.Peers.decode(reader, reader.size(), $undefined, _depth + 1, message.peers);
                            continue;
                        }
                    case 4: {
                            if (wireType !== 2)
                                break;
                            message.local = $root.segwall.v1.LocalAddresses.decode(reader, reader.size(), $undefined, _depth + 1, message.local);
                            continue;
                        }
                    case 5: {
                            if (wireType !== 2)
                                break;
                            if (!(message.services && message.services.length))
                                message.services = [];
                            message.services.push($root.segwall.v1.ServiceTerm.decode(reader, reader.size(), $undefined, _depth + 1));
                            continue;
                        }
                    case 6: {
                            if (wireType !== 2)
                                break;
                            message.schedule = $root.segwall.v1.Schedule.decode(reader, reader.size(), $undefined, _depth + 1, message.schedule);
                            continue;
                        }
                    }
                    reader.skipType(wireType, _depth, tag);
                    if (!reader.discardUnknown) {
                        $util.makeProp(message, "$unknowns", false);
                        (message.$unknowns || (message.$unknowns = [])).push(reader.raw(start, reader.pos));
                    }
                }
                if (length !== $undefined) {
                    if (reader.pos !== end)
                        throw $RangeError("index out of range");
                    reader.len = length;
                }
                if (_end !== $undefined)
                    throw $Error("missing end group");
                return message;
            };

            return Grant;
        })();

        v1.Schedule = (function() {

            const Schedule = function (properties) {
                if (properties)
                    for (let keys = $Object.keys(properties), i = 0; i < keys.length; ++i)
                        if (properties[keys[i]] != null && keys[i] !== "__proto__")
                            this[keys[i]] = properties[keys[i]];
            };

            Schedule.prototype.expiresAt = $util.Long ? $util.Long.fromBits(0,0,true) : 0;
            Schedule.prototype.when = null;

            Schedule.encode = function (message, writer, _depth) {
                if (!writer)
                    writer = $Writer.create();
                if (_depth === $undefined)
                    _depth = 0;
                if (_depth > $util.recursionLimit)
                    throw $Error("max depth exceeded");
                if (message.expiresAt != null && $Object.hasOwnProperty.call(message, "expiresAt") && (typeof message.expiresAt === "object" ? message.expiresAt.low || message.expiresAt.high : message.expiresAt !== 0))
                    writer.uint32(8).uint64(message.expiresAt);
                if (message.when != null && $Object.hasOwnProperty.call(message, "when"))
                    $root.segwall.v1.TimeWindow.encode(message.when, writer.uint32(18).fork(), _depth + 1).ldelim();
                if (message.$unknowns != null && $Object.hasOwnProperty.call(message, "$unknowns"))
                    for (let i = 0; i < message.$unknowns.length; ++i)
                        writer.raw(message.$unknowns[i]);
                return writer;
            };

            Schedule.decode = function (reader, length, _end, _depth, _target) {
                if (!(reader instanceof $Reader))
                    reader = $Reader.create(reader);
                if (_depth === $undefined)
                    _depth = 0;
                if (_depth > $Reader.recursionLimit)
                    throw $Error("max depth exceeded");
                let end, message, value;
                if (length === $undefined)
                    end = reader.len;
                else {
                    end = reader.pos + length;
                    if (end > reader.len)
                        throw $RangeError("index out of range");
                    length = reader.len;
                    reader.len = end;
                }
                message = _target || new $root.segwall.v1.Schedule();
                while (reader.pos < end) {
                    let start = reader.pos;
                    let tag = reader.tag();
                    if (tag === _end) {
                        _end = $undefined;
                        break;
                    }
                    let wireType = tag & 7;
                    switch (tag >>>= 3) {
                    case 1: {
                            if (wireType !== 0)
                                break;
                            if (typeof (value = reader.uint64()) === "object" ? value.low || value.high : value !== 0)
                                message.expiresAt = value;
                            else
                                delete message.expiresAt;
                            continue;
                        }
                    case 2: {
                            if (wireType !== 2)
                                break;
                            message.when = $root.segwall.v1.TimeWindow.decode(reader, reader.size(), $undefined, _depth + 1, message.when);
                            continue;
                        }
                    }
                    reader.skipType(wireType, _depth, tag);
                    if (!reader.discardUnknown) {
                        $util.makeProp(message, "$unknowns", false);
                        (message.$unknowns || (message.$unknowns = [])).push(reader.raw(start, reader.pos));
                    }
                }
                if (length !== $undefined) {
                    if (reader.pos !== end)
                        throw $RangeError("index out of range");
                    reader.len = length;
                }
                if (_end !== $undefined)
                    throw $Error("missing end group");
                return message;
            };

            return Schedule;
        })();

        v1.TimeWindow = (function() {

            const TimeWindow = function (properties) {
                if (properties)
                    for (let keys = $Object.keys(properties), i = 0; i < keys.length; ++i)
                        if (properties[keys[i]] != null && keys[i] !== "__proto__")
                            this[keys[i]] = properties[keys[i]];
            };

            TimeWindow.prototype.days = 0;
            TimeWindow.prototype.fromMinute = 0;
            TimeWindow.prototype.toMinute = 0;
            TimeWindow.prototype.zone = "";

            TimeWindow.encode = function (message, writer, _depth) {
                if (!writer)
                    writer = $Writer.create();
                if (_depth === $undefined)
                    _depth = 0;
                if (_depth > $util.recursionLimit)
                    throw $Error("max depth exceeded");
                if (message.days != null && $Object.hasOwnProperty.call(message, "days") && message.days !== 0)
                    writer.uint32(8).uint32(message.days);
                if (message.fromMinute != null && $Object.hasOwnProperty.call(message, "fromMinute") && message.fromMinute !== 0)
                    writer.uint32(16).uint32(message.fromMinute);
                if (message.toMinute != null && $Object.hasOwnProperty.call(message, "toMinute") && message.toMinute !== 0)
                    writer.uint32(24).uint32(message.toMinute);
                if (message.zone != null && $Object.hasOwnProperty.call(message, "zone") && message.zone !== "")
                    writer.uint32(34).string(message.zone);
                if (message.$unknowns != null && $Object.hasOwnProperty.call(message, "$unknowns"))
                    for (let i = 0; i < message.$unknowns.length; ++i)
                        writer.raw(message.$unknowns[i]);
                return writer;
            };

            TimeWindow.decode = function (reader, length, _end, _depth, _target) {
                if (!(reader instanceof $Reader))
                    reader = $Reader.create(reader);
                if (_depth === $undefined)
                    _depth = 0;
                if (_depth > $Reader.recursionLimit)
                    throw $Error("max depth exceeded");
                let end, message, value;
                if (length === $undefined)
                    end = reader.len;
                else {
                    end = reader.pos + length;
                    if (end > reader.len)
                        throw $RangeError("index out of range");
                    length = reader.len;
                    reader.len = end;
                }
                message = _target || new $root.segwall.v1.TimeWindow();
                while (reader.pos < end) {
                    let start = reader.pos;
                    let tag = reader.tag();
                    if (tag === _end) {
                        _end = $undefined;
                        break;
                    }
                    let wireType = tag & 7;
                    switch (tag >>>= 3) {
                    case 1: {
                            if (wireType !== 0)
                                break;
                            if (value = reader.uint32())
                                message.days = value;
                            else
                                delete message.days;
                            continue;
                        }
                    case 2: {
                            if (wireType !== 0)
                                break;
                            if (value = reader.uint32())
                                message.fromMinute = value;
                            else
                                delete message.fromMinute;
                            continue;
                        }
                    case 3: {
                            if (wireType !== 0)
                                break;
                            if (value = reader.uint32())
                                message.toMinute = value;
                            else
                                delete message.toMinute;
                            continue;
                        }
                    case 4: {
                            if (wireType !== 2)
                                break;
                            if ((value = reader.stringVerify()).length)
                                message.zone = value;
                            else
                                delete message.zone;
                            continue;
                        }
                    }
                    reader.skipType(wireType, _depth, tag);
                    if (!reader.discardUnknown) {
                        $util.makeProp(message, "$unknowns", false);
                        (message.$unknowns || (message.$unknowns = [])).push(reader.raw(start, reader.pos));
                    }
                }
                if (length !== $undefined) {
                    if (reader.pos !== end)
                        throw $RangeError("index out of range");
                    reader.len = length;
                }
                if (_end !== $undefined)
                    throw $Error("missing end group");
                return message;
            };

            return TimeWindow;
        })();

        v1.Peers = (function() {

            const Peers = function (properties) {
                this.sets = [];
                if (properties)
                    for (let keys = $Object.keys(properties), i = 0; i < keys.length; ++i)
                        if (properties[keys[i]] != null && keys[i] !== "__proto__")
                            this[keys[i]] = properties[keys[i]];
            };

            Peers.prototype.kind = 0;
            Peers.prototype.sets = $util.emptyArray;

            Peers.encode = function (message, writer, _depth) {
                if (!writer)
                    writer = $Writer.create();
                if (_depth === $undefined)
                    _depth = 0;
                if (_depth > $util.recursionLimit)
                    throw $Error("max depth exceeded");
                if (message.kind != null && $Object.hasOwnProperty.call(message, "kind") && message.kind !== 0)
                    writer.uint32(8).int32(message.kind);
                if (message.sets != null && message.sets.length)
                    writer.uint32(18).uint32s(message.sets);
                if (message.$unknowns != null && $Object.hasOwnProperty.call(message, "$unknowns"))
                    for (let i = 0; i < message.$unknowns.length; ++i)
                        writer.raw(message.$unknowns[i]);
                return writer;
            };

            Peers.decode = function (reader, length, _end, _depth, _target) {
                if (!(reader instanceof $Reader))
                    reader = $Reader.create(reader);
                if (_depth === $undefined)
                    _depth = 0;
                if (_depth > $Reader.recursionLimit)
                    throw $Error("max depth exceeded");
                let end, message, value;
                if (length === $undefined)
                    end = reader.len;
                else {
                    end = reader.pos + length;
                    if (end > reader.len)
                        throw $RangeError("index out of range");
                    length = reader.len;
                    reader.len = end;
                }
                message = _target || new $root.segwall.v1.Peers();
                while (reader.pos < end) {
                    let start = reader.pos;
                    let tag = reader.tag();
                    if (tag === _end) {
                        _end = $undefined;
                        break;
                    }
                    let wireType = tag & 7;
                    switch (tag >>>= 3) {
                    case 1: {
                            if (wireType !== 0)
                                break;
                            if (value = reader.int32())
                                message.kind = value;
                            else
                                delete message.kind;
                            continue;
                        }
                    case 2: {
                            if (wireType === 2) {
                                if (!(message.sets && message.sets.length))
                                    message.sets = [];
                                reader.uint32s(message.sets);
                                continue;
                            }
                            if (wireType !== 0)
                                break;
                            if (!(message.sets && message.sets.length))
                                message.sets = [];
                            message.sets.push(reader.uint32());
                            continue;
                        }
                    }
                    reader.skipType(wireType, _depth, tag);
                    if (!reader.discardUnknown) {
                        $util.makeProp(message, "$unknowns", false);
                        (message.$unknowns || (message.$unknowns = [])).push(reader.raw(start, reader.pos));
                    }
                }
                if (length !== $undefined) {
                    if (reader.pos !== end)
                        throw $RangeError("index out of range");
                    reader.len = length;
                }
                if (_end !== $undefined)
                    throw $Error("missing end group");
                return message;
            };

            return Peers;
        })();

        v1.LocalAddresses = (function() {

            const LocalAddresses = function (properties) {
                if (properties)
                    for (let keys = $Object.keys(properties), i = 0; i < keys.length; ++i)
                        if (properties[keys[i]] != null && keys[i] !== "__proto__")
                            this[keys[i]] = properties[keys[i]];
            };

            LocalAddresses.prototype.kind = 0;
            LocalAddresses.prototype.ranges = null;

            LocalAddresses.encode = function (message, writer, _depth) {
                if (!writer)
                    writer = $Writer.create();
                if (_depth === $undefined)
                    _depth = 0;
                if (_depth > $util.recursionLimit)
                    throw $Error("max depth exceeded");
                if (message.kind != null && $Object.hasOwnProperty.call(message, "kind") && message.kind !== 0)
                    writer.uint32(8).int32(message.kind);
                if (message.ranges != null && $Object.hasOwnProperty.call(message, "ranges"))
                    $root.segwall.v1.Ranges.encode(message.ranges, writer.uint32(18).fork(), _depth + 1).ldelim();
                if (message.$unknowns != null && $Object.hasOwnProperty.call(message, "$unknowns"))
                    for (let i = 0; i < message.$unknowns.length; ++i)
                        writer.raw(message.$unknowns[i]);
                return writer;
            };

            LocalAddresses.decode = function (reader, length, _end, _depth, _target) {
                if (!(reader instanceof $Reader))
                    reader = $Reader.create(reader);
                if (_depth === $undefined)
                    _depth = 0;
                if (_depth > $Reader.recursionLimit)
                    throw $Error("max depth exceeded");
                let end, message, value;
                if (length === $undefined)
                    end = reader.len;
                else {
                    end = reader.pos + length;
                    if (end > reader.len)
                        throw $RangeError("index out of range");
                    length = reader.len;
                    reader.len = end;
                }
                message = _target || new $root.segwall.v1.LocalAddresses();
                while (reader.pos < end) {
                    let start = reader.pos;
                    let tag = reader.tag();
                    if (tag === _end) {
                        _end = $undefined;
                        break;
                    }
                    let wireType = tag & 7;
                    switch (tag >>>= 3) {
                    case 1: {
                            if (wireType !== 0)
                                break;
                            if (value = reader.int32())
                                message.kind = value;
                            else
                                delete message.kind;
                            continue;
                        }
                    case 2: {
                            if (wireType !== 2)
                                break;
                            message.ranges = $root.segwall.v1.Ranges.decode(reader, reader.size(), $undefined, _depth + 1, message.ranges);
                            continue;
                        }
                    }
                    reader.skipType(wireType, _depth, tag);
                    if (!reader.discardUnknown) {
                        $util.makeProp(message, "$unknowns", false);
                        (message.$unknowns || (message.$unknowns = [])).push(reader.raw(start, reader.pos));
                    }
                }
                if (length !== $undefined) {
                    if (reader.pos !== end)
                        throw $RangeError("index out of range");
                    reader.len = length;
                }
                if (_end !== $undefined)
                    throw $Error("missing end group");
                return message;
            };

            return LocalAddresses;
        })();

        v1.ServiceTerm = (function() {

            const ServiceTerm = function (properties) {
                if (properties)
                    for (let keys = $Object.keys(properties), i = 0; i < keys.length; ++i)
                        if (properties[keys[i]] != null && keys[i] !== "__proto__")
                            this[keys[i]] = properties[keys[i]];
            };

            ServiceTerm.prototype.kind = 0;
            ServiceTerm.prototype.low = 0;
            ServiceTerm.prototype.high = 0;

            ServiceTerm.encode = function (message, writer, _depth) {
                if (!writer)
                    writer = $Writer.create();
                if (_depth === $undefined)
                    _depth = 0;
                if (_depth > $util.recursionLimit)
                    throw $Error("max depth exceeded");
                if (message.kind != null && $Object.hasOwnProperty.call(message, "kind") && message.kind !== 0)
                    writer.uint32(8).int32(message.kind);
                if (message.low != null && $Object.hasOwnProperty.call(message, "low") && message.low !== 0)
                    writer.uint32(16).uint32(message.low);
                if (message.high != null && $Object.hasOwnProperty.call(message, "high") && message.high !== 0)
                    writer.uint32(24).uint32(message.high);
                if (message.$unknowns != null && $Object.hasOwnProperty.call(message, "$unknowns"))
                    for (let i = 0; i < message.$unknowns.length; ++i)
                        writer.raw(message.$unknowns[i]);
                return writer;
            };

            ServiceTerm.decode = function (reader, length, _end, _depth, _target) {
                if (!(reader instanceof $Reader))
                    reader = $Reader.create(reader);
                if (_depth === $undefined)
                    _depth = 0;
                if (_depth > $Reader.recursionLimit)
                    throw $Error("max depth exceeded");
                let end, message, value;
                if (length === $undefined)
                    end = reader.len;
                else {
                    end = reader.pos + length;
                    if (end > reader.len)
                        throw $RangeError("index out of range");
                    length = reader.len;
                    reader.len = end;
                }
                message = _target || new $root.segwall.v1.ServiceTerm();
                while (reader.pos < end) {
                    let start = reader.pos;
                    let tag = reader.tag();
                    if (tag === _end) {
                        _end = $undefined;
                        break;
                    }
                    let wireType = tag & 7;
                    switch (tag >>>= 3) {
                    case 1: {
                            if (wireType !== 0)
                                break;
                            if (value = reader.int32())
                                message.kind = value;
                            else
                                delete message.kind;
                            continue;
                        }
                    case 2: {
                            if (wireType !== 0)
                                break;
                            if (value = reader.uint32())
                                message.low = value;
                            else
                                delete message.low;
                            continue;
                        }
                    case 3: {
                            if (wireType !== 0)
                                break;
                            if (value = reader.uint32())
                                message.high = value;
                            else
                                delete message.high;
                            continue;
                        }
                    }
                    reader.skipType(wireType, _depth, tag);
                    if (!reader.discardUnknown) {
                        $util.makeProp(message, "$unknowns", false);
                        (message.$unknowns || (message.$unknowns = [])).push(reader.raw(start, reader.pos));
                    }
                }
                if (length !== $undefined) {
                    if (reader.pos !== end)
                        throw $RangeError("index out of range");
                    reader.len = length;
                }
                if (_end !== $undefined)
                    throw $Error("missing end group");
                return message;
            };

            return ServiceTerm;
        })();

        v1.ServiceKind = (function() {
            const valuesById = $Object.create(null), values = $Object.create(valuesById);
            values[valuesById[0] = "SERVICE_KIND_UNSPECIFIED"] = 0;
            values[valuesById[1] = "SERVICE_ANY"] = 1;
            values[valuesById[2] = "SERVICE_TCP"] = 2;
            values[valuesById[3] = "SERVICE_UDP"] = 3;
            values[valuesById[4] = "SERVICE_SCTP"] = 4;
            values[valuesById[5] = "SERVICE_ICMP"] = 5;
            values[valuesById[6] = "SERVICE_ICMP_TYPE"] = 6;
            values[valuesById[7] = "SERVICE_ICMPV6"] = 7;
            values[valuesById[8] = "SERVICE_ICMPV6_TYPE"] = 8;
            values[valuesById[9] = "SERVICE_PROTOCOL"] = 9;
            return values;
        })();

        v1.WorkloadKind = (function() {
            const valuesById = $Object.create(null), values = $Object.create(valuesById);
            values[valuesById[0] = "WORKLOAD_KIND_UNSPECIFIED"] = 0;
            values[valuesById[1] = "WORKLOAD_HOST"] = 1;
            values[valuesById[2] = "WORKLOAD_UNIT"] = 2;
            values[valuesById[3] = "WORKLOAD_CONTAINER"] = 3;
            return values;
        })();

        v1.EnforcementMode = (function() {
            const valuesById = $Object.create(null), values = $Object.create(valuesById);
            values[valuesById[0] = "ENFORCEMENT_MODE_UNSPECIFIED"] = 0;
            values[valuesById[1] = "MODE_OFF"] = 1;
            values[valuesById[2] = "MODE_OBSERVE"] = 2;
            values[valuesById[3] = "MODE_SELECTIVE"] = 3;
            values[valuesById[4] = "MODE_ENFORCE"] = 4;
            return values;
        })();

        v1.GuardrailMode = (function() {
            const valuesById = $Object.create(null), values = $Object.create(valuesById);
            values[valuesById[0] = "GUARDRAIL_MODE_UNSPECIFIED"] = 0;
            values[valuesById[1] = "GUARDRAIL_OBSERVE"] = 1;
            values[valuesById[2] = "GUARDRAIL_ENFORCE"] = 2;
            return values;
        })();

        v1.DenyAction = (function() {
            const valuesById = $Object.create(null), values = $Object.create(valuesById);
            values[valuesById[0] = "DENY_ACTION_UNSPECIFIED"] = 0;
            values[valuesById[1] = "DENY_DROP"] = 1;
            values[valuesById[2] = "DENY_REJECT"] = 2;
            return values;
        })();

        v1.PeersKind = (function() {
            const valuesById = $Object.create(null), values = $Object.create(valuesById);
            values[valuesById[0] = "PEERS_KIND_UNSPECIFIED"] = 0;
            values[valuesById[1] = "PEERS_ANY"] = 1;
            values[valuesById[2] = "PEERS_SETS"] = 2;
            return values;
        })();

        v1.LocalKind = (function() {
            const valuesById = $Object.create(null), values = $Object.create(valuesById);
            values[valuesById[0] = "LOCAL_KIND_UNSPECIFIED"] = 0;
            values[valuesById[1] = "LOCAL_ANY"] = 1;
            values[valuesById[2] = "LOCAL_RANGES"] = 2;
            return values;
        })();

        return v1;
    })();

    return segwall;
})();

export {
  $root as default
};
