import * as $protobuf from "protobufjs/minimal.js";
import Long = require("long");

/** Namespace segwall. */
export namespace segwall {

    /** Namespace v1. */
    namespace v1 {

        /**
         * Properties of an EnrolRequest.
         * @deprecated Use segwall.v1.EnrolRequest.$Properties instead.
         */
        interface IEnrolRequest extends segwall.v1.EnrolRequest.$Properties {
        }

        /** Represents an EnrolRequest. */
        class EnrolRequest {

            /**
             * Constructs a new EnrolRequest.
             * @param [properties] Properties to set
             */
            constructor(properties?: segwall.v1.EnrolRequest.$Properties);

            /** Unknown fields preserved while decoding when enabled */
            $unknowns?: Uint8Array[];

            /** EnrolRequest token. */
            token: string;

            /** EnrolRequest host. */
            host: string;

            /** EnrolRequest csr. */
            csr: Uint8Array;

            /** EnrolRequest clientClock. */
            clientClock: number;

            /** EnrolRequest renewsIdentity. */
            renewsIdentity: boolean;

            /**
             * Encodes the specified EnrolRequest message. Does not implicitly {@link segwall.v1.EnrolRequest.verify|verify} messages.
             * @param message EnrolRequest message or plain object to encode
             * @param [writer] Writer to encode to
             * @returns Writer
             */
            static encode(message: segwall.v1.EnrolRequest.$Properties, writer?: $protobuf.Writer): $protobuf.Writer;

            /**
             * Decodes an EnrolRequest message from the specified reader or buffer.
             * @param reader Reader or buffer to decode from
             * @param [length] Message length if known beforehand
             * @returns {segwall.v1.EnrolRequest & segwall.v1.EnrolRequest.$Shape} EnrolRequest
             * @throws {Error} If the payload is not a reader or valid buffer
             * @throws {$protobuf.util.ProtocolError} If required fields are missing
             */
            static decode(reader: ($protobuf.Reader|Uint8Array), length?: number): segwall.v1.EnrolRequest & segwall.v1.EnrolRequest.$Shape;
        }

        namespace EnrolRequest {

            /** Properties of an EnrolRequest. */
            interface $Properties {

                /** EnrolRequest token */
                token?: (string|null);

                /** EnrolRequest host */
                host?: (string|null);

                /** EnrolRequest csr */
                csr?: (Uint8Array|null);

                /** EnrolRequest clientClock */
                clientClock?: (number|null);

                /** EnrolRequest renewsIdentity */
                renewsIdentity?: (boolean|null);

                /** Unknown fields preserved while decoding when enabled */
                $unknowns?: Uint8Array[];
            }

            /** Shape of an EnrolRequest. */
            type $Shape = segwall.v1.EnrolRequest.$Properties;
        }

        /**
         * Properties of a RenewRequest.
         * @deprecated Use segwall.v1.RenewRequest.$Properties instead.
         */
        interface IRenewRequest extends segwall.v1.RenewRequest.$Properties {
        }

        /** Represents a RenewRequest. */
        class RenewRequest {

            /**
             * Constructs a new RenewRequest.
             * @param [properties] Properties to set
             */
            constructor(properties?: segwall.v1.RenewRequest.$Properties);

            /** Unknown fields preserved while decoding when enabled */
            $unknowns?: Uint8Array[];

            /** RenewRequest csr. */
            csr: Uint8Array;

            /** RenewRequest clientClock. */
            clientClock: number;

            /**
             * Encodes the specified RenewRequest message. Does not implicitly {@link segwall.v1.RenewRequest.verify|verify} messages.
             * @param message RenewRequest message or plain object to encode
             * @param [writer] Writer to encode to
             * @returns Writer
             */
            static encode(message: segwall.v1.RenewRequest.$Properties, writer?: $protobuf.Writer): $protobuf.Writer;

            /**
             * Decodes a RenewRequest message from the specified reader or buffer.
             * @param reader Reader or buffer to decode from
             * @param [length] Message length if known beforehand
             * @returns {segwall.v1.RenewRequest & segwall.v1.RenewRequest.$Shape} RenewRequest
             * @throws {Error} If the payload is not a reader or valid buffer
             * @throws {$protobuf.util.ProtocolError} If required fields are missing
             */
            static decode(reader: ($protobuf.Reader|Uint8Array), length?: number): segwall.v1.RenewRequest & segwall.v1.RenewRequest.$Shape;
        }

        namespace RenewRequest {

            /** Properties of a RenewRequest. */
            interface $Properties {

                /** RenewRequest csr */
                csr?: (Uint8Array|null);

                /** RenewRequest clientClock */
                clientClock?: (number|null);

                /** Unknown fields preserved while decoding when enabled */
                $unknowns?: Uint8Array[];
            }

            /** Shape of a RenewRequest. */
            type $Shape = segwall.v1.RenewRequest.$Properties;
        }

        /**
         * Properties of an EnrolReply.
         * @deprecated Use segwall.v1.EnrolReply.$Properties instead.
         */
        interface IEnrolReply extends segwall.v1.EnrolReply.$Properties {
        }

        /** Represents an EnrolReply. */
        class EnrolReply {

            /**
             * Constructs a new EnrolReply.
             * @param [properties] Properties to set
             */
            constructor(properties?: segwall.v1.EnrolReply.$Properties);

            /** Unknown fields preserved while decoding when enabled */
            $unknowns?: Uint8Array[];

            /** EnrolReply issued. */
            issued?: (segwall.v1.Issued.$Properties|null);

            /** EnrolReply refused. */
            refused?: (segwall.v1.Refused.$Properties|null);

            /** EnrolReply kind. */
            kind?: ("issued"|"refused");

            /**
             * Encodes the specified EnrolReply message. Does not implicitly {@link segwall.v1.EnrolReply.verify|verify} messages.
             * @param message EnrolReply message or plain object to encode
             * @param [writer] Writer to encode to
             * @returns Writer
             */
            static encode(message: segwall.v1.EnrolReply.$Properties, writer?: $protobuf.Writer): $protobuf.Writer;

            /**
             * Decodes an EnrolReply message from the specified reader or buffer.
             * @param reader Reader or buffer to decode from
             * @param [length] Message length if known beforehand
             * @returns {segwall.v1.EnrolReply & segwall.v1.EnrolReply.$Shape} EnrolReply
             * @throws {Error} If the payload is not a reader or valid buffer
             * @throws {$protobuf.util.ProtocolError} If required fields are missing
             */
            static decode(reader: ($protobuf.Reader|Uint8Array), length?: number): segwall.v1.EnrolReply & segwall.v1.EnrolReply.$Shape;
        }

        namespace EnrolReply {

            /** Properties of an EnrolReply. */
            interface $Properties {

                /** EnrolReply issued */
                issued?: (segwall.v1.Issued.$Properties|null);

                /** EnrolReply refused */
                refused?: (segwall.v1.Refused.$Properties|null);

                /** EnrolReply kind */
                kind?: ("issued"|"refused");

                /** Unknown fields preserved while decoding when enabled */
                $unknowns?: Uint8Array[];
            }

            /** Narrowed shape of an EnrolReply. */
            type $Shape = {
              issued?: segwall.v1.Issued.$Shape|null;
              refused?: segwall.v1.Refused.$Shape|null;
              $unknowns?: Uint8Array[];
            } & (
              ({ kind?: undefined; issued?: null; refused?: null }|{ kind?: "issued"; issued: segwall.v1.Issued.$Shape; refused?: null }|{ kind?: "refused"; issued?: null; refused: segwall.v1.Refused.$Shape })
            );
        }

        /**
         * Properties of an Issued.
         * @deprecated Use segwall.v1.Issued.$Properties instead.
         */
        interface IIssued extends segwall.v1.Issued.$Properties {
        }

        /** Represents an Issued. */
        class Issued {

            /**
             * Constructs a new Issued.
             * @param [properties] Properties to set
             */
            constructor(properties?: segwall.v1.Issued.$Properties);

            /** Unknown fields preserved while decoding when enabled */
            $unknowns?: Uint8Array[];

            /** Issued tenant. */
            tenant: string;

            /** Issued host. */
            host: string;

            /** Issued certificate. */
            certificate: Uint8Array;

            /** Issued caCertificate. */
            caCertificate: Uint8Array;

            /**
             * Encodes the specified Issued message. Does not implicitly {@link segwall.v1.Issued.verify|verify} messages.
             * @param message Issued message or plain object to encode
             * @param [writer] Writer to encode to
             * @returns Writer
             */
            static encode(message: segwall.v1.Issued.$Properties, writer?: $protobuf.Writer): $protobuf.Writer;

            /**
             * Decodes an Issued message from the specified reader or buffer.
             * @param reader Reader or buffer to decode from
             * @param [length] Message length if known beforehand
             * @returns {segwall.v1.Issued & segwall.v1.Issued.$Shape} Issued
             * @throws {Error} If the payload is not a reader or valid buffer
             * @throws {$protobuf.util.ProtocolError} If required fields are missing
             */
            static decode(reader: ($protobuf.Reader|Uint8Array), length?: number): segwall.v1.Issued & segwall.v1.Issued.$Shape;
        }

        namespace Issued {

            /** Properties of an Issued. */
            interface $Properties {

                /** Issued tenant */
                tenant?: (string|null);

                /** Issued host */
                host?: (string|null);

                /** Issued certificate */
                certificate?: (Uint8Array|null);

                /** Issued caCertificate */
                caCertificate?: (Uint8Array|null);

                /** Unknown fields preserved while decoding when enabled */
                $unknowns?: Uint8Array[];
            }

            /** Shape of an Issued. */
            type $Shape = segwall.v1.Issued.$Properties;
        }

        /**
         * Properties of a Refused.
         * @deprecated Use segwall.v1.Refused.$Properties instead.
         */
        interface IRefused extends segwall.v1.Refused.$Properties {
        }

        /** Represents a Refused. */
        class Refused {

            /**
             * Constructs a new Refused.
             * @param [properties] Properties to set
             */
            constructor(properties?: segwall.v1.Refused.$Properties);

            /** Unknown fields preserved while decoding when enabled */
            $unknowns?: Uint8Array[];

            /** Refused code. */
            code: segwall.v1.EnrolmentRefusal;

            /** Refused detail. */
            detail: string;

            /** Refused serverClock. */
            serverClock: number;

            /**
             * Encodes the specified Refused message. Does not implicitly {@link segwall.v1.Refused.verify|verify} messages.
             * @param message Refused message or plain object to encode
             * @param [writer] Writer to encode to
             * @returns Writer
             */
            static encode(message: segwall.v1.Refused.$Properties, writer?: $protobuf.Writer): $protobuf.Writer;

            /**
             * Decodes a Refused message from the specified reader or buffer.
             * @param reader Reader or buffer to decode from
             * @param [length] Message length if known beforehand
             * @returns {segwall.v1.Refused & segwall.v1.Refused.$Shape} Refused
             * @throws {Error} If the payload is not a reader or valid buffer
             * @throws {$protobuf.util.ProtocolError} If required fields are missing
             */
            static decode(reader: ($protobuf.Reader|Uint8Array), length?: number): segwall.v1.Refused & segwall.v1.Refused.$Shape;
        }

        namespace Refused {

            /** Properties of a Refused. */
            interface $Properties {

                /** Refused code */
                code?: (segwall.v1.EnrolmentRefusal|null);

                /** Refused detail */
                detail?: (string|null);

                /** Refused serverClock */
                serverClock?: (number|null);

                /** Unknown fields preserved while decoding when enabled */
                $unknowns?: Uint8Array[];
            }

            /** Shape of a Refused. */
            type $Shape = segwall.v1.Refused.$Properties;
        }

        /** EnrolmentRefusal enum. */
        enum EnrolmentRefusal {

            /** ENROLMENT_REFUSAL_UNSPECIFIED value */
            ENROLMENT_REFUSAL_UNSPECIFIED = 0,

            /** TOKEN_UNKNOWN value */
            TOKEN_UNKNOWN = 1,

            /** TOKEN_SPENT value */
            TOKEN_SPENT = 2,

            /** TOKEN_EXPIRED value */
            TOKEN_EXPIRED = 3,

            /** NAME_TAKEN value */
            NAME_TAKEN = 4,

            /** NAME_INVALID value */
            NAME_INVALID = 5,

            /** CSR_INVALID value */
            CSR_INVALID = 6,

            /** CLOCK_SKEW value */
            CLOCK_SKEW = 7
        }

        /**
         * Properties of a FlowBatch.
         * @deprecated Use segwall.v1.FlowBatch.$Properties instead.
         */
        interface IFlowBatch extends segwall.v1.FlowBatch.$Properties {
        }

        /** Represents a FlowBatch. */
        class FlowBatch {

            /**
             * Constructs a new FlowBatch.
             * @param [properties] Properties to set
             */
            constructor(properties?: segwall.v1.FlowBatch.$Properties);

            /** Unknown fields preserved while decoding when enabled */
            $unknowns?: Uint8Array[];

            /** FlowBatch sequence. */
            sequence: number;

            /** FlowBatch startedAt. */
            startedAt: number;

            /** FlowBatch endedAt. */
            endedAt: number;

            /** FlowBatch lost. */
            lost?: (segwall.v1.FlowLoss.$Properties|null);

            /** FlowBatch strings. */
            strings: string[];

            /** FlowBatch ends. */
            ends: segwall.v1.FlowEnd.$Properties[];

            /** FlowBatch ipv4. */
            ipv4: number[];

            /** FlowBatch ipv6. */
            ipv6: Uint8Array;

            /** FlowBatch count. */
            count: number;

            /** FlowBatch end. */
            end: number[];

            /** FlowBatch local. */
            local: number[];

            /** FlowBatch peer. */
            peer: number[];

            /** FlowBatch protocol. */
            protocol: number[];

            /** FlowBatch port. */
            port: number[];

            /** FlowBatch baseRevision. */
            baseRevision: number;

            /** FlowBatch revision. */
            revision: number[];

            /** FlowBatch connections. */
            connections: number[];

            /** FlowBatch packetsOriginal. */
            packetsOriginal: number[];

            /** FlowBatch packetsReply. */
            packetsReply: number[];

            /** FlowBatch bytesOriginal. */
            bytesOriginal: number[];

            /** FlowBatch bytesReply. */
            bytesReply: number[];

            /** FlowBatch firstSeen. */
            firstSeen: number[];

            /** FlowBatch lastSeen. */
            lastSeen: number[];

            /** FlowBatch answered. */
            answered: boolean[];

            /** FlowBatch unit. */
            unit: number[];

            /** FlowBatch process. */
            process: number[];

            /** FlowBatch run. */
            run: Uint8Array;

            /** FlowBatch askedPort. */
            askedPort: number[];

            /**
             * Encodes the specified FlowBatch message. Does not implicitly {@link segwall.v1.FlowBatch.verify|verify} messages.
             * @param message FlowBatch message or plain object to encode
             * @param [writer] Writer to encode to
             * @returns Writer
             */
            static encode(message: segwall.v1.FlowBatch.$Properties, writer?: $protobuf.Writer): $protobuf.Writer;

            /**
             * Decodes a FlowBatch message from the specified reader or buffer.
             * @param reader Reader or buffer to decode from
             * @param [length] Message length if known beforehand
             * @returns {segwall.v1.FlowBatch & segwall.v1.FlowBatch.$Shape} FlowBatch
             * @throws {Error} If the payload is not a reader or valid buffer
             * @throws {$protobuf.util.ProtocolError} If required fields are missing
             */
            static decode(reader: ($protobuf.Reader|Uint8Array), length?: number): segwall.v1.FlowBatch & segwall.v1.FlowBatch.$Shape;
        }

        namespace FlowBatch {

            /** Properties of a FlowBatch. */
            interface $Properties {

                /** FlowBatch sequence */
                sequence?: (number|null);

                /** FlowBatch startedAt */
                startedAt?: (number|null);

                /** FlowBatch endedAt */
                endedAt?: (number|null);

                /** FlowBatch lost */
                lost?: (segwall.v1.FlowLoss.$Properties|null);

                /** FlowBatch strings */
                strings?: (string[]|null);

                /** FlowBatch ends */
                ends?: (segwall.v1.FlowEnd.$Properties[]|null);

                /** FlowBatch ipv4 */
                ipv4?: (number[]|null);

                /** FlowBatch ipv6 */
                ipv6?: (Uint8Array|null);

