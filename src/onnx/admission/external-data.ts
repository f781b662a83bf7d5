import { ServiceError } from '../../platform/errors.js';
import { MAX_METADATA_ENTRIES, MAX_NAME_BYTES } from './limits.js';
import { PAIR } from './messages.js';
import { invalid, limitExceeded, quote } from './refusal.js';
import type { ScanState } from './scan-state.js';
import { walk } from './walk.js';
import type { Cursor } from './wire.js';

/** CVE-2026-34445: readers that copied any key into an object could be made to overwrite their own fields. */
const KEYS: ReadonlySet<string> = new Set(['location', 'offset', 'length', 'checksum']);
const WHOLE_NUMBER = /^(0|[1-9][0-9]{0,15})$/;

const unsafe = (where: string, why: string): ServiceError =>
  new ServiceError('unsafe_external_data', `${where}: ${why}.`, {
    hint: 'External data must be plain relative file names that are uploaded beside the model.',
  });

/**
 * A location is only a key into the uploaded files, never a path; these forms are refused all the same, because they can only be
 * attacks or mistakes (CWE-22, CVE-2022-25882, CVE-2024-27318). `*` and `:` stand in drives, URLs and ONNX Runtime's markers for addresses in memory.
 */
function checkLocation(where: string, location: string): void {
  const segments = location.split('/');
  const printable = !/[\p{Cc}\p{Cf}]/u.test(location);
  if (location === '' || !printable || /[\\*:]/.test(location) || location.includes('_ORT_MEM_ADDR_'))
    throw unsafe(where, `the external data location ${quote(location)} is not a plain file name`);
  if (location.startsWith('/')) throw unsafe(where, `the external data location ${quote(location)} is absolute`);
  if (segments.some((segment) => segment === '' || segment === '.' || segment === '..'))
    throw unsafe(where, `the external data location ${quote(location)} leaves its folder`);
}

/**
 * Checks where a tensor's external data lies: known keys, a harmless location, and a range inside the uploaded file that holds exactly
 * `bytes`. A location that was not uploaded is noted in `state.missing`.
 */
export function scanExternalData(entries: readonly Cursor[], bytes: number, where: string, state: ScanState): void {
  if (entries.length > MAX_METADATA_ENTRIES)
    throw limitExceeded(where, 'external data entries', entries.length, MAX_METADATA_ENTRIES);
  const values = new Map<string, string>();
  for (const entry of entries) {
    let key = '';
    let value = '';
    walk(entry, PAIR, {
      bytes: {
        key: (payload) => {
          key = payload.text(MAX_NAME_BYTES);
        },
        value: (payload) => {
          value = payload.text(MAX_NAME_BYTES);
        },
      },
    });
    if (!KEYS.has(key)) throw unsafe(where, `external data has the unknown key ${quote(key)}`);
    if (values.has(key)) throw unsafe(where, `external data names its ${key} twice`);
    values.set(key, value);
  }
  const location = values.get('location') ?? '';
  checkLocation(where, location);
  const offset = range(where, 'offset', values.get('offset') ?? '0');
  const stated = values.get('length');
  state.locations.add(location);
  const size = state.external.get(location);
  if (size === undefined) state.missing.add(location);
  // Without a length the data reaches to the end of its file (ONNX, External Data).
  const length = stated === undefined ? Math.max((size ?? offset + bytes) - offset, 0) : range(where, 'length', stated);
  if (length !== bytes)
    throw invalid(`${where}: its type and shape need ${bytes} bytes, its external data has ${length}.`);
  if (size !== undefined && offset + length > size)
    throw unsafe(where, `bytes ${offset} to ${offset + length} lie outside ${quote(location)}, which has ${size}`);
}

function range(where: string, key: string, text: string): number {
  const value = Number(text);
  if (!WHOLE_NUMBER.test(text) || !Number.isSafeInteger(value))
    throw unsafe(where, `the external data ${key} ${quote(text)} is not a whole number from 0 to 2^53-1`);
  return value;
}
