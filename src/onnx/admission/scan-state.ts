import { canonicalDomain } from '../ir/domain.js';
import {
  MAX_ALL_NAME_BYTES,
  MAX_INITIALIZERS,
  MAX_MODEL_BYTES,
  MAX_NAME_BYTES,
  MAX_NODES,
  MAX_VALUE_INFOS,
} from './limits.js';
import { limitExceeded } from './refusal.js';
import type { Cursor } from './wire.js';

const LIMITS = {
  nodes: MAX_NODES,
  initializers: MAX_INITIALIZERS,
  value_infos: MAX_VALUE_INFOS,
  bytes_of_names: MAX_ALL_NAME_BYTES,
  dense_bytes_of_sparse_tensors: MAX_MODEL_BYTES,
} as const;

/** What one scan has counted so far, over the graph, its subgraphs and its functions. */
export class ScanState {
  readonly #counts = { nodes: 0, initializers: 0, value_infos: 0, bytes_of_names: 0, dense_bytes_of_sparse_tensors: 0 };
  readonly operators = new Map<string, number>();
  /** Nodes of the graph and its subgraphs, without function bodies. */
  nodes = 0;
  parameters = 0;
  weightBytes = 0;
  /** External data locations that tensors name, in the order of their first use, and those of them that were not uploaded. */
  readonly locations = new Set<string>();
  readonly missing = new Set<string>();

  /** `external`: bytes of each uploaded external data file by location. `functions`: keys of the model's local functions. */
  constructor(
    readonly external: ReadonlyMap<string, number>,
    readonly functions: ReadonlySet<string>,
  ) {}

  count(what: keyof typeof LIMITS, amount = 1): void {
    this.#counts[what] += amount;
    if (this.#counts[what] > LIMITS[what])
      throw limitExceeded('The model', what.replaceAll('_', ' '), this.#counts[what], LIMITS[what]);
  }

  /** An identifier, counted towards the names that the scan has to remember. */
  name(payload: Cursor): string {
    this.count('bytes_of_names', payload.length);
    return payload.text(MAX_NAME_BYTES);
  }
}

/** What identifies a local function; no part can hold the separator unnoticed, because names with NUL are refused. */
export const functionKey = (domain: string, name: string, overload: string): string =>
  [canonicalDomain(domain), name, overload].join('\0');