                /** FlowBatch count */
                count?: (number|null);

                /** FlowBatch end */
                end?: (number[]|null);

                /** FlowBatch local */
                local?: (number[]|null);

                /** FlowBatch peer */
                peer?: (number[]|null);

                /** FlowBatch protocol */
                protocol?: (number[]|null);

                /** FlowBatch port */
                port?: (number[]|null);

                /** FlowBatch baseRevision */
                baseRevision?: (number|null);

                /** FlowBatch revision */
                revision?: (number[]|null);

                /** FlowBatch connections */
                connections?: (number[]|null);

                /** FlowBatch packetsOriginal */
                packetsOriginal?: (number[]|null);

                /** FlowBatch packetsReply */
                packetsReply?: (number[]|null);

                /** FlowBatch bytesOriginal */
                bytesOriginal?: (number[]|null);

                /** FlowBatch bytesReply */
                bytesReply?: (number[]|null);

                /** FlowBatch firstSeen */
                firstSeen?: (number[]|null);

                /** FlowBatch lastSeen */
                lastSeen?: (number[]|null);

                /** FlowBatch answered */
                answered?: (boolean[]|null);

                /** FlowBatch unit */
                unit?: (number[]|null);

                /** FlowBatch process */
                process?: (number[]|null);

                /** FlowBatch run */
                run?: (Uint8Array|null);

                /** FlowBatch askedPort */
                askedPort?: (number[]|null);

                /** Unknown fields preserved while decoding when enabled */
                $unknowns?: Uint8Array[];
            }

            /** Shape of a FlowBatch. */
            type $Shape = segwall.v1.FlowBatch.$Properties;
        }

        /**
         * Properties of a FlowLoss.
         * @deprecated Use segwall.v1.FlowLoss.$Properties instead.
         */
        interface IFlowLoss extends segwall.v1.FlowLoss.$Properties {
        }

        /** Represents a FlowLoss. */
        class FlowLoss {

            /**
             * Constructs a new FlowLoss.
             * @param [properties] Properties to set
             */
            constructor(properties?: segwall.v1.FlowLoss.$Properties);

            /** Unknown fields preserved while decoding when enabled */
            $unknowns?: Uint8Array[];

            /** FlowLoss overruns. */
            overruns: number;

            /** FlowLoss records. */
            records: number;

            /** FlowLoss spooled. */
            spooled: number;

            /** FlowLoss deniedInbound. */
            deniedInbound: number;

            /** FlowLoss deniedOutbound. */
            deniedOutbound: number;

            /**
             * Encodes the specified FlowLoss message. Does not implicitly {@link segwall.v1.FlowLoss.verify|verify} messages.
             * @param message FlowLoss message or plain object to encode
             * @param [writer] Writer to encode to
             * @returns Writer
             */
            static encode(message: segwall.v1.FlowLoss.$Properties, writer?: $protobuf.Writer): $protobuf.Writer;

            /**
             * Decodes a FlowLoss message from the specified reader or buffer.
             * @param reader Reader or buffer to decode from
             * @param [length] Message length if known beforehand
             * @returns {segwall.v1.FlowLoss & segwall.v1.FlowLoss.$Shape} FlowLoss
             * @throws {Error} If the payload is not a reader or valid buffer
             * @throws {$protobuf.util.ProtocolError} If required fields are missing
             */
            static decode(reader: ($protobuf.Reader|Uint8Array), length?: number): segwall.v1.FlowLoss & segwall.v1.FlowLoss.$Shape;
        }

        namespace FlowLoss {

            /** Properties of a FlowLoss. */
            interface $Properties {

                /** FlowLoss overruns */
                overruns?: (number|null);

                /** FlowLoss records */
                records?: (number|null);

                /** FlowLoss spooled */
                spooled?: (number|null);

                /** FlowLoss deniedInbound */
                deniedInbound?: (number|null);

                /** FlowLoss deniedOutbound */
                deniedOutbound?: (number|null);

                /** Unknown fields preserved while decoding when enabled */
                $unknowns?: Uint8Array[];
            }

            /** Shape of a FlowLoss. */
            type $Shape = segwall.v1.FlowLoss.$Properties;
        }

        /**
         * Properties of a FlowEnd.
         * @deprecated Use segwall.v1.FlowEnd.$Properties instead.
         */
        interface IFlowEnd extends segwall.v1.FlowEnd.$Properties {
        }

        /** Represents a FlowEnd. */
        class FlowEnd {

            /**
             * Constructs a new FlowEnd.
             * @param [properties] Properties to set
             */
            constructor(properties?: segwall.v1.FlowEnd.$Properties);

            /** Unknown fields preserved while decoding when enabled */
            $unknowns?: Uint8Array[];

            /** FlowEnd direction. */
            direction: segwall.v1.FlowDirection;

            /** FlowEnd verdict. */
            verdict: segwall.v1.FlowVerdict;

            /** FlowEnd reason. */
            reason: segwall.v1.FlowReason;

            /** FlowEnd workload. */
            workload: number;

            /** FlowEnd segment. */
            segment: number;

            /** FlowEnd combination. */
            combination: number;

            /** FlowEnd rule. */
            rule: number;

            /** FlowEnd guardrail. */
            guardrail: number;

            /** FlowEnd essential. */
            essential: number;

            /** FlowEnd quarantine. */
            quarantine: number;

            /**
             * Encodes the specified FlowEnd message. Does not implicitly {@link segwall.v1.FlowEnd.verify|verify} messages.
             * @param message FlowEnd message or plain object to encode
             * @param [writer] Writer to encode to
             * @returns Writer
             */
            static encode(message: segwall.v1.FlowEnd.$Properties, writer?: $protobuf.Writer): $protobuf.Writer;

            /**
             * Decodes a FlowEnd message from the specified reader or buffer.
             * @param reader Reader or buffer to decode from
             * @param [length] Message length if known beforehand
             * @returns {segwall.v1.FlowEnd & segwall.v1.FlowEnd.$Shape} FlowEnd
             * @throws {Error} If the payload is not a reader or valid buffer
             * @throws {$protobuf.util.ProtocolError} If required fields are missing
             */
            static decode(reader: ($protobuf.Reader|Uint8Array), length?: number): segwall.v1.FlowEnd & segwall.v1.FlowEnd.$Shape;
        }

        namespace FlowEnd {

            /** Properties of a FlowEnd. */
            interface $Properties {

                /** FlowEnd direction */
                direction?: (segwall.v1.FlowDirection|null);

                /** FlowEnd verdict */
                verdict?: (segwall.v1.FlowVerdict|null);

                /** FlowEnd reason */
                reason?: (segwall.v1.FlowReason|null);

                /** FlowEnd workload */
                workload?: (number|null);

                /** FlowEnd segment */
                segment?: (number|null);

                /** FlowEnd combination */
                combination?: (number|null);

                /** FlowEnd rule */
                rule?: (number|null);

                /** FlowEnd guardrail */
                guardrail?: (number|null);

                /** FlowEnd essential */
                essential?: (number|null);

                /** FlowEnd quarantine */
                quarantine?: (number|null);

                /** Unknown fields preserved while decoding when enabled */
                $unknowns?: Uint8Array[];
            }

            /** Shape of a FlowEnd. */
            type $Shape = segwall.v1.FlowEnd.$Properties;
        }

        /**
         * Properties of a FlowReceipt.
         * @deprecated Use segwall.v1.FlowReceipt.$Properties instead.
         */
        interface IFlowReceipt extends segwall.v1.FlowReceipt.$Properties {
        }

        /** Represents a FlowReceipt. */
        class FlowReceipt {

            /**
             * Constructs a new FlowReceipt.
             * @param [properties] Properties to set
             */
            constructor(properties?: segwall.v1.FlowReceipt.$Properties);

            /** Unknown fields preserved while decoding when enabled */
            $unknowns?: Uint8Array[];

            /** FlowReceipt sequence. */
            sequence: number;

            /** FlowReceipt kind. */
            kind: segwall.v1.FlowReceiptKind;

            /** FlowReceipt refusedWorkload. */
            refusedWorkload: number;

            /** FlowReceipt refusedAddress. */
            refusedAddress: number;

            /** FlowReceipt refusedTime. */
            refusedTime: number;

            /**
             * Encodes the specified FlowReceipt message. Does not implicitly {@link segwall.v1.FlowReceipt.verify|verify} messages.
             * @param message FlowReceipt message or plain object to encode
             * @param [writer] Writer to encode to
             * @returns Writer
             */
            static encode(message: segwall.v1.FlowReceipt.$Properties, writer?: $protobuf.Writer): $protobuf.Writer;

            /**
             * Decodes a FlowReceipt message from the specified reader or buffer.
             * @param reader Reader or buffer to decode from
             * @param [length] Message length if known beforehand
             * @returns {segwall.v1.FlowReceipt & segwall.v1.FlowReceipt.$Shape} FlowReceipt
             * @throws {Error} If the payload is not a reader or valid buffer
             * @throws {$protobuf.util.ProtocolError} If required fields are missing
             */
            static decode(reader: ($protobuf.Reader|Uint8Array), length?: number): segwall.v1.FlowReceipt & segwall.v1.FlowReceipt.$Shape;
        }

        namespace FlowReceipt {

            /** Properties of a FlowReceipt. */
            interface $Properties {

                /** FlowReceipt sequence */
                sequence?: (number|null);

                /** FlowReceipt kind */
                kind?: (segwall.v1.FlowReceiptKind|null);

                /** FlowReceipt refusedWorkload */
                refusedWorkload?: (number|null);

                /** FlowReceipt refusedAddress */
                refusedAddress?: (number|null);

                /** FlowReceipt refusedTime */
                refusedTime?: (number|null);

                /** Unknown fields preserved while decoding when enabled */
                $unknowns?: Uint8Array[];
            }

            /** Shape of a FlowReceipt. */
            type $Shape = segwall.v1.FlowReceipt.$Properties;
        }

        /** FlowDirection enum. */
        enum FlowDirection {

            /** FLOW_DIRECTION_UNSPECIFIED value */
            FLOW_DIRECTION_UNSPECIFIED = 0,

            /** INBOUND value */
            INBOUND = 1,

            /** OUTBOUND value */
            OUTBOUND = 2
        }

        /** FlowVerdict enum. */
        enum FlowVerdict {

            /** FLOW_VERDICT_UNSPECIFIED value */
            FLOW_VERDICT_UNSPECIFIED = 0,

            /** VERDICT_ALLOW value */
            VERDICT_ALLOW = 1,

            /** VERDICT_DENY value */
            VERDICT_DENY = 2,

            /** VERDICT_WOULD_DENY value */
            VERDICT_WOULD_DENY = 3,

            /** VERDICT_UNMANAGED value */
            VERDICT_UNMANAGED = 4
        }

        /** FlowReason enum. */
        enum FlowReason {

            /** FLOW_REASON_UNSPECIFIED value */
            FLOW_REASON_UNSPECIFIED = 0,

            /** REASON_ESSENTIAL value */
            REASON_ESSENTIAL = 1,

            /** REASON_OFF value */
            REASON_OFF = 2,

            /** REASON_QUARANTINE value */
            REASON_QUARANTINE = 3,

            /** REASON_GUARDRAIL value */
            REASON_GUARDRAIL = 4,

            /** REASON_RULE value */
            REASON_RULE = 5,

            /** REASON_DEFAULT value */
            REASON_DEFAULT = 6,

            /** REASON_UNMANAGED value */
            REASON_UNMANAGED = 7
        }

        /** FlowReceiptKind enum. */
        enum FlowReceiptKind {

            /** FLOW_RECEIPT_KIND_UNSPECIFIED value */
            FLOW_RECEIPT_KIND_UNSPECIFIED = 0,

            /** FLOW_TAKEN value */
            FLOW_TAKEN = 1,

            /** FLOW_DUPLICATE value */
            FLOW_DUPLICATE = 2
        }

        /**
         * Properties of an AgentMessage.
         * @deprecated Use segwall.v1.AgentMessage.$Properties instead.
         */
        interface IAgentMessage extends segwall.v1.AgentMessage.$Properties {
        }

        /** Represents an AgentMessage. */
        class AgentMessage {

            /**
             * Constructs a new AgentMessage.
             * @param [properties] Properties to set
             */
            constructor(properties?: segwall.v1.AgentMessage.$Properties);

            /** Unknown fields preserved while decoding when enabled */
            $unknowns?: Uint8Array[];

            /** AgentMessage hello. */
            hello?: (segwall.v1.Hello.$Properties|null);

            /** AgentMessage ack. */
            ack?: (segwall.v1.Ack.$Properties|null);

            /** AgentMessage nack. */
            nack?: (segwall.v1.Nack.$Properties|null);

            /** AgentMessage status. */
            status?: (segwall.v1.Status.$Properties|null);

            /** AgentMessage hostReport. */
            hostReport?: (segwall.v1.HostReport.$Properties|null);

            /** AgentMessage events. */
            events?: (segwall.v1.HostEvents.$Properties|null);

            /** AgentMessage kind. */
            kind?: ("hello"|"ack"|"nack"|"status"|"hostReport"|"events");

            /**
             * Encodes the specified AgentMessage message. Does not implicitly {@link segwall.v1.AgentMessage.verify|verify} messages.
             * @param message AgentMessage message or plain object to encode
             * @param [writer] Writer to encode to
             * @returns Writer
             */
            static encode(message: segwall.v1.AgentMessage.$Properties, writer?: $protobuf.Writer): $protobuf.Writer;

            /**
             * Decodes an AgentMessage message from the specified reader or buffer.
             * @param reader Reader or buffer to decode from
             * @param [length] Message length if known beforehand
             * @returns {segwall.v1.AgentMessage & segwall.v1.AgentMessage.$Shape} AgentMessage
             * @throws {Error} If the payload is not a reader or valid buffer
             * @throws {$protobuf.util.ProtocolError} If required fields are missing
             */
            static decode(reader: ($protobuf.Reader|Uint8Array), length?: number): segwall.v1.AgentMessage & segwall.v1.AgentMessage.$Shape;
        }

        namespace AgentMessage {

            /** Properties of an AgentMessage. */
            interface $Properties {

                /** AgentMessage hello */
                hello?: (segwall.v1.Hello.$Properties|null);

                /** AgentMessage ack */
                ack?: (segwall.v1.Ack.$Properties|null);

                /** AgentMessage nack */
                nack?: (segwall.v1.Nack.$Properties|null);

                /** AgentMessage status */
                status?: (segwall.v1.Status.$Properties|null);

                /** AgentMessage hostReport */
                hostReport?: (segwall.v1.HostReport.$Properties|null);

                /** AgentMessage events */
                events?: (segwall.v1.HostEvents.$Properties|null);

                /** AgentMessage kind */
                kind?: ("hello"|"ack"|"nack"|"status"|"hostReport"|"events");

                /** Unknown fields preserved while decoding when enabled */
                $unknowns?: Uint8Array[];
            }

            /** Narrowed shape of an AgentMessage. */
            type $Shape = {
              hello?: segwall.v1.Hello.$Shape|null;
              ack?: segwall.v1.Ack.$Shape|null;
              nack?: segwall.v1.Nack.$Shape|null;
              status?: segwall.v1.Status.$Shape|null;
              hostReport?: segwall.v1.HostReport.$Shape|null;
              events?: segwall.v1.HostEvents.$Shape|null;
              $unknowns?: Uint8Array[];
            } & (
              ({ kind?: undefined; hello?: null; ack?: null; nack?: null; status?: null; hostReport?: null; events?: null }|{ kind?: "hello"; hello: segwall.v1.Hello.$Shape; ack?: null; nack?: null; status?: null; hostReport?: null; events?: null }|{ kind?: "ack"; hello?: null; ack: segwall.v1.Ack.$Shape; nack?: null; status?: null; hostReport?: null; events?: null }|{ kind?: "nack"; hello?: null; ack?: null; nack: segwall.v1.Nack.$Shape; status?: null; hostReport?: null; events?: null }|{ kind?: "status"; hello?: null; ack?: null; nack?: null; status: segwall.v1.Status.$Shape; hostReport?: null; events?: null }|{ kind?: "hostReport"; hello?: null; ack?: null; nack?: null; status?: null; hostReport: segwall.v1.HostReport.$Shape; events?: null }|{ kind?: "events"; hello?: null; ack?: null; nack?: null; status?: null; hostReport?: null; events: segwall.v1.HostEvents.$Shape })
            );
        }

