// The bounds of the client: virtual time ends, whatever the server does.

export const clientLimits = {
  /** Logical time that one conversation may take: longer than any delay that the site has. */
  conversationUs: 600_000_000,
  /** Rounds of the link in it; each brings something or lets a timer pass. */
  rounds: 5_000_000,
  /** Real milliseconds that an application may be silent for in one conversation; then its timers run on in logical time. */
  outsideMs: 30_000,
  /** Content kept of one request of the capture, and of all of them together; a request with more is not asked. */
  requestContentBytes: 67_108_864,
  contentBytesInAll: 268_435_456,
  /** Content of a response that is kept for its hash is none; of a header section this much. */
  sectionBytes: 1_048_576,
  /** A handshake message of the server. */
  handshakeBytes: 262_144,
  /** HTTP/2: a frame that the server may send (SETTINGS_MAX_FRAME_SIZE is left as it is) and a field block. */
  frameBytes: 16_384,
  fieldBlockBytes: 262_144,
} as const;

/** Why a conversation ended before its last answer: which layer saw it, and the rule. */
export class ClientError extends Error {
  override readonly name = 'ClientError';
  readonly layer: 'TCP' | 'TLS' | 'H2' | 'HTTP';
  readonly rule: string | undefined;

  constructor(layer: ClientError['layer'], what: string, rule?: string) {
    super(what);
    this.layer = layer;
    this.rule = rule;
  }
}
