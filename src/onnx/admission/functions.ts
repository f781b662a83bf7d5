import { ServiceError } from '../../platform/errors.js';
import { scanAttributes } from './attributes.js';
import { scanGraph } from './graph.js';
import { MAX_FUNCTION_CALL_DEPTH, MAX_FUNCTIONS, MAX_NAME_BYTES, MAX_NODES } from './limits.js';
import { FUNCTION } from './messages.js';
import { scanNode } from './nodes.js';
import { readOpsets } from './opsets.js';
import { invalid, limitExceeded, quote } from './refusal.js';
import { functionKey, type ScanState } from './scan-state.js';
import { Scope } from './scope.js';
import type { Body } from './surroundings.js';
import { scanValueInfo } from './types.js';
import { walk } from './walk.js';
import { Cursor } from './wire.js';

/** The model's local functions by key; their bodies are not looked at yet. */
export function indexFunctions(payloads: readonly Cursor[]): Map<string, Cursor> {
  if (payloads.length > MAX_FUNCTIONS)
    throw limitExceeded('The model', 'local functions', payloads.length, MAX_FUNCTIONS);
  const found = new Map<string, Cursor>();
  for (const payload of payloads) {
    const text = { name: '', domain: '', overload: '' };
    const set = (field: keyof typeof text) => (inner: Cursor) => {
      text[field] = inner.text(MAX_NAME_BYTES);
    };
    const body = new Cursor(payload.window, payload.position, payload.end, payload.depth);
    walk(payload, FUNCTION, {
      partial: true,
      bytes: { name: set('name'), domain: set('domain'), overload: set('overload') },
    });
    const key = functionKey(text.domain, text.name, text.overload);
    if (found.has(key)) throw invalid(`Two local functions are called ${quote(text.name)}.`);
    found.set(key, body);
  }
  return found;
}

/** Checks the body of a function as a graph of its own and answers what it calls. */
export function scanFunction(cursor: Cursor, state: ScanState): Body {
  const scope = new Scope(null);
  const outputs: string[] = [];
  const opsets: Cursor[] = [];
  const defaults: Cursor[] = [];
  const nodes = new Cursor(cursor.window, cursor.position, cursor.end, cursor.depth);
  walk(cursor, FUNCTION, {
    bytes: {
      input: (payload) => {
        const name = state.name(payload);
        if (!scope.add(name)) throw invalid(`A local function has two inputs called ${quote(name)}.`);
      },
      output: (payload) => outputs.push(state.name(payload)),
      opset_import: (payload) => opsets.push(payload),
      attribute_proto: (payload) => defaults.push(payload),
      value_info: (payload) => void scanValueInfo(payload, state),
      node: () => {}, // in the second walk
    },
  });
  const body: Body = { opsets: readOpsets(opsets), calls: new Map(), nodes: 0, reported: false };
  const scanSubgraph = (payload: Cursor) => void scanGraph(payload, body, scope, 1, state);
  const around = { body, scope, state, scanSubgraph };
  scanAttributes(defaults, { name: '', op_type: 'local function' }, around);
  walk(nodes, FUNCTION, { partial: true, bytes: { node: (payload) => scanNode(payload, around) } });
  for (const name of outputs)
    if (!scope.has(name)) throw invalid(`The output ${quote(name)} of a local function is made by no node.`);
  return body;
}

interface Expansion {
  /** Calls inside calls, this one included. */
  readonly depth: number;
  /** Nodes after inlining. */
  readonly nodes: number;
}

/**
 * Refuses calls in a circle and calls deeper than MAX_FUNCTION_CALL_DEPTH (CWE-674: ONNX Runtime follows them on its stack), and functions
 * that multiply into more than MAX_NODES nodes when they are inlined (CWE-776).
 */
export function checkCalls(main: Body, functions: ReadonlyMap<string, Body>): void {
  const known = new Map<string, Expansion>();
  const open = new Set<string>();
  const tooDeep = (name: string, why: string) =>
    new ServiceError('recursive_function', `The local function ${quote(name)} ${why}.`, {
      hint: 'Inline the functions before uploading (onnx.inliner.inline_local_functions).',
    });
  const expand = (body: Body): Expansion => {
    let depth = 0;
    let nodes = body.nodes;
    for (const [key, times] of body.calls) {
      const callee = call(key);
      depth = Math.max(depth, callee.depth);
      nodes += times * callee.nodes;
    }
    if (nodes > MAX_NODES) throw limitExceeded('The model with its functions inlined', 'nodes', nodes, MAX_NODES);
    return { depth: depth + 1, nodes };
  };
  const call = (key: string): Expansion => {
    const done = known.get(key);
    if (done) return done;
    const name = key.split('\0')[1] ?? '';
    const body = functions.get(key);
    if (!body) return { depth: 0, nodes: 0 };
    if (open.has(key)) throw tooDeep(name, 'calls itself, directly or through others');
    if (open.size >= MAX_FUNCTION_CALL_DEPTH)
      throw tooDeep(name, `is called more than ${MAX_FUNCTION_CALL_DEPTH} calls deep`);
    open.add(key);
    const expansion = expand(body);
    open.delete(key);
    if (expansion.depth > MAX_FUNCTION_CALL_DEPTH)
      throw tooDeep(name, `calls ${expansion.depth} deep; the limit is ${MAX_FUNCTION_CALL_DEPTH}`);
    known.set(key, expansion);
    return expansion;
  };
  for (const key of functions.keys()) call(key);
  expand(main);
}