        /**
         * Properties of a ControlPlaneMessage.
         * @deprecated Use segwall.v1.ControlPlaneMessage.$Properties instead.
         */
        interface IControlPlaneMessage extends segwall.v1.ControlPlaneMessage.$Properties {
        }

        /** Represents a ControlPlaneMessage. */
        class ControlPlaneMessage {

            /**
             * Constructs a new ControlPlaneMessage.
             * @param [properties] Properties to set
             */
            constructor(properties?: segwall.v1.ControlPlaneMessage.$Properties);

            /** Unknown fields preserved while decoding when enabled */
            $unknowns?: Uint8Array[];

            /** ControlPlaneMessage snapshot. */
            snapshot?: (segwall.v1.Snapshot.$Properties|null);

            /** ControlPlaneMessage delta. */
            delta?: (segwall.v1.Delta.$Properties|null);

            /** ControlPlaneMessage heartbeat. */
            heartbeat?: (segwall.v1.Heartbeat.$Properties|null);

            /** ControlPlaneMessage eventsTaken. */
            eventsTaken?: (segwall.v1.EventsTaken.$Properties|null);

            /** ControlPlaneMessage addressStanding. */
            addressStanding?: (segwall.v1.AddressStanding.$Properties|null);

            /** ControlPlaneMessage revisionProof. */
            revisionProof?: (segwall.v1.RevisionProof.$Properties|null);

            /** ControlPlaneMessage nextCa. */
            nextCa?: (segwall.v1.NextCa.$Properties|null);

            /** ControlPlaneMessage announcement. */
            announcement?: (segwall.v1.Announcement.$Properties|null);

            /** ControlPlaneMessage kind. */
            kind?: ("snapshot"|"delta"|"heartbeat"|"eventsTaken"|"addressStanding"|"revisionProof"|"nextCa"|"announcement");

            /**
             * Encodes the specified ControlPlaneMessage message. Does not implicitly {@link segwall.v1.ControlPlaneMessage.verify|verify} messages.
             * @param message ControlPlaneMessage message or plain object to encode
             * @param [writer] Writer to encode to
             * @returns Writer
             */
            static encode(message: segwall.v1.ControlPlaneMessage.$Properties, writer?: $protobuf.Writer): $protobuf.Writer;

            /**
             * Decodes a ControlPlaneMessage message from the specified reader or buffer.
             * @param reader Reader or buffer to decode from
             * @param [length] Message length if known beforehand
             * @returns {segwall.v1.ControlPlaneMessage & segwall.v1.ControlPlaneMessage.$Shape} ControlPlaneMessage
             * @throws {Error} If the payload is not a reader or valid buffer
             * @throws {$protobuf.util.ProtocolError} If required fields are missing
             */
            static decode(reader: ($protobuf.Reader|Uint8Array), length?: number): segwall.v1.ControlPlaneMessage & segwall.v1.ControlPlaneMessage.$Shape;
        }

        namespace ControlPlaneMessage {

            /** Properties of a ControlPlaneMessage. */
            interface $Properties {

                /** ControlPlaneMessage snapshot */
                snapshot?: (segwall.v1.Snapshot.$Properties|null);

                /** ControlPlaneMessage delta */
                delta?: (segwall.v1.Delta.$Properties|null);

                /** ControlPlaneMessage heartbeat */
                heartbeat?: (segwall.v1.Heartbeat.$Properties|null);

                /** ControlPlaneMessage eventsTaken */
                eventsTaken?: (segwall.v1.EventsTaken.$Properties|null);

                /** ControlPlaneMessage addressStanding */
                addressStanding?: (segwall.v1.AddressStanding.$Properties|null);

                /** ControlPlaneMessage revisionProof */
                revisionProof?: (segwall.v1.RevisionProof.$Properties|null);

                /** ControlPlaneMessage nextCa */
                nextCa?: (segwall.v1.NextCa.$Properties|null);

                /** ControlPlaneMessage announcement */
                announcement?: (segwall.v1.Announcement.$Properties|null);

                /** ControlPlaneMessage kind */
                kind?: ("snapshot"|"delta"|"heartbeat"|"eventsTaken"|"addressStanding"|"revisionProof"|"nextCa"|"announcement");

                /** Unknown fields preserved while decoding when enabled */
                $unknowns?: Uint8Array[];
            }

            /** Narrowed shape of a ControlPlaneMessage. */
            type $Shape = {
              snapshot?: segwall.v1.Snapshot.$Shape|null;
              delta?: segwall.v1.Delta.$Shape|null;
              heartbeat?: segwall.v1.Heartbeat.$Shape|null;
              eventsTaken?: segwall.v1.EventsTaken.$Shape|null;
              addressStanding?: segwall.v1.AddressStanding.$Shape|null;
              revisionProof?: segwall.v1.RevisionProof.$Shape|null;
              nextCa?: segwall.v1.NextCa.$Shape|null;
              announcement?: segwall.v1.Announcement.$Shape|null;
              $unknowns?: Uint8Array[];
            } & (
              ({ kind?: undefined; snapshot?: null; delta?: null; heartbeat?: null; eventsTaken?: null; addressStanding?: null; revisionProof?: null; nextCa?: null; announcement?: null }|{ kind?: "snapshot"; snapshot: segwall.v1.Snapshot.$Shape; delta?: null; heartbeat?: null; eventsTaken?: null; addressStanding?: null; revisionProof?: null; nextCa?: null; announcement?: null }|{ kind?: "delta"; snapshot?: null; delta: segwall.v1.Delta.$Shape; heartbeat?: null; eventsTaken?: null; addressStanding?: null; revisionProof?: null; nextCa?: null; announcement?: null }|{ kind?: "heartbeat"; snapshot?: null; delta?: null; heartbeat: segwall.v1.Heartbeat.$Shape; eventsTaken?: null; addressStanding?: null; revisionProof?: null; nextCa?: null; announcement?: null }|{ kind?: "eventsTaken"; snapshot?: null; delta?: null; heartbeat?: null; eventsTaken: segwall.v1.EventsTaken.$Shape; addressStanding?: null; revisionProof?: null; nextCa?: null; announcement?: null }|{ kind?: "addressStanding"; snapshot?: null; delta?: null; heartbeat?: null; eventsTaken?: null; addressStanding: segwall.v1.AddressStanding.$Shape; revisionProof?: null; nextCa?: null; announcement?: null }|{ kind?: "revisionProof"; snapshot?: null; delta?: null; heartbeat?: null; eventsTaken?: null; addressStanding?: null; revisionProof: segwall.v1.RevisionProof.$Shape; nextCa?: null; announcement?: null }|{ kind?: "nextCa"; snapshot?: null; delta?: null; heartbeat?: null; eventsTaken?: null; addressStanding?: null; revisionProof?: null; nextCa: segwall.v1.NextCa.$Shape; announcement?: null }|{ kind?: "announcement"; snapshot?: null; delta?: null; heartbeat?: null; eventsTaken?: null; addressStanding?: null; revisionProof?: null; nextCa?: null; announcement: segwall.v1.Announcement.$Shape })
            );
        }

        /**
         * Properties of a Hello.
         * @deprecated Use segwall.v1.Hello.$Properties instead.
         */
        interface IHello extends segwall.v1.Hello.$Properties {
        }

        /** Represents a Hello. */
        class Hello {

            /**
             * Constructs a new Hello.
             * @param [properties] Properties to set
             */
            constructor(properties?: segwall.v1.Hello.$Properties);

            /** Unknown fields preserved while decoding when enabled */
            $unknowns?: Uint8Array[];

            /** Hello agentVersion. */
            agentVersion: string;

            /** Hello report. */
            report?: (segwall.v1.HostReport.$Properties|null);

            /** Hello held. */
            held?: (segwall.v1.Held.$Properties|null);

            /** Hello takesAddressStanding. */
            takesAddressStanding: boolean;

            /** Hello takesSchedules. */
            takesSchedules: boolean;

            /** Hello takesProof. */
            takesProof: boolean;

            /** Hello proof. */
            proof: Uint8Array;

            /** Hello cutOff. */
            cutOff: string[];

            /** Hello takesNextCa. */
            takesNextCa: boolean;

            /** Hello takesAnnouncement. */
            takesAnnouncement: boolean;

            /** Hello asksOnly. */
            asksOnly: boolean;

            /**
             * Encodes the specified Hello message. Does not implicitly {@link segwall.v1.Hello.verify|verify} messages.
             * @param message Hello message or plain object to encode
             * @param [writer] Writer to encode to
             * @returns Writer
             */
            static encode(message: segwall.v1.Hello.$Properties, writer?: $protobuf.Writer): $protobuf.Writer;

            /**
             * Decodes a Hello message from the specified reader or buffer.
             * @param reader Reader or buffer to decode from
             * @param [length] Message length if known beforehand
             * @returns {segwall.v1.Hello & segwall.v1.Hello.$Shape} Hello
             * @throws {Error} If the payload is not a reader or valid buffer
             * @throws {$protobuf.util.ProtocolError} If required fields are missing
             */
            static decode(reader: ($protobuf.Reader|Uint8Array), length?: number): segwall.v1.Hello & segwall.v1.Hello.$Shape;
        }

        namespace Hello {

            /** Properties of a Hello. */
            interface $Properties {

                /** Hello agentVersion */
                agentVersion?: (string|null);

                /** Hello report */
                report?: (segwall.v1.HostReport.$Properties|null);

                /** Hello held */
                held?: (segwall.v1.Held.$Properties|null);

                /** Hello takesAddressStanding */
                takesAddressStanding?: (boolean|null);

                /** Hello takesSchedules */
                takesSchedules?: (boolean|null);

                /** Hello takesProof */
                takesProof?: (boolean|null);

                /** Hello proof */
                proof?: (Uint8Array|null);

                /** Hello cutOff */
                cutOff?: (string[]|null);

                /** Hello takesNextCa */
                takesNextCa?: (boolean|null);

                /** Hello takesAnnouncement */
                takesAnnouncement?: (boolean|null);

                /** Hello asksOnly */
                asksOnly?: (boolean|null);

                /** Unknown fields preserved while decoding when enabled */
                $unknowns?: Uint8Array[];
            }

            /** Shape of a Hello. */
            type $Shape = segwall.v1.Hello.$Properties;
        }

        /**
         * Properties of a Held.
         * @deprecated Use segwall.v1.Held.$Properties instead.
         */
        interface IHeld extends segwall.v1.Held.$Properties {
        }

        /** Represents a Held. */
        class Held {

            /**
             * Constructs a new Held.
             * @param [properties] Properties to set
             */
            constructor(properties?: segwall.v1.Held.$Properties);

            /** Unknown fields preserved while decoding when enabled */
            $unknowns?: Uint8Array[];

            /** Held revision. */
            revision: number;

            /** Held digest. */
            digest: Uint8Array;

            /**
             * Encodes the specified Held message. Does not implicitly {@link segwall.v1.Held.verify|verify} messages.
             * @param message Held message or plain object to encode
             * @param [writer] Writer to encode to
             * @returns Writer
             */
            static encode(message: segwall.v1.Held.$Properties, writer?: $protobuf.Writer): $protobuf.Writer;

            /**
             * Decodes a Held message from the specified reader or buffer.
             * @param reader Reader or buffer to decode from
             * @param [length] Message length if known beforehand
             * @returns {segwall.v1.Held & segwall.v1.Held.$Shape} Held
             * @throws {Error} If the payload is not a reader or valid buffer
             * @throws {$protobuf.util.ProtocolError} If required fields are missing
             */
            static decode(reader: ($protobuf.Reader|Uint8Array), length?: number): segwall.v1.Held & segwall.v1.Held.$Shape;
        }

        namespace Held {

            /** Properties of a Held. */
            interface $Properties {

                /** Held revision */
                revision?: (number|null);

                /** Held digest */
                digest?: (Uint8Array|null);

                /** Unknown fields preserved while decoding when enabled */
                $unknowns?: Uint8Array[];
            }

            /** Shape of a Held. */
            type $Shape = segwall.v1.Held.$Properties;
        }

        /**
         * Properties of a HostReport.
         * @deprecated Use segwall.v1.HostReport.$Properties instead.
         */
        interface IHostReport extends segwall.v1.HostReport.$Properties {
        }

        /** Represents a HostReport. */
        class HostReport {

            /**
             * Constructs a new HostReport.
             * @param [properties] Properties to set
             */
            constructor(properties?: segwall.v1.HostReport.$Properties);

            /** Unknown fields preserved while decoding when enabled */
            $unknowns?: Uint8Array[];

            /** HostReport addresses. */
            addresses: string[];

            /** HostReport facts. */
            facts: { [k: string]: string };

            /** HostReport units. */
            units?: (segwall.v1.DiscoveredUnits.$Properties|null);

            /** HostReport containers. */
            containers?: (segwall.v1.DiscoveredContainers.$Properties|null);

            /**
             * Encodes the specified HostReport message. Does not implicitly {@link segwall.v1.HostReport.verify|verify} messages.
             * @param message HostReport message or plain object to encode
             * @param [writer] Writer to encode to
             * @returns Writer
             */
            static encode(message: segwall.v1.HostReport.$Properties, writer?: $protobuf.Writer): $protobuf.Writer;

            /**
             * Decodes a HostReport message from the specified reader or buffer.
             * @param reader Reader or buffer to decode from
             * @param [length] Message length if known beforehand
             * @returns {segwall.v1.HostReport & segwall.v1.HostReport.$Shape} HostReport
             * @throws {Error} If the payload is not a reader or valid buffer
             * @throws {$protobuf.util.ProtocolError} If required fields are missing
             */
            static decode(reader: ($protobuf.Reader|Uint8Array), length?: number): segwall.v1.HostReport & segwall.v1.HostReport.$Shape;
        }

        namespace HostReport {

            /** Properties of a HostReport. */
            interface $Properties {

                /** HostReport addresses */
                addresses?: (string[]|null);

                /** HostReport facts */
                facts?: ({ [k: string]: string }|null);

                /** HostReport units */
                units?: (segwall.v1.DiscoveredUnits.$Properties|null);

                /** HostReport containers */
                containers?: (segwall.v1.DiscoveredContainers.$Properties|null);

                /** Unknown fields preserved while decoding when enabled */
                $unknowns?: Uint8Array[];
            }

            /** Shape of a HostReport. */
            type $Shape = segwall.v1.HostReport.$Properties;
        }

        /**
         * Properties of a DiscoveredContainers.
         * @deprecated Use segwall.v1.DiscoveredContainers.$Properties instead.
         */
        interface IDiscoveredContainers extends segwall.v1.DiscoveredContainers.$Properties {
        }

        /** Represents a DiscoveredContainers. */
        class DiscoveredContainers {

            /**
             * Constructs a new DiscoveredContainers.
             * @param [properties] Properties to set
             */
            constructor(properties?: segwall.v1.DiscoveredContainers.$Properties);

            /** Unknown fields preserved while decoding when enabled */
            $unknowns?: Uint8Array[];

            /** DiscoveredContainers containers. */
            containers: segwall.v1.DiscoveredContainer.$Properties[];

            /**
             * Encodes the specified DiscoveredContainers message. Does not implicitly {@link segwall.v1.DiscoveredContainers.verify|verify} messages.
             * @param message DiscoveredContainers message or plain object to encode
             * @param [writer] Writer to encode to
             * @returns Writer
             */
            static encode(message: segwall.v1.DiscoveredContainers.$Properties, writer?: $protobuf.Writer): $protobuf.Writer;

            /**
             * Decodes a DiscoveredContainers message from the specified reader or buffer.
             * @param reader Reader or buffer to decode from
             * @param [length] Message length if known beforehand
             * @returns {segwall.v1.DiscoveredContainers & segwall.v1.DiscoveredContainers.$Shape} DiscoveredContainers
             * @throws {Error} If the payload is not a reader or valid buffer
             * @throws {$protobuf.util.ProtocolError} If required fields are missing
             */
            static decode(reader: ($protobuf.Reader|Uint8Array), length?: number): segwall.v1.DiscoveredContainers & segwall.v1.DiscoveredContainers.$Shape;
        }

        namespace DiscoveredContainers {

            /** Properties of a DiscoveredContainers. */
            interface $Properties {

                /** DiscoveredContainers containers */
                containers?: (segwall.v1.DiscoveredContainer.$Properties[]|null);

                /** Unknown fields preserved while decoding when enabled */
                $unknowns?: Uint8Array[];
            }

