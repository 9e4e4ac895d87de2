// Which rules of the alert table are brought about in another test file than alerts.test.ts, which checks that they are
// mentioned there.

import type { Verdict } from '../../../src/core/tls/alerts.js';

/** Verdicts that another test file brings about, which then mentions them by name. */
export const elsewhere = {
  sequenceEnd: 'record-rules-12.test.ts',
  alertLength: 'record-rules-13.test.ts',
  recordSizeLimit: 'record-sizes.test.ts',
  onlyPadding: 'record-rules-13.test.ts',
  unprotectedRecord: 'record-rules-13.test.ts',
  interleavedRecord: 'record-rules-13.test.ts',
  messageAcrossKeys: 'record-rules-13.test.ts',
  tooMuchEarlyData: 'record-rules-13.test.ts',
  tooManyChangeCipherSpecs: 'record-rules-13.test.ts',
  inappropriateFallback: 'client-hello.test.ts',
  versionNotServed: 'client-hello.test.ts',
  badCertificate: 'client-certificate13.test.ts',
  unsupportedCertificate: 'client-certificate13.test.ts',
  certificateRevoked: 'client-certificate13.test.ts',
  certificateExpired: 'client-certificate13.test.ts',
  certificateUnknown: 'client-certificate13.test.ts',
  unknownCa: 'client-certificate13.test.ts',
  certificateVerify: 'client-auth12.test.ts',
  clientCertificateMissing: 'client-auth12.test.ts',
  maxFragmentLengthValue: 'negotiate.test.ts',
  recordSizeLimitValue: 'negotiate.test.ts',
  sessionWithoutExtendedMasterSecret: 'resumption12.test.ts',
  sessionWithoutSuite: 'resumption12.test.ts',
  signatureNotOffered: 'client-auth12.test.ts',
  unrecognizedName: 'negotiate13.test.ts',
} as const satisfies Partial<Record<Verdict, string>>;
