// A client's certificate in TLS 1.3: its Certificate and CertificateVerify, as the CertificateRequest asked for them. RFC 8446
// §4.4.2, §4.4.2.4, §4.4.3. Whether the chain is good is for the verifier of the config; X.509 is not our concern.

import type { SignatureName } from '../crypto.js';
import { limits } from '../limits.js';
import type { Micros } from '../types.js';
import type { Verdict } from './alerts.js';
import type { CertificateFailure, ClientAuthentication, VerifiedClient } from './config.js';
import { type Extension, ExtensionType, extensionCode, SignatureScheme } from './extensions.js';
import type { HandshakeContext } from './handshake-context.js';
import type { Certificate13, CertificateVerify13 } from './messages13.js';
import { CLIENT_SIGNATURES } from './negotiate13.js';
import { certificateVerifyContent } from './schedule13.js';

export const CERTIFICATE_VERDICTS: Readonly<Record<CertificateFailure, Verdict>> = {
  bad_certificate: 'badCertificate',
  unsupported_certificate: 'unsupportedCertificate',
  certificate_revoked: 'certificateRevoked',
  certificate_expired: 'certificateExpired',
  certificate_unknown: 'certificateUnknown',
  unknown_ca: 'unknownCa',
};

/** RFC 6962 §3.3.1; with status_request, all that the table of §4.2 has for a Certificate. */
const SIGNED_CERTIFICATE_TIMESTAMP = 18;
const KNOWN_EXTENSIONS: ReadonlySet<number> = new Set(Object.values(ExtensionType));

export class ClientCertificate13 {
  readonly #context: HandshakeContext;
  readonly #authentication: ClientAuthentication;
  #client: VerifiedClient | undefined;

  constructor(context: HandshakeContext, authentication: ClientAuthentication) {
    this.#context = context;
    this.#authentication = authentication;
  }

  /** No certificate was sent. */
  get isEmpty(): boolean {
    return this.#client === undefined;
  }

  /** Of the client's certificate, once it was sent. */
  get subject(): string | undefined {
    return this.#client?.subject;
  }

  /** When it is not valid any more, as far as that is known. */
  get expiresMs(): number | undefined {
    return this.#client?.expiresMs;
  }

  /** False when it ended the connection. */
  receiveCertificate(nowUs: Micros, message: Certificate13): boolean {
    const verdict = this.#checkCertificate(nowUs, message);
    if (verdict !== undefined) this.#context.fail(nowUs, verdict);
    return verdict === undefined;
  }

  /** The same; `transcriptHash` goes up to and with the Certificate. */
  receiveVerify(nowUs: Micros, message: CertificateVerify13, transcriptHash: Uint8Array): boolean {
    const verdict = this.#checkVerify(message, transcriptHash);
    if (verdict !== undefined) this.#context.fail(nowUs, verdict);
    return verdict === undefined;
  }

  #checkCertificate(nowUs: Micros, { context, entries }: Certificate13): Verdict | undefined {
    // §4.3.2: ours is empty outside of post-handshake authentication.
    if (context.length > 0) return 'certificateContext';
    for (const { extensions } of entries) {
      const verdict = checkExtensions(extensions);
      if (verdict !== undefined) return verdict;
    }
    // §4.4.2.4: it is for us to say whether we go on without one.
    if (entries.length === 0) return this.#authentication.required ? 'certificateRequired' : undefined;
    const chain = entries.map(({ certData }) => certData);
    const result = this.#authentication.verifier.verify(chain, this.#context.unixMs(nowUs));
    if ('failure' in result) return CERTIFICATE_VERDICTS[result.failure];
    const subject = result.subject.slice(0, limits.tls.subjectCharacters);
    this.#client = { ...result, subject };
    return undefined;
  }

  #checkVerify({ algorithm, signature }: CertificateVerify13, transcriptHash: Uint8Array): Verdict | undefined {
    // §4.4.3: one of those that were asked for; it has to go with the key, which `verify` looks at.
    const name = CLIENT_SIGNATURES.find((one: SignatureName) => SignatureScheme[one] === algorithm);
    if (name === undefined) return 'signatureNotRequested';
    const content = certificateVerifyContent('client', transcriptHash);
    const isGood = this.#context.config.crypto.verify(this.#client!.key, name, content, signature);
    return isGood ? undefined : 'certificateVerify13';
  }
}

/** §4.2: what is not for a Certificate is one thing, what was not asked for another; we ask for nothing. */
function checkExtensions(extensions: readonly Extension[]): Verdict | undefined {
  for (const extension of extensions) {
    const code = extensionCode(extension);
    const belongs = code === ExtensionType.status_request || code === SIGNED_CERTIFICATE_TIMESTAMP;
    if (!belongs && KNOWN_EXTENSIONS.has(code)) return 'misplacedExtension';
  }
  return extensions.length > 0 ? 'unsolicitedExtension' : undefined;
}