            /** Shape of a DiscoveredContainers. */
            type $Shape = segwall.v1.DiscoveredContainers.$Properties;
        }

        /**
         * Properties of a DiscoveredContainer.
         * @deprecated Use segwall.v1.DiscoveredContainer.$Properties instead.
         */
        interface IDiscoveredContainer extends segwall.v1.DiscoveredContainer.$Properties {
        }

        /** Represents a DiscoveredContainer. */
        class DiscoveredContainer {

            /**
             * Constructs a new DiscoveredContainer.
             * @param [properties] Properties to set
             */
            constructor(properties?: segwall.v1.DiscoveredContainer.$Properties);

            /** Unknown fields preserved while decoding when enabled */
            $unknowns?: Uint8Array[];

            /** DiscoveredContainer name. */
            name: string;

            /** DiscoveredContainer addresses. */
            addresses: string[];

            /** DiscoveredContainer reachable. */
            reachable: string[];

            /**
             * Encodes the specified DiscoveredContainer message. Does not implicitly {@link segwall.v1.DiscoveredContainer.verify|verify} messages.
             * @param message DiscoveredContainer message or plain object to encode
             * @param [writer] Writer to encode to
             * @returns Writer
             */
            static encode(message: segwall.v1.DiscoveredContainer.$Properties, writer?: $protobuf.Writer): $protobuf.Writer;

            /**
             * Decodes a DiscoveredContainer message from the specified reader or buffer.
             * @param reader Reader or buffer to decode from
             * @param [length] Message length if known beforehand
             * @returns {segwall.v1.DiscoveredContainer & segwall.v1.DiscoveredContainer.$Shape} DiscoveredContainer
             * @throws {Error} If the payload is not a reader or valid buffer
             * @throws {$protobuf.util.ProtocolError} If required fields are missing
             */
            static decode(reader: ($protobuf.Reader|Uint8Array), length?: number): segwall.v1.DiscoveredContainer & segwall.v1.DiscoveredContainer.$Shape;
        }

        namespace DiscoveredContainer {

            /** Properties of a DiscoveredContainer. */
            interface $Properties {

                /** DiscoveredContainer name */
                name?: (string|null);

                /** DiscoveredContainer addresses */
                addresses?: (string[]|null);

                /** DiscoveredContainer reachable */
                reachable?: (string[]|null);

                /** Unknown fields preserved while decoding when enabled */
                $unknowns?: Uint8Array[];
            }

            /** Shape of a DiscoveredContainer. */
            type $Shape = segwall.v1.DiscoveredContainer.$Properties;
        }

        /**
         * Properties of a DiscoveredUnits.
         * @deprecated Use segwall.v1.DiscoveredUnits.$Properties instead.
         */
        interface IDiscoveredUnits extends segwall.v1.DiscoveredUnits.$Properties {
        }

        /** Represents a DiscoveredUnits. */
        class DiscoveredUnits {

            /**
             * Constructs a new DiscoveredUnits.
             * @param [properties] Properties to set
             */
            constructor(properties?: segwall.v1.DiscoveredUnits.$Properties);

            /** Unknown fields preserved while decoding when enabled */
            $unknowns?: Uint8Array[];

            /** DiscoveredUnits names. */
            names: string[];

            /**
             * Encodes the specified DiscoveredUnits message. Does not implicitly {@link segwall.v1.DiscoveredUnits.verify|verify} messages.
             * @param message DiscoveredUnits message or plain object to encode
             * @param [writer] Writer to encode to
             * @returns Writer
             */
            static encode(message: segwall.v1.DiscoveredUnits.$Properties, writer?: $protobuf.Writer): $protobuf.Writer;

            /**
             * Decodes a DiscoveredUnits message from the specified reader or buffer.
             * @param reader Reader or buffer to decode from
             * @param [length] Message length if known beforehand
             * @returns {segwall.v1.DiscoveredUnits & segwall.v1.DiscoveredUnits.$Shape} DiscoveredUnits
             * @throws {Error} If the payload is not a reader or valid buffer
             * @throws {$protobuf.util.ProtocolError} If required fields are missing
             */
            static decode(reader: ($protobuf.Reader|Uint8Array), length?: number): segwall.v1.DiscoveredUnits & segwall.v1.DiscoveredUnits.$Shape;
        }

        namespace DiscoveredUnits {

            /** Properties of a DiscoveredUnits. */
            interface $Properties {

                /** DiscoveredUnits names */
                names?: (string[]|null);

                /** Unknown fields preserved while decoding when enabled */
                $unknowns?: Uint8Array[];
            }

            /** Shape of a DiscoveredUnits. */
            type $Shape = segwall.v1.DiscoveredUnits.$Properties;
        }

        /**
         * Properties of an Ack.
         * @deprecated Use segwall.v1.Ack.$Properties instead.
         */
        interface IAck extends segwall.v1.Ack.$Properties {
        }

        /** Represents an Ack. */
        class Ack {

            /**
             * Constructs a new Ack.
             * @param [properties] Properties to set
             */
            constructor(properties?: segwall.v1.Ack.$Properties);

            /** Unknown fields preserved while decoding when enabled */
            $unknowns?: Uint8Array[];

            /** Ack revision. */
            revision: number;

            /**
             * Encodes the specified Ack message. Does not implicitly {@link segwall.v1.Ack.verify|verify} messages.
             * @param message Ack message or plain object to encode
             * @param [writer] Writer to encode to
             * @returns Writer
             */
            static encode(message: segwall.v1.Ack.$Properties, writer?: $protobuf.Writer): $protobuf.Writer;

            /**
             * Decodes an Ack message from the specified reader or buffer.
             * @param reader Reader or buffer to decode from
             * @param [length] Message length if known beforehand
             * @returns {segwall.v1.Ack & segwall.v1.Ack.$Shape} Ack
             * @throws {Error} If the payload is not a reader or valid buffer
             * @throws {$protobuf.util.ProtocolError} If required fields are missing
             */
            static decode(reader: ($protobuf.Reader|Uint8Array), length?: number): segwall.v1.Ack & segwall.v1.Ack.$Shape;
        }

        namespace Ack {

            /** Properties of an Ack. */
            interface $Properties {

                /** Ack revision */
                revision?: (number|null);

                /** Unknown fields preserved while decoding when enabled */
                $unknowns?: Uint8Array[];
            }

            /** Shape of an Ack. */
            type $Shape = segwall.v1.Ack.$Properties;
        }

        /**
         * Properties of a Nack.
         * @deprecated Use segwall.v1.Nack.$Properties instead.
         */
        interface INack extends segwall.v1.Nack.$Properties {
        }

        /** Represents a Nack. */
        class Nack {

            /**
             * Constructs a new Nack.
             * @param [properties] Properties to set
             */
            constructor(properties?: segwall.v1.Nack.$Properties);

            /** Unknown fields preserved while decoding when enabled */
            $unknowns?: Uint8Array[];

            /** Nack revision. */
            revision: number;

            /** Nack reason. */
            reason: string;

            /** Nack kind. */
            kind: segwall.v1.NackKind;

            /**
             * Encodes the specified Nack message. Does not implicitly {@link segwall.v1.Nack.verify|verify} messages.
             * @param message Nack message or plain object to encode
             * @param [writer] Writer to encode to
             * @returns Writer
             */
            static encode(message: segwall.v1.Nack.$Properties, writer?: $protobuf.Writer): $protobuf.Writer;

            /**
             * Decodes a Nack message from the specified reader or buffer.
             * @param reader Reader or buffer to decode from
             * @param [length] Message length if known beforehand
             * @returns {segwall.v1.Nack & segwall.v1.Nack.$Shape} Nack
             * @throws {Error} If the payload is not a reader or valid buffer
             * @throws {$protobuf.util.ProtocolError} If required fields are missing
             */
            static decode(reader: ($protobuf.Reader|Uint8Array), length?: number): segwall.v1.Nack & segwall.v1.Nack.$Shape;
        }

        namespace Nack {

            /** Properties of a Nack. */
            interface $Properties {

                /** Nack revision */
                revision?: (number|null);

                /** Nack reason */
                reason?: (string|null);

                /** Nack kind */
                kind?: (segwall.v1.NackKind|null);

                /** Unknown fields preserved while decoding when enabled */
                $unknowns?: Uint8Array[];
            }

            /** Shape of a Nack. */
            type $Shape = segwall.v1.Nack.$Properties;
        }

        /** NackKind enum. */
        enum NackKind {

            /** NACK_KIND_UNSPECIFIED value */
            NACK_KIND_UNSPECIFIED = 0,

            /** REFUSED value */
            REFUSED = 1,

            /** NEED_SNAPSHOT value */
            NEED_SNAPSHOT = 2
        }

        /**
         * Properties of a Status.
         * @deprecated Use segwall.v1.Status.$Properties instead.
         */
        interface IStatus extends segwall.v1.Status.$Properties {
        }

        /** Represents a Status. */
        class Status {

            /**
             * Constructs a new Status.
             * @param [properties] Properties to set
             */
            constructor(properties?: segwall.v1.Status.$Properties);

            /** Unknown fields preserved while decoding when enabled */
            $unknowns?: Uint8Array[];

            /** Status revision. */
            revision: number;

            /** Status enforcing. */
            enforcing: boolean;

            /** Status lost. */
            lost: number;

            /** Status spooledBatches. */
            spooledBatches: number;

            /** Status repairs. */
            repairs: number;

            /** Status problem. */
            problem: string;

            /** Status panic. */
            panic?: (segwall.v1.Panic.$Properties|null);

            /** Status warnings. */
            warnings: string[];

            /** Status unjudgedUnits. */
            unjudgedUnits: string[];

            /** Status clock. */
            clock: number;

            /** Status following. */
            following?: (segwall.v1.Following.$Properties|null);

            /**
             * Encodes the specified Status message. Does not implicitly {@link segwall.v1.Status.verify|verify} messages.
             * @param message Status message or plain object to encode
             * @param [writer] Writer to encode to
             * @returns Writer
             */
            static encode(message: segwall.v1.Status.$Properties, writer?: $protobuf.Writer): $protobuf.Writer;

            /**
             * Decodes a Status message from the specified reader or buffer.
             * @param reader Reader or buffer to decode from
             * @param [length] Message length if known beforehand
             * @returns {segwall.v1.Status & segwall.v1.Status.$Shape} Status
             * @throws {Error} If the payload is not a reader or valid buffer
             * @throws {$protobuf.util.ProtocolError} If required fields are missing
             */
            static decode(reader: ($protobuf.Reader|Uint8Array), length?: number): segwall.v1.Status & segwall.v1.Status.$Shape;
        }

        namespace Status {

            /** Properties of a Status. */
            interface $Properties {

                /** Status revision */
                revision?: (number|null);

                /** Status enforcing */
                enforcing?: (boolean|null);

                /** Status lost */
                lost?: (number|null);

                /** Status spooledBatches */
                spooledBatches?: (number|null);

                /** Status repairs */
                repairs?: (number|null);

                /** Status problem */
                problem?: (string|null);

                /** Status panic */
                panic?: (segwall.v1.Panic.$Properties|null);

                /** Status warnings */
                warnings?: (string[]|null);

                /** Status unjudgedUnits */
                unjudgedUnits?: (string[]|null);

                /** Status clock */
                clock?: (number|null);

                /** Status following */
                following?: (segwall.v1.Following.$Properties|null);

                /** Unknown fields preserved while decoding when enabled */
                $unknowns?: Uint8Array[];
            }

            /** Shape of a Status. */
            type $Shape = segwall.v1.Status.$Properties;
        }

        /**
         * Properties of a Following.
         * @deprecated Use segwall.v1.Following.$Properties instead.
         */
        interface IFollowing extends segwall.v1.Following.$Properties {
        }

        /** Represents a Following. */
        class Following {

            /**
             * Constructs a new Following.
             * @param [properties] Properties to set
             */
            constructor(properties?: segwall.v1.Following.$Properties);

            /** Unknown fields preserved while decoding when enabled */
            $unknowns?: Uint8Array[];

            /** Following announcement. */
            announcement: number;

            /** Following state. */
            state: segwall.v1.FollowingState;

            /** Following problem. */
            problem: string;

            /**
             * Encodes the specified Following message. Does not implicitly {@link segwall.v1.Following.verify|verify} messages.
             * @param message Following message or plain object to encode
             * @param [writer] Writer to encode to
             * @returns Writer
             */
            static encode(message: segwall.v1.Following.$Properties, writer?: $protobuf.Writer): $protobuf.Writer;

            /**
             * Decodes a Following message from the specified reader or buffer.
             * @param reader Reader or buffer to decode from
             * @param [length] Message length if known beforehand
             * @returns {segwall.v1.Following & segwall.v1.Following.$Shape} Following
             * @throws {Error} If the payload is not a reader or valid buffer
             * @throws {$protobuf.util.ProtocolError} If required fields are missing
             */
            static decode(reader: ($protobuf.Reader|Uint8Array), length?: number): segwall.v1.Following & segwall.v1.Following.$Shape;
        }

        namespace Following {

            /** Properties of a Following. */
            interface $Properties {

                /** Following announcement */
                announcement?: (number|null);

                /** Following state */
                state?: (segwall.v1.FollowingState|null);

                /** Following problem */
                problem?: (string|null);

                /** Unknown fields preserved while decoding when enabled */
                $unknowns?: Uint8Array[];
            }

            /** Shape of a Following. */
            type $Shape = segwall.v1.Following.$Properties;
        }

        /** FollowingState enum. */
        enum FollowingState {

            /** FOLLOWING_STATE_UNSPECIFIED value */
            FOLLOWING_STATE_UNSPECIFIED = 0,

            /** NOT_YET value */
            NOT_YET = 1,

            /** LEAVING value */
            LEAVING = 2,

            /** FOLLOWED value */
            FOLLOWED = 3
        }

        /**
         * Properties of a Panic.
         * @deprecated Use segwall.v1.Panic.$Properties instead.
         */
        interface IPanic extends segwall.v1.Panic.$Properties {
        }

        /** Represents a Panic. */
        class Panic {

            /**
             * Constructs a new Panic.
             * @param [properties] Properties to set
             */
            constructor(properties?: segwall.v1.Panic.$Properties);

            /** Unknown fields preserved while decoding when enabled */
            $unknowns?: Uint8Array[];

            /** Panic since. */
            since: number;

            /** Panic reason. */
            reason: string;

            /**
             * Encodes the specified Panic message. Does not implicitly {@link segwall.v1.Panic.verify|verify} messages.
             * @param message Panic message or plain object to encode
             * @param [writer] Writer to encode to
             * @returns Writer
             */
            static encode(message: segwall.v1.Panic.$Properties, writer?: $protobuf.Writer): $protobuf.Writer;

            /**
             * Decodes a Panic message from the specified reader or buffer.
             * @param reader Reader or buffer to decode from
             * @param [length] Message length if known beforehand
             * @returns {segwall.v1.Panic & segwall.v1.Panic.$Shape} Panic
             * @throws {Error} If the payload is not a reader or valid buffer
             * @throws {$protobuf.util.ProtocolError} If required fields are missing
             */
            static decode(reader: ($protobuf.Reader|Uint8Array), length?: number): segwall.v1.Panic & segwall.v1.Panic.$Shape;
        }

        namespace Panic {

            /** Properties of a Panic. */
            interface $Properties {

                /** Panic since */
                since?: (number|null);

                /** Panic reason */
                reason?: (string|null);

                /** Unknown fields preserved while decoding when enabled */
                $unknowns?: Uint8Array[];
            }

            /** Shape of a Panic. */
            type $Shape = segwall.v1.Panic.$Properties;
        }

        /**
         * Properties of a HostEvents.
         * @deprecated Use segwall.v1.HostEvents.$Properties instead.
         */
        interface IHostEvents extends segwall.v1.HostEvents.$Properties {
        }

        /** Represents a HostEvents. */
        class HostEvents {

            /**
             * Constructs a new HostEvents.
             * @param [properties] Properties to set
             */
            constructor(properties?: segwall.v1.HostEvents.$Properties);

            /** Unknown fields preserved while decoding when enabled */
            $unknowns?: Uint8Array[];

            /** HostEvents events. */
            events: segwall.v1.HostEvent.$Properties[];

