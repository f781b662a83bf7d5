import { ServiceError } from '../../platform/errors.js';
import { canonicalDomain } from '../ir/domain.js';
import { MAX_NAME_BYTES, MAX_OPSET_IMPORTS, NEWEST_OPSET, OLDEST_OPSET } from './limits.js';
import { OPSET } from './messages.js';
import { invalid, limitExceeded, quote } from './refusal.js';
import { walk } from './walk.js';
import type { Cursor } from './wire.js';

/** Operator set versions by domain; the standard domain's must be one that ONNX Runtime 1.30 guarantees. */
export function readOpsets(payloads: readonly Cursor[]): Map<string, number> {
  if (payloads.length > MAX_OPSET_IMPORTS)
    throw limitExceeded('The model', 'operator set imports', payloads.length, MAX_OPSET_IMPORTS);
  const opsets = new Map<string, number>();
  for (const payload of payloads) {
    let domain = '';
    let version = 0n;
    walk(payload, OPSET, {
      ints: {
        version: (value) => {
          version = value;
        },
      },
      bytes: {
        domain: (inner) => {
          domain = canonicalDomain(inner.text(MAX_NAME_BYTES));
        },
      },
    });
    if (opsets.has(domain)) throw invalid(`The operator set domain ${quote(domain)} is imported twice.`);
    const newest = domain === '' ? NEWEST_OPSET : Number.MAX_SAFE_INTEGER;
    if (version < (domain === '' ? OLDEST_OPSET : 0) || version > newest)
      throw new ServiceError(
        'unsupported_opset',
        `The model declares version ${version} of the operator set ${quote(domain || 'ai.onnx')}; supported are ${OLDEST_OPSET} to ${NEWEST_OPSET}.`,
        { hint: `Export the model with an operator set version from ${OLDEST_OPSET} to ${NEWEST_OPSET}.` },
      );
    opsets.set(domain, Number(version));
  }
  return opsets;
}
