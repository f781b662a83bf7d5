import type { ValueSignature } from '../../contracts/signature.js';
import { MAX_SUBGRAPH_NESTING } from './limits.js';
import { GRAPH } from './messages.js';
import { scanNode } from './nodes.js';
import { invalid, limitExceeded, quote } from './refusal.js';
import type { ScanState } from './scan-state.js';
import { Scope } from './scope.js';
import type { Body } from './surroundings.js';
import { type ScannedTensor, scanSparseTensor, scanTensor } from './tensors.js';
import { scanValueInfo } from './types.js';
import { walk } from './walk.js';
import { Cursor } from './wire.js';

export interface ScannedGraph {
  /** What a caller feeds: graph inputs that are not initializers. */
  readonly inputs: readonly ValueSignature[];
  readonly outputs: readonly ValueSignature[];
}

/**
 * Checks a graph in two walks: first what it is given (inputs, initializers), wherever that stands in the file, then its nodes in
 * order, so that a name is known exactly when it may be read and no node has to be remembered.
 */
export function scanGraph(
  cursor: Cursor,
  body: Body,
  outer: Scope | null,
  nesting: number,
  state: ScanState,
): ScannedGraph {
  if (nesting > MAX_SUBGRAPH_NESTING)
    throw limitExceeded('The model', 'a subgraph nesting of', nesting, MAX_SUBGRAPH_NESTING);
  const nodes = new Cursor(cursor.window, cursor.position, cursor.end, cursor.depth);
  const scope = new Scope(outer);
  const initializers = new Set<string>();
  const inputs: ValueSignature[] = [];
  const outputs: ValueSignature[] = [];
  const constant = ({ name, elements, bytes }: ScannedTensor) => {
    state.count('initializers');
    state.count('bytes_of_names', name.length);
    if (name === '') throw invalid('An initializer has no name.');
    if (initializers.has(name)) throw invalid(`Two initializers have the name ${quote(name)}.`);
    initializers.add(name);
    if (!body.reported) return;
    state.parameters += elements;
    state.weightBytes += bytes;
  };
  walk(cursor, GRAPH, {
    bytes: {
      initializer: (payload) => constant(scanTensor(payload, 'Initializer', state)),
      sparse_initializer: (payload) => constant(scanSparseTensor(payload, 'Sparse initializer', state)),
      node: () => {}, // in the second walk
      input: (payload) => inputs.push(scanValueInfo(payload, state)),
      output: (payload) => outputs.push(scanValueInfo(payload, state)),
      value_info: (payload) => void scanValueInfo(payload, state),
    },
  });
  for (const { name } of inputs) {
    if (name === '') throw invalid('A graph input has no name.');
    if (!scope.add(name)) throw invalid(`Two graph inputs have the name ${quote(name)}.`);
  }
  for (const name of initializers) scope.add(name);
  const scanSubgraph = (payload: Cursor) => void scanGraph(payload, body, scope, nesting + 1, state);
  walk(nodes, GRAPH, {
    partial: true,
    bytes: { node: (payload) => scanNode(payload, { body, scope, state, scanSubgraph }) },
  });
  for (const { name } of outputs)
    if (!scope.has(name)) throw invalid(`The graph output ${quote(name)} is made by no node.`);
  return { inputs: inputs.filter(({ name }) => !initializers.has(name)), outputs };
}