            /**
             * Encodes the specified HostEvents message. Does not implicitly {@link segwall.v1.HostEvents.verify|verify} messages.
             * @param message HostEvents message or plain object to encode
             * @param [writer] Writer to encode to
             * @returns Writer
             */
            static encode(message: segwall.v1.HostEvents.$Properties, writer?: $protobuf.Writer): $protobuf.Writer;

            /**
             * Decodes a HostEvents message from the specified reader or buffer.
             * @param reader Reader or buffer to decode from
             * @param [length] Message length if known beforehand
             * @returns {segwall.v1.HostEvents & segwall.v1.HostEvents.$Shape} HostEvents
             * @throws {Error} If the payload is not a reader or valid buffer
             * @throws {$protobuf.util.ProtocolError} If required fields are missing
             */
            static decode(reader: ($protobuf.Reader|Uint8Array), length?: number): segwall.v1.HostEvents & segwall.v1.HostEvents.$Shape;
        }

        namespace HostEvents {

            /** Properties of a HostEvents. */
            interface $Properties {

                /** HostEvents events */
                events?: (segwall.v1.HostEvent.$Properties[]|null);

                /** Unknown fields preserved while decoding when enabled */
                $unknowns?: Uint8Array[];
            }

            /** Shape of a HostEvents. */
            type $Shape = segwall.v1.HostEvents.$Properties;
        }

        /**
         * Properties of a HostEvent.
         * @deprecated Use segwall.v1.HostEvent.$Properties instead.
         */
        interface IHostEvent extends segwall.v1.HostEvent.$Properties {
        }

        /** Represents a HostEvent. */
        class HostEvent {

            /**
             * Constructs a new HostEvent.
             * @param [properties] Properties to set
             */
            constructor(properties?: segwall.v1.HostEvent.$Properties);

            /** Unknown fields preserved while decoding when enabled */
            $unknowns?: Uint8Array[];

            /** HostEvent id. */
            id: string;

            /** HostEvent happenedAt. */
            happenedAt: number;

            /** HostEvent kind. */
            kind: segwall.v1.HostEventKind;

            /** HostEvent details. */
            details: { [k: string]: string };

            /**
             * Encodes the specified HostEvent message. Does not implicitly {@link segwall.v1.HostEvent.verify|verify} messages.
             * @param message HostEvent message or plain object to encode
             * @param [writer] Writer to encode to
             * @returns Writer
             */
            static encode(message: segwall.v1.HostEvent.$Properties, writer?: $protobuf.Writer): $protobuf.Writer;

            /**
             * Decodes a HostEvent message from the specified reader or buffer.
             * @param reader Reader or buffer to decode from
             * @param [length] Message length if known beforehand
             * @returns {segwall.v1.HostEvent & segwall.v1.HostEvent.$Shape} HostEvent
             * @throws {Error} If the payload is not a reader or valid buffer
             * @throws {$protobuf.util.ProtocolError} If required fields are missing
             */
            static decode(reader: ($protobuf.Reader|Uint8Array), length?: number): segwall.v1.HostEvent & segwall.v1.HostEvent.$Shape;
        }

        namespace HostEvent {

            /** Properties of a HostEvent. */
            interface $Properties {

                /** HostEvent id */
                id?: (string|null);

                /** HostEvent happenedAt */
                happenedAt?: (number|null);

                /** HostEvent kind */
                kind?: (segwall.v1.HostEventKind|null);

                /** HostEvent details */
                details?: ({ [k: string]: string }|null);

                /** Unknown fields preserved while decoding when enabled */
                $unknowns?: Uint8Array[];
            }

            /** Shape of a HostEvent. */
            type $Shape = segwall.v1.HostEvent.$Properties;
        }

        /** HostEventKind enum. */
        enum HostEventKind {

            /** HOST_EVENT_KIND_UNSPECIFIED value */
            HOST_EVENT_KIND_UNSPECIFIED = 0,

            /** TABLE_TAMPERED value */
            TABLE_TAMPERED = 1,

            /** OPENED value */
            OPENED = 2,

            /** RESUMED value */
            RESUMED = 3,

            /** ESSENTIALS_CHANGED value */
            ESSENTIALS_CHANGED = 4
        }

        /**
         * Properties of a Heartbeat.
         * @deprecated Use segwall.v1.Heartbeat.$Properties instead.
         */
        interface IHeartbeat extends segwall.v1.Heartbeat.$Properties {
        }

        /** Represents a Heartbeat. */
        class Heartbeat {

            /**
             * Constructs a new Heartbeat.
             * @param [properties] Properties to set
             */
            constructor(properties?: segwall.v1.Heartbeat.$Properties);

            /** Unknown fields preserved while decoding when enabled */
            $unknowns?: Uint8Array[];

            /** Heartbeat sentAt. */
            sentAt: number;

            /** Heartbeat takesEvents. */
            takesEvents: boolean;

            /**
             * Encodes the specified Heartbeat message. Does not implicitly {@link segwall.v1.Heartbeat.verify|verify} messages.
             * @param message Heartbeat message or plain object to encode
             * @param [writer] Writer to encode to
             * @returns Writer
             */
            static encode(message: segwall.v1.Heartbeat.$Properties, writer?: $protobuf.Writer): $protobuf.Writer;

            /**
             * Decodes a Heartbeat message from the specified reader or buffer.
             * @param reader Reader or buffer to decode from
             * @param [length] Message length if known beforehand
             * @returns {segwall.v1.Heartbeat & segwall.v1.Heartbeat.$Shape} Heartbeat
             * @throws {Error} If the payload is not a reader or valid buffer
             * @throws {$protobuf.util.ProtocolError} If required fields are missing
             */
            static decode(reader: ($protobuf.Reader|Uint8Array), length?: number): segwall.v1.Heartbeat & segwall.v1.Heartbeat.$Shape;
        }

        namespace Heartbeat {

            /** Properties of a Heartbeat. */
            interface $Properties {

                /** Heartbeat sentAt */
                sentAt?: (number|null);

                /** Heartbeat takesEvents */
                takesEvents?: (boolean|null);

                /** Unknown fields preserved while decoding when enabled */
                $unknowns?: Uint8Array[];
            }

            /** Shape of a Heartbeat. */
            type $Shape = segwall.v1.Heartbeat.$Properties;
        }

        /**
         * Properties of an AddressStanding.
         * @deprecated Use segwall.v1.AddressStanding.$Properties instead.
         */
        interface IAddressStanding extends segwall.v1.AddressStanding.$Properties {
        }

        /** Represents an AddressStanding. */
        class AddressStanding {

            /**
             * Constructs a new AddressStanding.
             * @param [properties] Properties to set
             */
            constructor(properties?: segwall.v1.AddressStanding.$Properties);

            /** Unknown fields preserved while decoding when enabled */
            $unknowns?: Uint8Array[];

            /** AddressStanding held. */
            held: string[];

            /** AddressStanding heldCount. */
            heldCount: number;

            /** AddressStanding pending. */
            pending: segwall.v1.PendingAddress.$Properties[];

            /** AddressStanding pendingCount. */
            pendingCount: number;

            /**
             * Encodes the specified AddressStanding message. Does not implicitly {@link segwall.v1.AddressStanding.verify|verify} messages.
             * @param message AddressStanding message or plain object to encode
             * @param [writer] Writer to encode to
             * @returns Writer
             */
            static encode(message: segwall.v1.AddressStanding.$Properties, writer?: $protobuf.Writer): $protobuf.Writer;

            /**
             * Decodes an AddressStanding message from the specified reader or buffer.
             * @param reader Reader or buffer to decode from
             * @param [length] Message length if known beforehand
             * @returns {segwall.v1.AddressStanding & segwall.v1.AddressStanding.$Shape} AddressStanding
             * @throws {Error} If the payload is not a reader or valid buffer
             * @throws {$protobuf.util.ProtocolError} If required fields are missing
             */
            static decode(reader: ($protobuf.Reader|Uint8Array), length?: number): segwall.v1.AddressStanding & segwall.v1.AddressStanding.$Shape;
        }

        namespace AddressStanding {

            /** Properties of an AddressStanding. */
            interface $Properties {

                /** AddressStanding held */
                held?: (string[]|null);

                /** AddressStanding heldCount */
                heldCount?: (number|null);

                /** AddressStanding pending */
                pending?: (segwall.v1.PendingAddress.$Properties[]|null);

                /** AddressStanding pendingCount */
                pendingCount?: (number|null);

                /** Unknown fields preserved while decoding when enabled */
                $unknowns?: Uint8Array[];
            }

            /** Shape of an AddressStanding. */
            type $Shape = segwall.v1.AddressStanding.$Properties;
        }

        /**
         * Properties of a PendingAddress.
         * @deprecated Use segwall.v1.PendingAddress.$Properties instead.
         */
        interface IPendingAddress extends segwall.v1.PendingAddress.$Properties {
        }

        /** Represents a PendingAddress. */
        class PendingAddress {

            /**
             * Constructs a new PendingAddress.
             * @param [properties] Properties to set
             */
            constructor(properties?: segwall.v1.PendingAddress.$Properties);

            /** Unknown fields preserved while decoding when enabled */
            $unknowns?: Uint8Array[];

            /** PendingAddress address. */
            address: string;

            /** PendingAddress reason. */
            reason: string;

            /**
             * Encodes the specified PendingAddress message. Does not implicitly {@link segwall.v1.PendingAddress.verify|verify} messages.
             * @param message PendingAddress message or plain object to encode
             * @param [writer] Writer to encode to
             * @returns Writer
             */
            static encode(message: segwall.v1.PendingAddress.$Properties, writer?: $protobuf.Writer): $protobuf.Writer;

            /**
             * Decodes a PendingAddress message from the specified reader or buffer.
             * @param reader Reader or buffer to decode from
             * @param [length] Message length if known beforehand
             * @returns {segwall.v1.PendingAddress & segwall.v1.PendingAddress.$Shape} PendingAddress
             * @throws {Error} If the payload is not a reader or valid buffer
             * @throws {$protobuf.util.ProtocolError} If required fields are missing
             */
            static decode(reader: ($protobuf.Reader|Uint8Array), length?: number): segwall.v1.PendingAddress & segwall.v1.PendingAddress.$Shape;
        }

        namespace PendingAddress {

            /** Properties of a PendingAddress. */
            interface $Properties {

                /** PendingAddress address */
                address?: (string|null);

                /** PendingAddress reason */
                reason?: (string|null);

                /** Unknown fields preserved while decoding when enabled */
                $unknowns?: Uint8Array[];
            }

            /** Shape of a PendingAddress. */
            type $Shape = segwall.v1.PendingAddress.$Properties;
        }

        /**
         * Properties of a RevisionProof.
         * @deprecated Use segwall.v1.RevisionProof.$Properties instead.
         */
        interface IRevisionProof extends segwall.v1.RevisionProof.$Properties {
        }

        /** Represents a RevisionProof. */
        class RevisionProof {

            /**
             * Constructs a new RevisionProof.
             * @param [properties] Properties to set
             */
            constructor(properties?: segwall.v1.RevisionProof.$Properties);

            /** Unknown fields preserved while decoding when enabled */
            $unknowns?: Uint8Array[];

            /** RevisionProof proof. */
            proof: Uint8Array;

            /**
             * Encodes the specified RevisionProof message. Does not implicitly {@link segwall.v1.RevisionProof.verify|verify} messages.
             * @param message RevisionProof message or plain object to encode
             * @param [writer] Writer to encode to
             * @returns Writer
             */
            static encode(message: segwall.v1.RevisionProof.$Properties, writer?: $protobuf.Writer): $protobuf.Writer;

            /**
             * Decodes a RevisionProof message from the specified reader or buffer.
             * @param reader Reader or buffer to decode from
             * @param [length] Message length if known beforehand
             * @returns {segwall.v1.RevisionProof & segwall.v1.RevisionProof.$Shape} RevisionProof
             * @throws {Error} If the payload is not a reader or valid buffer
             * @throws {$protobuf.util.ProtocolError} If required fields are missing
             */
            static decode(reader: ($protobuf.Reader|Uint8Array), length?: number): segwall.v1.RevisionProof & segwall.v1.RevisionProof.$Shape;
        }

        namespace RevisionProof {

            /** Properties of a RevisionProof. */
            interface $Properties {

                /** RevisionProof proof */
                proof?: (Uint8Array|null);

                /** Unknown fields preserved while decoding when enabled */
                $unknowns?: Uint8Array[];
            }

            /** Shape of a RevisionProof. */
            type $Shape = segwall.v1.RevisionProof.$Properties;
        }

        /**
         * Properties of a NextCa.
         * @deprecated Use segwall.v1.NextCa.$Properties instead.
         */
        interface INextCa extends segwall.v1.NextCa.$Properties {
        }

        /** Represents a NextCa. */
        class NextCa {

            /**
             * Constructs a new NextCa.
             * @param [properties] Properties to set
             */
            constructor(properties?: segwall.v1.NextCa.$Properties);

            /** Unknown fields preserved while decoding when enabled */
            $unknowns?: Uint8Array[];

            /** NextCa certificate. */
            certificate: Uint8Array;

            /** NextCa signature. */
            signature: Uint8Array;

            /**
             * Encodes the specified NextCa message. Does not implicitly {@link segwall.v1.NextCa.verify|verify} messages.
             * @param message NextCa message or plain object to encode
             * @param [writer] Writer to encode to
             * @returns Writer
             */
            static encode(message: segwall.v1.NextCa.$Properties, writer?: $protobuf.Writer): $protobuf.Writer;

            /**
             * Decodes a NextCa message from the specified reader or buffer.
             * @param reader Reader or buffer to decode from
             * @param [length] Message length if known beforehand
             * @returns {segwall.v1.NextCa & segwall.v1.NextCa.$Shape} NextCa
             * @throws {Error} If the payload is not a reader or valid buffer
             * @throws {$protobuf.util.ProtocolError} If required fields are missing
             */
            static decode(reader: ($protobuf.Reader|Uint8Array), length?: number): segwall.v1.NextCa & segwall.v1.NextCa.$Shape;
        }

        namespace NextCa {

            /** Properties of a NextCa. */
            interface $Properties {

                /** NextCa certificate */
                certificate?: (Uint8Array|null);

                /** NextCa signature */
                signature?: (Uint8Array|null);

                /** Unknown fields preserved while decoding when enabled */
                $unknowns?: Uint8Array[];
            }

            /** Shape of a NextCa. */
            type $Shape = segwall.v1.NextCa.$Properties;
        }

        /**
         * Properties of an EventsTaken.
         * @deprecated Use segwall.v1.EventsTaken.$Properties instead.
         */
        interface IEventsTaken extends segwall.v1.EventsTaken.$Properties {
        }

        /** Represents an EventsTaken. */
        class EventsTaken {

            /**
             * Constructs a new EventsTaken.
             * @param [properties] Properties to set
             */
            constructor(properties?: segwall.v1.EventsTaken.$Properties);

            /** Unknown fields preserved while decoding when enabled */
            $unknowns?: Uint8Array[];

            /** EventsTaken ids. */
            ids: string[];

            /**
             * Encodes the specified EventsTaken message. Does not implicitly {@link segwall.v1.EventsTaken.verify|verify} messages.
             * @param message EventsTaken message or plain object to encode
             * @param [writer] Writer to encode to
             * @returns Writer
             */
            static encode(message: segwall.v1.EventsTaken.$Properties, writer?: $protobuf.Writer): $protobuf.Writer;

            /**
             * Decodes an EventsTaken message from the specified reader or buffer.
             * @param reader Reader or buffer to decode from
             * @param [length] Message length if known beforehand
             * @returns {segwall.v1.EventsTaken & segwall.v1.EventsTaken.$Shape} EventsTaken
             * @throws {Error} If the payload is not a reader or valid buffer
             * @throws {$protobuf.util.ProtocolError} If required fields are missing
             */
            static decode(reader: ($protobuf.Reader|Uint8Array), length?: number): segwall.v1.EventsTaken & segwall.v1.EventsTaken.$Shape;
        }

        namespace EventsTaken {

            /** Properties of an EventsTaken. */
            interface $Properties {

                /** EventsTaken ids */
                ids?: (string[]|null);

                /** Unknown fields preserved while decoding when enabled */
                $unknowns?: Uint8Array[];
            }

            /** Shape of an EventsTaken. */
            type $Shape = segwall.v1.EventsTaken.$Properties;
        }

        /**
         * Properties of an Announcement.
         * @deprecated Use segwall.v1.Announcement.$Properties instead.
         */
        interface IAnnouncement extends segwall.v1.Announcement.$Properties {
        }

