import type { ScanState } from './scan-state.js';
import type { Scope } from './scope.js';
import type { Cursor } from './wire.js';

/** A graph with its subgraphs, or a function body: the versions that its operators have, and what it calls. */
export interface Body {
  readonly opsets: ReadonlyMap<string, number>;
  /** How often each local function is called, by key. */
  readonly calls: Map<string, number>;
  nodes: number;
  /** Whether its nodes and constants are part of the answer; those of function bodies are not. */
  readonly reported: boolean;
}

/** What a node stands in. */
export interface Surroundings {
  readonly body: Body;
  readonly scope: Scope;
  readonly state: ScanState;
  /** Scans a graph that an attribute of the node holds. */
  readonly scanSubgraph: (payload: Cursor) => void;
}
