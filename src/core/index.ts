// The public API of the core: what `import 'wirebench'` gives. A join, for it names modules of every layer; it adds
// nothing of its own. The primitives that `Crypto` asks for come from outside (`wirebench/node-crypto`).

export { ParseError } from './bytes/reader.js';
export type {
  Aead,
  AeadName,
  Cbc,
  CbcName,
  Crypto,
  GroupName,
  Hash,
  HashName,
  KeyExchange,
  SignatureName,
  SigningKey,
  VerifyingKey,
} from './crypto.js';
export { bytesBody } from './http/body.js';
export {
  type Answer,
  type BodySource,
  type ConnectionInfo,
  type DeferralEnd,
  type Deferred,
  EMPTY_BODY,
  type Field,
  fieldValue,
  type Handler,
  type HttpVersion,
  type Request,
  type Response,
  type ResponseAnswer,
  requestToken,
  type SyncHandler,
} from './http/message.js';
export { createSite } from './http/site.js';
export { limits } from './limits.js';
export { createRandomSource, type RandomSource, SEED_BYTES } from './random.js';
export { createSession, DEFAULT_ALPN, type SessionOptions } from './session.js';
export { createStack, type StackConfig, type StackDeps } from './stack.js';
export { type StreamInput, type StreamOutput, Streams, type StreamsConfig } from './streams.js';
export type { TcpConfig } from './tcp/config.js';
export type {
  CertificateFailure,
  ClientAuthentication,
  ClientCertificateVerifier,
  TlsConfig,
  TlsCredential,
} from './tls/config.js';
export { SessionCache } from './tls/session-cache.js';
export type {
  Direction,
  Http1Event,
  Http2Event,
  HttpEvent,
  IcmpEvent,
  IpEvent,
  Layer,
  Severity,
  TcpEvent,
  TcpState,
  TlsEvent,
  TlsFieldValue,
  Trace,
  TraceEvent,
} from './trace.js';
export type { Micros, Session, SessionFactory, SessionState, Stack, TransportInfo } from './types.js';