        /** Represents an Announcement. */
        class Announcement {

            /**
             * Constructs a new Announcement.
             * @param [properties] Properties to set
             */
            constructor(properties?: segwall.v1.Announcement.$Properties);

            /** Unknown fields preserved while decoding when enabled */
            $unknowns?: Uint8Array[];

            /** Announcement number. */
            number: number;

            /** Announcement addresses. */
            addresses: string[];

            /**
             * Encodes the specified Announcement message. Does not implicitly {@link segwall.v1.Announcement.verify|verify} messages.
             * @param message Announcement message or plain object to encode
             * @param [writer] Writer to encode to
             * @returns Writer
             */
            static encode(message: segwall.v1.Announcement.$Properties, writer?: $protobuf.Writer): $protobuf.Writer;

            /**
             * Decodes an Announcement message from the specified reader or buffer.
             * @param reader Reader or buffer to decode from
             * @param [length] Message length if known beforehand
             * @returns {segwall.v1.Announcement & segwall.v1.Announcement.$Shape} Announcement
             * @throws {Error} If the payload is not a reader or valid buffer
             * @throws {$protobuf.util.ProtocolError} If required fields are missing
             */
            static decode(reader: ($protobuf.Reader|Uint8Array), length?: number): segwall.v1.Announcement & segwall.v1.Announcement.$Shape;
        }

        namespace Announcement {

            /** Properties of an Announcement. */
            interface $Properties {

                /** Announcement number */
                number?: (number|null);

                /** Announcement addresses */
                addresses?: (string[]|null);

                /** Unknown fields preserved while decoding when enabled */
                $unknowns?: Uint8Array[];
            }

            /** Shape of an Announcement. */
            type $Shape = segwall.v1.Announcement.$Properties;
        }

        /**
         * Properties of a Snapshot.
         * @deprecated Use segwall.v1.Snapshot.$Properties instead.
         */
        interface ISnapshot extends segwall.v1.Snapshot.$Properties {
        }

        /** Represents a Snapshot. */
        class Snapshot {

            /**
             * Constructs a new Snapshot.
             * @param [properties] Properties to set
             */
            constructor(properties?: segwall.v1.Snapshot.$Properties);

            /** Unknown fields preserved while decoding when enabled */
            $unknowns?: Uint8Array[];

            /** Snapshot revision. */
            revision: number;

            /** Snapshot digest. */
            digest: Uint8Array;

            /** Snapshot host. */
            host: string;

            /** Snapshot strings. */
            strings: string[];

            /** Snapshot workloads. */
            workloads: segwall.v1.Workload.$Properties[];

            /** Snapshot peerSets. */
            peerSets: segwall.v1.PeerSet.$Properties[];

            /**
             * Encodes the specified Snapshot message. Does not implicitly {@link segwall.v1.Snapshot.verify|verify} messages.
             * @param message Snapshot message or plain object to encode
             * @param [writer] Writer to encode to
             * @returns Writer
             */
            static encode(message: segwall.v1.Snapshot.$Properties, writer?: $protobuf.Writer): $protobuf.Writer;

            /**
             * Decodes a Snapshot message from the specified reader or buffer.
             * @param reader Reader or buffer to decode from
             * @param [length] Message length if known beforehand
             * @returns {segwall.v1.Snapshot & segwall.v1.Snapshot.$Shape} Snapshot
             * @throws {Error} If the payload is not a reader or valid buffer
             * @throws {$protobuf.util.ProtocolError} If required fields are missing
             */
            static decode(reader: ($protobuf.Reader|Uint8Array), length?: number): segwall.v1.Snapshot & segwall.v1.Snapshot.$Shape;
        }

        namespace Snapshot {

            /** Properties of a Snapshot. */
            interface $Properties {

                /** Snapshot revision */
                revision?: (number|null);

                /** Snapshot digest */
                digest?: (Uint8Array|null);

                /** Snapshot host */
                host?: (string|null);

                /** Snapshot strings */
                strings?: (string[]|null);

                /** Snapshot workloads */
                workloads?: (segwall.v1.Workload.$Properties[]|null);

                /** Snapshot peerSets */
                peerSets?: (segwall.v1.PeerSet.$Properties[]|null);

                /** Unknown fields preserved while decoding when enabled */
                $unknowns?: Uint8Array[];
            }

            /** Shape of a Snapshot. */
            type $Shape = segwall.v1.Snapshot.$Properties;
        }

        /**
         * Properties of a Delta.
         * @deprecated Use segwall.v1.Delta.$Properties instead.
         */
        interface IDelta extends segwall.v1.Delta.$Properties {
        }

        /** Represents a Delta. */
        class Delta {

            /**
             * Constructs a new Delta.
             * @param [properties] Properties to set
             */
            constructor(properties?: segwall.v1.Delta.$Properties);

            /** Unknown fields preserved while decoding when enabled */
            $unknowns?: Uint8Array[];

            /** Delta baseRevision. */
            baseRevision: number;

            /** Delta baseDigest. */
            baseDigest: Uint8Array;

            /** Delta revision. */
            revision: number;

            /** Delta digest. */
            digest: Uint8Array;

            /** Delta host. */
            host: string;

            /** Delta strings. */
            strings: string[];

            /** Delta replacedWorkloads. */
            replacedWorkloads: segwall.v1.Workload.$Properties[];

            /** Delta removedWorkloads. */
            removedWorkloads: string[];

            /** Delta addedPeerSets. */
            addedPeerSets: segwall.v1.PeerSet.$Properties[];

            /** Delta changedPeerSets. */
            changedPeerSets: segwall.v1.PeerSetChange.$Properties[];

            /** Delta removedPeerSets. */
            removedPeerSets: string[];

            /**
             * Encodes the specified Delta message. Does not implicitly {@link segwall.v1.Delta.verify|verify} messages.
             * @param message Delta message or plain object to encode
             * @param [writer] Writer to encode to
             * @returns Writer
             */
            static encode(message: segwall.v1.Delta.$Properties, writer?: $protobuf.Writer): $protobuf.Writer;

            /**
             * Decodes a Delta message from the specified reader or buffer.
             * @param reader Reader or buffer to decode from
             * @param [length] Message length if known beforehand
             * @returns {segwall.v1.Delta & segwall.v1.Delta.$Shape} Delta
             * @throws {Error} If the payload is not a reader or valid buffer
             * @throws {$protobuf.util.ProtocolError} If required fields are missing
             */
            static decode(reader: ($protobuf.Reader|Uint8Array), length?: number): segwall.v1.Delta & segwall.v1.Delta.$Shape;
        }

        namespace Delta {

            /** Properties of a Delta. */
            interface $Properties {

                /** Delta baseRevision */
                baseRevision?: (number|null);

                /** Delta baseDigest */
                baseDigest?: (Uint8Array|null);

                /** Delta revision */
                revision?: (number|null);

                /** Delta digest */
                digest?: (Uint8Array|null);

                /** Delta host */
                host?: (string|null);

                /** Delta strings */
                strings?: (string[]|null);

                /** Delta replacedWorkloads */
                replacedWorkloads?: (segwall.v1.Workload.$Properties[]|null);

                /** Delta removedWorkloads */
                removedWorkloads?: (string[]|null);

                /** Delta addedPeerSets */
                addedPeerSets?: (segwall.v1.PeerSet.$Properties[]|null);

                /** Delta changedPeerSets */
                changedPeerSets?: (segwall.v1.PeerSetChange.$Properties[]|null);

                /** Delta removedPeerSets */
                removedPeerSets?: (string[]|null);

                /** Unknown fields preserved while decoding when enabled */
                $unknowns?: Uint8Array[];
            }

            /** Shape of a Delta. */
            type $Shape = segwall.v1.Delta.$Properties;
        }

        /**
         * Properties of a PeerSet.
         * @deprecated Use segwall.v1.PeerSet.$Properties instead.
         */
        interface IPeerSet extends segwall.v1.PeerSet.$Properties {
        }

        /** Represents a PeerSet. */
        class PeerSet {

            /**
             * Constructs a new PeerSet.
             * @param [properties] Properties to set
             */
            constructor(properties?: segwall.v1.PeerSet.$Properties);

            /** Unknown fields preserved while decoding when enabled */
            $unknowns?: Uint8Array[];

            /** PeerSet id. */
            id: string;

            /** PeerSet ipv4. */
            ipv4: number[];

            /** PeerSet ipv6. */
            ipv6: Uint8Array;

            /** PeerSet ranges. */
            ranges?: (segwall.v1.Ranges.$Properties|null);

            /** PeerSet fqdn. */
            fqdn: string;

            /** PeerSet quarantine. */
            quarantine: string;

            /**
             * Encodes the specified PeerSet message. Does not implicitly {@link segwall.v1.PeerSet.verify|verify} messages.
             * @param message PeerSet message or plain object to encode
             * @param [writer] Writer to encode to
             * @returns Writer
             */
            static encode(message: segwall.v1.PeerSet.$Properties, writer?: $protobuf.Writer): $protobuf.Writer;

            /**
             * Decodes a PeerSet message from the specified reader or buffer.
             * @param reader Reader or buffer to decode from
             * @param [length] Message length if known beforehand
             * @returns {segwall.v1.PeerSet & segwall.v1.PeerSet.$Shape} PeerSet
             * @throws {Error} If the payload is not a reader or valid buffer
             * @throws {$protobuf.util.ProtocolError} If required fields are missing
             */
            static decode(reader: ($protobuf.Reader|Uint8Array), length?: number): segwall.v1.PeerSet & segwall.v1.PeerSet.$Shape;
        }

        namespace PeerSet {

            /** Properties of a PeerSet. */
            interface $Properties {

                /** PeerSet id */
                id?: (string|null);

                /** PeerSet ipv4 */
                ipv4?: (number[]|null);

                /** PeerSet ipv6 */
                ipv6?: (Uint8Array|null);

                /** PeerSet ranges */
                ranges?: (segwall.v1.Ranges.$Properties|null);

                /** PeerSet fqdn */
                fqdn?: (string|null);

                /** PeerSet quarantine */
                quarantine?: (string|null);

                /** Unknown fields preserved while decoding when enabled */
                $unknowns?: Uint8Array[];
            }

            /** Shape of a PeerSet. */
            type $Shape = segwall.v1.PeerSet.$Properties;
        }

        /**
         * Properties of a PeerSetChange.
         * @deprecated Use segwall.v1.PeerSetChange.$Properties instead.
         */
        interface IPeerSetChange extends segwall.v1.PeerSetChange.$Properties {
        }

        /** Represents a PeerSetChange. */
        class PeerSetChange {

            /**
             * Constructs a new PeerSetChange.
             * @param [properties] Properties to set
             */
            constructor(properties?: segwall.v1.PeerSetChange.$Properties);

            /** Unknown fields preserved while decoding when enabled */
            $unknowns?: Uint8Array[];

            /** PeerSetChange id. */
            id: string;

            /** PeerSetChange addedIpv4. */
            addedIpv4: number[];

            /** PeerSetChange addedIpv6. */
            addedIpv6: Uint8Array;

            /** PeerSetChange removedIpv4. */
            removedIpv4: number[];

            /** PeerSetChange removedIpv6. */
            removedIpv6: Uint8Array;

            /** PeerSetChange ranges. */
            ranges?: (segwall.v1.Ranges.$Properties|null);

            /**
             * Encodes the specified PeerSetChange message. Does not implicitly {@link segwall.v1.PeerSetChange.verify|verify} messages.
             * @param message PeerSetChange message or plain object to encode
             * @param [writer] Writer to encode to
             * @returns Writer
             */
            static encode(message: segwall.v1.PeerSetChange.$Properties, writer?: $protobuf.Writer): $protobuf.Writer;

            /**
             * Decodes a PeerSetChange message from the specified reader or buffer.
             * @param reader Reader or buffer to decode from
             * @param [length] Message length if known beforehand
             * @returns {segwall.v1.PeerSetChange & segwall.v1.PeerSetChange.$Shape} PeerSetChange
             * @throws {Error} If the payload is not a reader or valid buffer
             * @throws {$protobuf.util.ProtocolError} If required fields are missing
             */
            static decode(reader: ($protobuf.Reader|Uint8Array), length?: number): segwall.v1.PeerSetChange & segwall.v1.PeerSetChange.$Shape;
        }

        namespace PeerSetChange {

            /** Properties of a PeerSetChange. */
            interface $Properties {

                /** PeerSetChange id */
                id?: (string|null);

                /** PeerSetChange addedIpv4 */
                addedIpv4?: (number[]|null);

                /** PeerSetChange addedIpv6 */
                addedIpv6?: (Uint8Array|null);

                /** PeerSetChange removedIpv4 */
                removedIpv4?: (number[]|null);

                /** PeerSetChange removedIpv6 */
                removedIpv6?: (Uint8Array|null);

                /** PeerSetChange ranges */
                ranges?: (segwall.v1.Ranges.$Properties|null);

                /** Unknown fields preserved while decoding when enabled */
                $unknowns?: Uint8Array[];
            }

            /** Shape of a PeerSetChange. */
            type $Shape = segwall.v1.PeerSetChange.$Properties;
        }

        /**
         * Properties of a Ranges.
         * @deprecated Use segwall.v1.Ranges.$Properties instead.
         */
        interface IRanges extends segwall.v1.Ranges.$Properties {
        }

        /** Represents a Ranges. */
        class Ranges {

            /**
             * Constructs a new Ranges.
             * @param [properties] Properties to set
             */
            constructor(properties?: segwall.v1.Ranges.$Properties);

            /** Unknown fields preserved while decoding when enabled */
            $unknowns?: Uint8Array[];

            /** Ranges ipv4. */
            ipv4: number[];

            /** Ranges ipv6. */
            ipv6: Uint8Array;

            /**
             * Encodes the specified Ranges message. Does not implicitly {@link segwall.v1.Ranges.verify|verify} messages.
             * @param message Ranges message or plain object to encode
             * @param [writer] Writer to encode to
             * @returns Writer
             */
            static encode(message: segwall.v1.Ranges.$Properties, writer?: $protobuf.Writer): $protobuf.Writer;

            /**
             * Decodes a Ranges message from the specified reader or buffer.
             * @param reader Reader or buffer to decode from
             * @param [length] Message length if known beforehand
             * @returns {segwall.v1.Ranges & segwall.v1.Ranges.$Shape} Ranges
             * @throws {Error} If the payload is not a reader or valid buffer
             * @throws {$protobuf.util.ProtocolError} If required fields are missing
             */
            static decode(reader: ($protobuf.Reader|Uint8Array), length?: number): segwall.v1.Ranges & segwall.v1.Ranges.$Shape;
        }

        namespace Ranges {

            /** Properties of a Ranges. */
            interface $Properties {

                /** Ranges ipv4 */
                ipv4?: (number[]|null);

                /** Ranges ipv6 */
                ipv6?: (Uint8Array|null);

                /** Unknown fields preserved while decoding when enabled */
                $unknowns?: Uint8Array[];
            }

            /** Shape of a Ranges. */
            type $Shape = segwall.v1.Ranges.$Properties;
        }

        /**
         * Properties of a Workload.
         * @deprecated Use segwall.v1.Workload.$Properties instead.
         */
        interface IWorkload extends segwall.v1.Workload.$Properties {
        }

        /** Represents a Workload. */
        class Workload {

            /**
             * Constructs a new Workload.
             * @param [properties] Properties to set
             */
            constructor(properties?: segwall.v1.Workload.$Properties);

            /** Unknown fields preserved while decoding when enabled */
            $unknowns?: Uint8Array[];

            /** Workload name. */
            name: string;

            /** Workload kind. */
            kind: segwall.v1.WorkloadKind;

            /** Workload unit. */
            unit: string;

            /** Workload ipv4. */
            ipv4: number[];

            /** Workload ipv6. */
            ipv6: Uint8Array;

            /** Workload quarantine. */
            quarantine?: (segwall.v1.Quarantine.$Properties|null);

            /** Workload inbound. */
            inbound?: (segwall.v1.DirectionRules.$Properties|null);

            /** Workload outbound. */
            outbound?: (segwall.v1.DirectionRules.$Properties|null);

            /** Workload exemptFrom. */
            exemptFrom: segwall.v1.Exemption.$Properties[];

