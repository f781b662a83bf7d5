import { ServiceError } from '../../platform/errors.js';
import { canonicalDomain } from '../ir/domain.js';
import { scanAttributes } from './attributes.js';
import { MAX_NAME_BYTES, MAX_NODE_VALUES } from './limits.js';
import { NODE } from './messages.js';
import { KNOWN_DOMAINS, operatorProblem } from './operators.js';
import { invalid, limitExceeded, quote } from './refusal.js';
import { functionKey, type ScanState } from './scan-state.js';
import type { Body, Surroundings } from './surroundings.js';
import { walk } from './walk.js';
import type { Cursor } from './wire.js';

interface Header {
  readonly name: string;
  readonly op_type: string;
  readonly domain: string;
  readonly overload: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes: readonly Cursor[];
}

/** Checks one node and all that hangs on it, and adds its outputs to the scope. */
export function scanNode(cursor: Cursor, around: Surroundings): void {
  const { body, scope, state } = around;
  state.count('nodes');
  body.nodes++;
  const node = readHeader(cursor, state);
  const { name, op_type } = node;
  const refused = { node: { name, op_type } };
  const where = `Node ${quote(name)} (${quote(op_type)})`;
  checkOperator(node, where, body, state);
  for (const input of node.inputs)
    if (input !== '' && !scope.has(input))
      throw invalid(`${where} reads ${quote(input)}, which nothing before it makes.`, {
        ...refused,
        hint: 'Every input must be a graph input, an initializer, or an output of an earlier node: nodes stand in topological order.',
      });
  scanAttributes(node.attributes, node, around);
  if (node.outputs.length === 0) throw invalid(`${where} has no outputs.`, refused);
  for (const output of node.outputs)
    if (output !== '' && !scope.add(output))
      throw invalid(`${where} makes ${quote(output)}, which exists already in its graph.`, refused);
}

function readHeader(cursor: Cursor, state: ScanState): Header {
  const text = { name: '', op_type: '', domain: '', overload: '' };
  const inputs: string[] = [];
  const outputs: string[] = [];
  const attributes: Cursor[] = [];
  const set = (field: keyof typeof text) => (payload: Cursor) => {
    text[field] = payload.text(MAX_NAME_BYTES);
  };
  const bounded = <Item>(list: Item[], item: Item) => {
    list.push(item);
    if (list.length > MAX_NODE_VALUES)
      throw limitExceeded(`Node ${quote(text.name)}`, 'inputs, outputs or attributes', list.length, MAX_NODE_VALUES);
  };
  walk(cursor, NODE, {
    bytes: {
      name: set('name'),
      op_type: set('op_type'),
      domain: set('domain'),
      overload: set('overload'),
      input: (payload) => bounded(inputs, state.name(payload)),
      output: (payload) => bounded(outputs, state.name(payload)),
      attribute: (payload) => bounded(attributes, payload),
    },
  });
  return { ...text, domain: canonicalDomain(text.domain), inputs, outputs, attributes };
}

function checkOperator(node: Header, where: string, body: Body, state: ScanState): void {
  const { name, op_type, domain, overload } = node;
  if (body.reported) {
    const label = domain === '' ? op_type : `${domain}::${op_type}`;
    state.operators.set(label, (state.operators.get(label) ?? 0) + 1);
  }
  const version = body.opsets.get(domain);
  const key = functionKey(domain, op_type, overload);
  const local = state.functions.has(key);
  if (!local && !KNOWN_DOMAINS.has(domain))
    throw new ServiceError(
      'unsupported_domain',
      `${where} belongs to the operator domain ${quote(domain)}, which is neither known nor defined by the model's own functions.`,
      { node: { name, op_type }, hint: 'Allowed: the standard ONNX operators and those of com.microsoft on the CPU.' },
    );
  if (version === undefined)
    throw invalid(`${where} belongs to the domain ${quote(domain)}, of which the model imports no version.`, {
      node: { name, op_type },
    });
  if (local) {
    body.calls.set(key, (body.calls.get(key) ?? 0) + 1);
    return;
  }
  const problem = operatorProblem(domain, op_type, version);
  if (problem !== null)
    throw new ServiceError('unknown_operator', `${where}: ${problem}.`, {
      node: { name, op_type },
      hint: 'Export the model with standard operators of its declared operator set version.',
    });
}