            /**
             * Encodes the specified Workload message. Does not implicitly {@link segwall.v1.Workload.verify|verify} messages.
             * @param message Workload message or plain object to encode
             * @param [writer] Writer to encode to
             * @returns Writer
             */
            static encode(message: segwall.v1.Workload.$Properties, writer?: $protobuf.Writer): $protobuf.Writer;

            /**
             * Decodes a Workload message from the specified reader or buffer.
             * @param reader Reader or buffer to decode from
             * @param [length] Message length if known beforehand
             * @returns {segwall.v1.Workload & segwall.v1.Workload.$Shape} Workload
             * @throws {Error} If the payload is not a reader or valid buffer
             * @throws {$protobuf.util.ProtocolError} If required fields are missing
             */
            static decode(reader: ($protobuf.Reader|Uint8Array), length?: number): segwall.v1.Workload & segwall.v1.Workload.$Shape;
        }

        namespace Workload {

            /** Properties of a Workload. */
            interface $Properties {

                /** Workload name */
                name?: (string|null);

                /** Workload kind */
                kind?: (segwall.v1.WorkloadKind|null);

                /** Workload unit */
                unit?: (string|null);

                /** Workload ipv4 */
                ipv4?: (number[]|null);

                /** Workload ipv6 */
                ipv6?: (Uint8Array|null);

                /** Workload quarantine */
                quarantine?: (segwall.v1.Quarantine.$Properties|null);

                /** Workload inbound */
                inbound?: (segwall.v1.DirectionRules.$Properties|null);

                /** Workload outbound */
                outbound?: (segwall.v1.DirectionRules.$Properties|null);

                /** Workload exemptFrom */
                exemptFrom?: (segwall.v1.Exemption.$Properties[]|null);

                /** Unknown fields preserved while decoding when enabled */
                $unknowns?: Uint8Array[];
            }

            /** Shape of a Workload. */
            type $Shape = segwall.v1.Workload.$Properties;
        }

        /**
         * Properties of an Exemption.
         * @deprecated Use segwall.v1.Exemption.$Properties instead.
         */
        interface IExemption extends segwall.v1.Exemption.$Properties {
        }

        /** Represents an Exemption. */
        class Exemption {

            /**
             * Constructs a new Exemption.
             * @param [properties] Properties to set
             */
            constructor(properties?: segwall.v1.Exemption.$Properties);

            /** Unknown fields preserved while decoding when enabled */
            $unknowns?: Uint8Array[];

            /** Exemption set. */
            set: number;

            /** Exemption local. */
            local?: (segwall.v1.LocalAddresses.$Properties|null);

            /**
             * Encodes the specified Exemption message. Does not implicitly {@link segwall.v1.Exemption.verify|verify} messages.
             * @param message Exemption message or plain object to encode
             * @param [writer] Writer to encode to
             * @returns Writer
             */
            static encode(message: segwall.v1.Exemption.$Properties, writer?: $protobuf.Writer): $protobuf.Writer;

            /**
             * Decodes an Exemption message from the specified reader or buffer.
             * @param reader Reader or buffer to decode from
             * @param [length] Message length if known beforehand
             * @returns {segwall.v1.Exemption & segwall.v1.Exemption.$Shape} Exemption
             * @throws {Error} If the payload is not a reader or valid buffer
             * @throws {$protobuf.util.ProtocolError} If required fields are missing
             */
            static decode(reader: ($protobuf.Reader|Uint8Array), length?: number): segwall.v1.Exemption & segwall.v1.Exemption.$Shape;
        }

        namespace Exemption {

            /** Properties of an Exemption. */
            interface $Properties {

                /** Exemption set */
                set?: (number|null);

                /** Exemption local */
                local?: (segwall.v1.LocalAddresses.$Properties|null);

                /** Unknown fields preserved while decoding when enabled */
                $unknowns?: Uint8Array[];
            }

            /** Shape of an Exemption. */
            type $Shape = segwall.v1.Exemption.$Properties;
        }

        /**
         * Properties of a Quarantine.
         * @deprecated Use segwall.v1.Quarantine.$Properties instead.
         */
        interface IQuarantine extends segwall.v1.Quarantine.$Properties {
        }

        /** Represents a Quarantine. */
        class Quarantine {

            /**
             * Constructs a new Quarantine.
             * @param [properties] Properties to set
             */
            constructor(properties?: segwall.v1.Quarantine.$Properties);

            /** Unknown fields preserved while decoding when enabled */
            $unknowns?: Uint8Array[];

            /** Quarantine name. */
            name: number;

            /** Quarantine peers. */
            peers?: (segwall.v1.Peers.$Properties|null);

            /**
             * Encodes the specified Quarantine message. Does not implicitly {@link segwall.v1.Quarantine.verify|verify} messages.
             * @param message Quarantine message or plain object to encode
             * @param [writer] Writer to encode to
             * @returns Writer
             */
            static encode(message: segwall.v1.Quarantine.$Properties, writer?: $protobuf.Writer): $protobuf.Writer;

            /**
             * Decodes a Quarantine message from the specified reader or buffer.
             * @param reader Reader or buffer to decode from
             * @param [length] Message length if known beforehand
             * @returns {segwall.v1.Quarantine & segwall.v1.Quarantine.$Shape} Quarantine
             * @throws {Error} If the payload is not a reader or valid buffer
             * @throws {$protobuf.util.ProtocolError} If required fields are missing
             */
            static decode(reader: ($protobuf.Reader|Uint8Array), length?: number): segwall.v1.Quarantine & segwall.v1.Quarantine.$Shape;
        }

        namespace Quarantine {

            /** Properties of a Quarantine. */
            interface $Properties {

                /** Quarantine name */
                name?: (number|null);

                /** Quarantine peers */
                peers?: (segwall.v1.Peers.$Properties|null);

                /** Unknown fields preserved while decoding when enabled */
                $unknowns?: Uint8Array[];
            }

            /** Shape of a Quarantine. */
            type $Shape = segwall.v1.Quarantine.$Properties;
        }

        /**
         * Properties of a DirectionRules.
         * @deprecated Use segwall.v1.DirectionRules.$Properties instead.
         */
        interface IDirectionRules extends segwall.v1.DirectionRules.$Properties {
        }

        /** Represents a DirectionRules. */
        class DirectionRules {

            /**
             * Constructs a new DirectionRules.
             * @param [properties] Properties to set
             */
            constructor(properties?: segwall.v1.DirectionRules.$Properties);

            /** Unknown fields preserved while decoding when enabled */
            $unknowns?: Uint8Array[];

            /** DirectionRules mode. */
            mode: segwall.v1.EnforcementMode;

            /** DirectionRules defaultSegment. */
            defaultSegment?: (segwall.v1.SegmentRef.$Properties|null);

            /** DirectionRules onDeny. */
            onDeny: segwall.v1.DenyAction;

            /** DirectionRules selective. */
            selective: segwall.v1.SelectiveServices.$Properties[];

            /** DirectionRules guardrails. */
            guardrails: segwall.v1.GuardrailDeny.$Properties[];

            /** DirectionRules grants. */
            grants: segwall.v1.Grant.$Properties[];

            /**
             * Encodes the specified DirectionRules message. Does not implicitly {@link segwall.v1.DirectionRules.verify|verify} messages.
             * @param message DirectionRules message or plain object to encode
             * @param [writer] Writer to encode to
             * @returns Writer
             */
            static encode(message: segwall.v1.DirectionRules.$Properties, writer?: $protobuf.Writer): $protobuf.Writer;

            /**
             * Decodes a DirectionRules message from the specified reader or buffer.
             * @param reader Reader or buffer to decode from
             * @param [length] Message length if known beforehand
             * @returns {segwall.v1.DirectionRules & segwall.v1.DirectionRules.$Shape} DirectionRules
             * @throws {Error} If the payload is not a reader or valid buffer
             * @throws {$protobuf.util.ProtocolError} If required fields are missing
             */
            static decode(reader: ($protobuf.Reader|Uint8Array), length?: number): segwall.v1.DirectionRules & segwall.v1.DirectionRules.$Shape;
        }

        namespace DirectionRules {

            /** Properties of a DirectionRules. */
            interface $Properties {

                /** DirectionRules mode */
                mode?: (segwall.v1.EnforcementMode|null);

                /** DirectionRules defaultSegment */
                defaultSegment?: (segwall.v1.SegmentRef.$Properties|null);

                /** DirectionRules onDeny */
                onDeny?: (segwall.v1.DenyAction|null);

                /** DirectionRules selective */
                selective?: (segwall.v1.SelectiveServices.$Properties[]|null);

                /** DirectionRules guardrails */
                guardrails?: (segwall.v1.GuardrailDeny.$Properties[]|null);

                /** DirectionRules grants */
                grants?: (segwall.v1.Grant.$Properties[]|null);

                /** Unknown fields preserved while decoding when enabled */
                $unknowns?: Uint8Array[];
            }

            /** Shape of a DirectionRules. */
            type $Shape = segwall.v1.DirectionRules.$Properties;
        }

        /**
         * Properties of a SegmentRef.
         * @deprecated Use segwall.v1.SegmentRef.$Properties instead.
         */
        interface ISegmentRef extends segwall.v1.SegmentRef.$Properties {
        }

        /** Represents a SegmentRef. */
        class SegmentRef {

            /**
             * Constructs a new SegmentRef.
             * @param [properties] Properties to set
             */
            constructor(properties?: segwall.v1.SegmentRef.$Properties);

            /** Unknown fields preserved while decoding when enabled */
            $unknowns?: Uint8Array[];

            /** SegmentRef segment. */
            segment: number;

            /** SegmentRef combination. */
            combination: number;

            /**
             * Encodes the specified SegmentRef message. Does not implicitly {@link segwall.v1.SegmentRef.verify|verify} messages.
             * @param message SegmentRef message or plain object to encode
             * @param [writer] Writer to encode to
             * @returns Writer
             */
            static encode(message: segwall.v1.SegmentRef.$Properties, writer?: $protobuf.Writer): $protobuf.Writer;

            /**
             * Decodes a SegmentRef message from the specified reader or buffer.
             * @param reader Reader or buffer to decode from
             * @param [length] Message length if known beforehand
             * @returns {segwall.v1.SegmentRef & segwall.v1.SegmentRef.$Shape} SegmentRef
             * @throws {Error} If the payload is not a reader or valid buffer
             * @throws {$protobuf.util.ProtocolError} If required fields are missing
             */
            static decode(reader: ($protobuf.Reader|Uint8Array), length?: number): segwall.v1.SegmentRef & segwall.v1.SegmentRef.$Shape;
        }

        namespace SegmentRef {

            /** Properties of a SegmentRef. */
            interface $Properties {

                /** SegmentRef segment */
                segment?: (number|null);

                /** SegmentRef combination */
                combination?: (number|null);

                /** Unknown fields preserved while decoding when enabled */
                $unknowns?: Uint8Array[];
            }

            /** Shape of a SegmentRef. */
            type $Shape = segwall.v1.SegmentRef.$Properties;
        }

        /**
         * Properties of a SelectiveServices.
         * @deprecated Use segwall.v1.SelectiveServices.$Properties instead.
         */
        interface ISelectiveServices extends segwall.v1.SelectiveServices.$Properties {
        }

        /** Represents a SelectiveServices. */
        class SelectiveServices {

            /**
             * Constructs a new SelectiveServices.
             * @param [properties] Properties to set
             */
            constructor(properties?: segwall.v1.SelectiveServices.$Properties);

            /** Unknown fields preserved while decoding when enabled */
            $unknowns?: Uint8Array[];

            /** SelectiveServices segment. */
            segment?: (segwall.v1.SegmentRef.$Properties|null);

            /** SelectiveServices services. */
            services: segwall.v1.ServiceTerm.$Properties[];

            /** SelectiveServices onDeny. */
            onDeny: segwall.v1.DenyAction;

            /**
             * Encodes the specified SelectiveServices message. Does not implicitly {@link segwall.v1.SelectiveServices.verify|verify} messages.
             * @param message SelectiveServices message or plain object to encode
             * @param [writer] Writer to encode to
             * @returns Writer
             */
            static encode(message: segwall.v1.SelectiveServices.$Properties, writer?: $protobuf.Writer): $protobuf.Writer;

            /**
             * Decodes a SelectiveServices message from the specified reader or buffer.
             * @param reader Reader or buffer to decode from
             * @param [length] Message length if known beforehand
             * @returns {segwall.v1.SelectiveServices & segwall.v1.SelectiveServices.$Shape} SelectiveServices
             * @throws {Error} If the payload is not a reader or valid buffer
             * @throws {$protobuf.util.ProtocolError} If required fields are missing
             */
            static decode(reader: ($protobuf.Reader|Uint8Array), length?: number): segwall.v1.SelectiveServices & segwall.v1.SelectiveServices.$Shape;
        }

        namespace SelectiveServices {

            /** Properties of a SelectiveServices. */
            interface $Properties {

                /** SelectiveServices segment */
                segment?: (segwall.v1.SegmentRef.$Properties|null);

                /** SelectiveServices services */
                services?: (segwall.v1.ServiceTerm.$Properties[]|null);

                /** SelectiveServices onDeny */
                onDeny?: (segwall.v1.DenyAction|null);

                /** Unknown fields preserved while decoding when enabled */
                $unknowns?: Uint8Array[];
            }

            /** Shape of a SelectiveServices. */
            type $Shape = segwall.v1.SelectiveServices.$Properties;
        }

        /**
         * Properties of a GuardrailDeny.
         * @deprecated Use segwall.v1.GuardrailDeny.$Properties instead.
         */
        interface IGuardrailDeny extends segwall.v1.GuardrailDeny.$Properties {
        }

        /** Represents a GuardrailDeny. */
        class GuardrailDeny {

            /**
             * Constructs a new GuardrailDeny.
             * @param [properties] Properties to set
             */
            constructor(properties?: segwall.v1.GuardrailDeny.$Properties);

            /** Unknown fields preserved while decoding when enabled */
            $unknowns?: Uint8Array[];

            /** GuardrailDeny guardrail. */
            guardrail: number;

            /** GuardrailDeny mode. */
            mode: segwall.v1.GuardrailMode;

            /** GuardrailDeny peers. */
            peers?: (segwall.v1.Peers.$Properties|null);

            /** GuardrailDeny local. */
            local?: (segwall.v1.LocalAddresses.$Properties|null);

            /** GuardrailDeny services. */
            services: segwall.v1.ServiceTerm.$Properties[];

            /**
             * Encodes the specified GuardrailDeny message. Does not implicitly {@link segwall.v1.GuardrailDeny.verify|verify} messages.
             * @param message GuardrailDeny message or plain object to encode
             * @param [writer] Writer to encode to
             * @returns Writer
             */
            static encode(message: segwall.v1.GuardrailDeny.$Properties, writer?: $protobuf.Writer): $protobuf.Writer;

            /**
             * Decodes a GuardrailDeny message from the specified reader or buffer.
             * @param reader Reader or buffer to decode from
             * @param [length] Message length if known beforehand
             * @returns {segwall.v1.GuardrailDeny & segwall.v1.GuardrailDeny.$Shape} GuardrailDeny
             * @throws {Error} If the payload is not a reader or valid buffer
             * @throws {$protobuf.util.ProtocolError} If required fields are missing
             */
            static decode(reader: ($protobuf.Reader|Uint8Array), length?: number): segwall.v1.GuardrailDeny & segwall.v1.GuardrailDeny.$Shape;
        }

        namespace GuardrailDeny {

            /** Properties of a GuardrailDeny. */
            interface $Properties {

                /** GuardrailDeny guardrail */
                guardrail?: (number|null);

                /** GuardrailDeny mode */
                mode?: (segwall.v1.GuardrailMode|null);

                /** GuardrailDeny peers */
                peers?: (segwall.v1.Peers.$Properties|null);

                /** GuardrailDeny local */
                local?: (segwall.v1.LocalAddresses.$Properties|null);

                /** GuardrailDeny services */
                services?: (segwall.v1.ServiceTerm.$Properties[]|null);

                /** Unknown fields preserved while decoding when enabled */
                $unknowns?: Uint8Array[];
            }

            /** Shape of a GuardrailDeny. */
            type $Shape = segwall.v1.GuardrailDeny.$Properties;
        }

        /**
         * Properties of a Grant.
         * @deprecated Use segwall.v1.Grant.$Properties instead.
         */
        interface IGrant extends segwall.v1.Grant.$Properties {
        }

        /** Represents a Grant. */
        class Grant {

            /**
             * Constructs a new Grant.
             * @param [properties] Properties to set
             */
            constructor(properties?: segwall.v1.Grant.$Properties);

            /** Unknown fields preserved while decoding when enabled */
            $unknowns?: Uint8Array[];

            /** Grant segment. */
            segment?: (segwall.v1.SegmentRef.$Properties|null);

            /** Grant rule. */
            rule: number;

            /** Grant peers. */
            peers?: (segwall.v1.Peers.$Properties|null);

            /** Grant local. */
            local?: (segwall.v1.LocalAddresses.$Properties|null);

            /** Grant services. */
            services: segwall.v1.ServiceTerm.$Properties[];

            /** Grant schedule. */
            schedule?: (segwall.v1.Schedule.$Properties|null);

            /**
             * Encodes the specified Grant message. Does not implicitly {@link segwall.v1.Grant.verify|verify} messages.
             * @param message Grant message or plain object to encode
             * @param [writer] Writer to encode to
             * @returns Writer
             */
            static encode(message: segwall.v1.Grant.$Properties, writer?: $protobuf.Writer): $protobuf.Writer;

            /**
             * Decodes a Grant message from the specified reader or buffer.
             * @param reader Reader or buffer to decode from
             * @param [length] Message length if known beforehand
             * @returns {segwall.v1.Grant & segwall.v1.Grant.$Shape} Grant
             * @throws {Error} If the payload is not a reader or valid buffer
             * @throws {$protobuf.util.ProtocolError} If required fields are missing
             */
            static decode(reader: ($protobuf.Reader|Uint8Array), length?: number): segwall.v1.Grant & segwall.v1.Grant.$Shape;
        }

        namespace Grant {

            /** Properties of a Grant. */
            interface $Properties {

                /** Grant segment */
                segment?: (segwall.v1.SegmentRef.$Properties|null);

                /** Grant rule */
                rule?: (number|null);

                /** Grant peers */
                peers?: (segwall.v1.Peers.$Properties|null);

                /** Grant local */
                local?: (segwall.v1.LocalAddresses.$Properties|null);

                /** Grant services */
                services?: (segwall.v1.ServiceTerm.$Properties[]|null);

                /** Grant schedule */
                schedule?: (segwall.v1.Schedule.$Properties|null);

                /** Unknown fields preserved while decoding when enabled */
                $unknowns?: Uint8Array[];
            }

            /** Shape of a Grant. */
            type $Shape = segwall.v1.Grant.$Properties;
        }

        /**
         * Properties of a Schedule.
         * @deprecated Use segwall.v1.Schedule.$Properties instead.
         */
        interface ISchedule extends segwall.v1.Schedule.$Properties {
        }

        /** Represents a Schedule. */
        class Schedule {

            /**
             * Constructs a new Schedule.
             * @param [properties] Properties to set
             */
            constructor(properties?: segwall.v1.Schedule.$Properties);

            /** Unknown fields preserved while decoding when enabled */
            $unknowns?: Uint8Array[];

            /** Schedule expiresAt. */
            expiresAt: number;

            /** Schedule when. */
            when?: (segwall.v1.TimeWindow.$Properties|null);

            /**
             * Encodes the specified Schedule message. Does not implicitly {@link segwall.v1.Schedule.verify|verify} messages.
             * @param message Schedule message or plain object to encode
             * @param [writer] Writer to encode to
             * @returns Writer
             */
            static encode(message: segwall.v1.Schedule.$Properties, writer?: $protobuf.Writer): $protobuf.Writer;

            /**
             * Decodes a Schedule message from the specified reader or buffer.
             * @param reader Reader or buffer to decode from
             * @param [length] Message length if known beforehand
             * @returns {segwall.v1.Schedule & segwall.v1.Schedule.$Shape} Schedule
             * @throws {Error} If the payload is not a reader or valid buffer
             * @throws {$protobuf.util.ProtocolError} If required fields are missing
             */
            static decode(reader: ($protobuf.Reader|Uint8Array), length?: number): segwall.v1.Schedule & segwall.v1.Schedule.$Shape;
        }

        namespace Schedule {

            /** Properties of a Schedule. */
            interface $Properties {

                /** Schedule expiresAt */
                expiresAt?: (number|null);

                /** Schedule when */
                when?: (segwall.v1.TimeWindow.$Properties|null);

                /** Unknown fields preserved while decoding when enabled */
                $unknowns?: Uint8Array[];
            }

            /** Shape of a Schedule. */
            type $Shape = segwall.v1.Schedule.$Properties;
        }

        /**
         * Properties of a TimeWindow.
         * @deprecated Use segwall.v1.TimeWindow.$Properties instead.
         */
        interface ITimeWindow extends segwall.v1.TimeWindow.$Properties {
        }

        /** Represents a TimeWindow. */
        class TimeWindow {

            /**
             * Constructs a new TimeWindow.
             * @param [properties] Properties to set
             */
            constructor(properties?: segwall.v1.TimeWindow.$Properties);

            /** Unknown fields preserved while decoding when enabled */
            $unknowns?: Uint8Array[];

            /** TimeWindow days. */
            days: number;

            /** TimeWindow fromMinute. */
            fromMinute: number;

            /** TimeWindow toMinute. */
            toMinute: number;

            /** TimeWindow zone. */
            zone: string;

            /**
             * Encodes the specified TimeWindow message. Does not implicitly {@link segwall.v1.TimeWindow.verify|verify} messages.
             * @param message TimeWindow message or plain object to encode
             * @param [writer] Writer to encode to
             * @returns Writer
             */
            static encode(message: segwall.v1.TimeWindow.$Properties, writer?: $protobuf.Writer): $protobuf.Writer;

            /**
             * Decodes a TimeWindow message from the specified reader or buffer.
             * @param reader Reader or buffer to decode from
             * @param [length] Message length if known beforehand
             * @returns {segwall.v1.TimeWindow & segwall.v1.TimeWindow.$Shape} TimeWindow
             * @throws {Error} If the payload is not a reader or valid buffer
             * @throws {$protobuf.util.ProtocolError} If required fields are missing
             */
            static decode(reader: ($protobuf.Reader|Uint8Array), length?: number): segwall.v1.TimeWindow & segwall.v1.TimeWindow.$Shape;
        }

        namespace TimeWindow {

            /** Properties of a TimeWindow. */
            interface $Properties {

                /** TimeWindow days */
                days?: (number|null);

                /** TimeWindow fromMinute */
                fromMinute?: (number|null);

                /** TimeWindow toMinute */
                toMinute?: (number|null);

                /** TimeWindow zone */
                zone?: (string|null);

                /** Unknown fields preserved while decoding when enabled */
                $unknowns?: Uint8Array[];
            }

            /** Shape of a TimeWindow. */
            type $Shape = segwall.v1.TimeWindow.$Properties;
        }

        /**
         * Properties of a Peers.
         * @deprecated Use segwall.v1.Peers.$Properties instead.
         */
        interface IPeers extends segwall.v1.Peers.$Properties {
        }

        /** Represents a Peers. */
        class Peers {

            /**
             * Constructs a new Peers.
             * @param [properties] Properties to set
             */
            constructor(properties?: segwall.v1.Peers.$Properties);

            /** Unknown fields preserved while decoding when enabled */
            $unknowns?: Uint8Array[];

            /** Peers kind. */
            kind: segwall.v1.PeersKind;

            /** Peers sets. */
            sets: number[];

            /**
             * Encodes the specified Peers message. Does not implicitly {@link segwall.v1.Peers.verify|verify} messages.
             * @param message Peers message or plain object to encode
             * @param [writer] Writer to encode to
             * @returns Writer
             */
            static encode(message: segwall.v1.Peers.$Properties, writer?: $protobuf.Writer): $protobuf.Writer;

            /**
             * Decodes a Peers message from the specified reader or buffer.
             * @param reader Reader or buffer to decode from
             * @param [length] Message length if known beforehand
             * @returns {segwall.v1.Peers & segwall.v1.Peers.$Shape} Peers
             * @throws {Error} If the payload is not a reader or valid buffer
             * @throws {$protobuf.util.ProtocolError} If required fields are missing
             */
            static decode(reader: ($protobuf.Reader|Uint8Array), length?: number): segwall.v1.Peers & segwall.v1.Peers.$Shape;
        }

        namespace Peers {

            /** Properties of a Peers. */
            interface $Properties {

                /** Peers kind */
                kind?: (segwall.v1.PeersKind|null);

                /** Peers sets */
                sets?: (number[]|null);

                /** Unknown fields preserved while decoding when enabled */
                $unknowns?: Uint8Array[];
            }

            /** Shape of a Peers. */
            type $Shape = segwall.v1.Peers.$Properties;
        }

        /**
         * Properties of a LocalAddresses.
         * @deprecated Use segwall.v1.LocalAddresses.$Properties instead.
         */
        interface ILocalAddresses extends segwall.v1.LocalAddresses.$Properties {
        }

        /** Represents a LocalAddresses. */
        class LocalAddresses {

            /**
             * Constructs a new LocalAddresses.
             * @param [properties] Properties to set
             */
            constructor(properties?: segwall.v1.LocalAddresses.$Properties);

            /** Unknown fields preserved while decoding when enabled */
            $unknowns?: Uint8Array[];

            /** LocalAddresses kind. */
            kind: segwall.v1.LocalKind;

            /** LocalAddresses ranges. */
            ranges?: (segwall.v1.Ranges.$Properties|null);

            /**
             * Encodes the specified LocalAddresses message. Does not implicitly {@link segwall.v1.LocalAddresses.verify|verify} messages.
             * @param message LocalAddresses message or plain object to encode
             * @param [writer] Writer to encode to
             * @returns Writer
             */
            static encode(message: segwall.v1.LocalAddresses.$Properties, writer?: $protobuf.Writer): $protobuf.Writer;

            /**
             * Decodes a LocalAddresses message from the specified reader or buffer.
             * @param reader Reader or buffer to decode from
             * @param [length] Message length if known beforehand
             * @returns {segwall.v1.LocalAddresses & segwall.v1.LocalAddresses.$Shape} LocalAddresses
             * @throws {Error} If the payload is not a reader or valid buffer
             * @throws {$protobuf.util.ProtocolError} If required fields are missing
             */
            static decode(reader: ($protobuf.Reader|Uint8Array), length?: number): segwall.v1.LocalAddresses & segwall.v1.LocalAddresses.$Shape;
        }

        namespace LocalAddresses {

            /** Properties of a LocalAddresses. */
            interface $Properties {

                /** LocalAddresses kind */
                kind?: (segwall.v1.LocalKind|null);

                /** LocalAddresses ranges */
                ranges?: (segwall.v1.Ranges.$Properties|null);

                /** Unknown fields preserved while decoding when enabled */
                $unknowns?: Uint8Array[];
            }

            /** Shape of a LocalAddresses. */
            type $Shape = segwall.v1.LocalAddresses.$Properties;
        }

        /**
         * Properties of a ServiceTerm.
         * @deprecated Use segwall.v1.ServiceTerm.$Properties instead.
         */
        interface IServiceTerm extends segwall.v1.ServiceTerm.$Properties {
        }

        /** Represents a ServiceTerm. */
        class ServiceTerm {

            /**
             * Constructs a new ServiceTerm.
             * @param [properties] Properties to set
             */
            constructor(properties?: segwall.v1.ServiceTerm.$Properties);

            /** Unknown fields preserved while decoding when enabled */
            $unknowns?: Uint8Array[];

            /** ServiceTerm kind. */
            kind: segwall.v1.ServiceKind;

            /** ServiceTerm low. */
            low: number;

            /** ServiceTerm high. */
            high: number;

            /**
             * Encodes the specified ServiceTerm message. Does not implicitly {@link segwall.v1.ServiceTerm.verify|verify} messages.
             * @param message ServiceTerm message or plain object to encode
             * @param [writer] Writer to encode to
             * @returns Writer
             */
            static encode(message: segwall.v1.ServiceTerm.$Properties, writer?: $protobuf.Writer): $protobuf.Writer;

            /**
             * Decodes a ServiceTerm message from the specified reader or buffer.
             * @param reader Reader or buffer to decode from
             * @param [length] Message length if known beforehand
             * @returns {segwall.v1.ServiceTerm & segwall.v1.ServiceTerm.$Shape} ServiceTerm
             * @throws {Error} If the payload is not a reader or valid buffer
             * @throws {$protobuf.util.ProtocolError} If required fields are missing
             */
            static decode(reader: ($protobuf.Reader|Uint8Array), length?: number): segwall.v1.ServiceTerm & segwall.v1.ServiceTerm.$Shape;
        }

        namespace ServiceTerm {

            /** Properties of a ServiceTerm. */
            interface $Properties {

                /** ServiceTerm kind */
                kind?: (segwall.v1.ServiceKind|null);

                /** ServiceTerm low */
                low?: (number|null);

                /** ServiceTerm high */
                high?: (number|null);

                /** Unknown fields preserved while decoding when enabled */
                $unknowns?: Uint8Array[];
            }

            /** Shape of a ServiceTerm. */
            type $Shape = segwall.v1.ServiceTerm.$Properties;
        }

        /** ServiceKind enum. */
        enum ServiceKind {

            /** SERVICE_KIND_UNSPECIFIED value */
            SERVICE_KIND_UNSPECIFIED = 0,

            /** SERVICE_ANY value */
            SERVICE_ANY = 1,

            /** SERVICE_TCP value */
            SERVICE_TCP = 2,

            /** SERVICE_UDP value */
            SERVICE_UDP = 3,

            /** SERVICE_SCTP value */
            SERVICE_SCTP = 4,

            /** SERVICE_ICMP value */
            SERVICE_ICMP = 5,

            /** SERVICE_ICMP_TYPE value */
            SERVICE_ICMP_TYPE = 6,

            /** SERVICE_ICMPV6 value */
            SERVICE_ICMPV6 = 7,

            /** SERVICE_ICMPV6_TYPE value */
            SERVICE_ICMPV6_TYPE = 8,

            /** SERVICE_PROTOCOL value */
            SERVICE_PROTOCOL = 9
        }

        /** WorkloadKind enum. */
        enum WorkloadKind {

            /** WORKLOAD_KIND_UNSPECIFIED value */
            WORKLOAD_KIND_UNSPECIFIED = 0,

            /** WORKLOAD_HOST value */
            WORKLOAD_HOST = 1,

            /** WORKLOAD_UNIT value */
            WORKLOAD_UNIT = 2,

            /** WORKLOAD_CONTAINER value */
            WORKLOAD_CONTAINER = 3
        }

        /** EnforcementMode enum. */
        enum EnforcementMode {

            /** ENFORCEMENT_MODE_UNSPECIFIED value */
            ENFORCEMENT_MODE_UNSPECIFIED = 0,

            /** MODE_OFF value */
            MODE_OFF = 1,

            /** MODE_OBSERVE value */
            MODE_OBSERVE = 2,

            /** MODE_SELECTIVE value */
            MODE_SELECTIVE = 3,

            /** MODE_ENFORCE value */
            MODE_ENFORCE = 4
        }

        /** GuardrailMode enum. */
        enum GuardrailMode {

            /** GUARDRAIL_MODE_UNSPECIFIED value */
            GUARDRAIL_MODE_UNSPECIFIED = 0,

            /** GUARDRAIL_OBSERVE value */
            GUARDRAIL_OBSERVE = 1,

            /** GUARDRAIL_ENFORCE value */
            GUARDRAIL_ENFORCE = 2
        }

        /** DenyAction enum. */
        enum DenyAction {

            /** DENY_ACTION_UNSPECIFIED value */
            DENY_ACTION_UNSPECIFIED = 0,

            /** DENY_DROP value */
            DENY_DROP = 1,

            /** DENY_REJECT value */
            DENY_REJECT = 2
        }

        /** PeersKind enum. */
        enum PeersKind {

            /** PEERS_KIND_UNSPECIFIED value */
            PEERS_KIND_UNSPECIFIED = 0,

            /** PEERS_ANY value */
            PEERS_ANY = 1,

            /** PEERS_SETS value */
            PEERS_SETS = 2
        }

        /** LocalKind enum. */
        enum LocalKind {

            /** LOCAL_KIND_UNSPECIFIED value */
            LOCAL_KIND_UNSPECIFIED = 0,

            /** LOCAL_ANY value */
            LOCAL_ANY = 1,

            /** LOCAL_RANGES value */
            LOCAL_RANGES = 2
        }
    }
}
