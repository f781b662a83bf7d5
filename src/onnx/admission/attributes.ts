import { MAX_NAME_BYTES } from './limits.js';
import { ATTRIBUTE } from './messages.js';
import { invalid, quote } from './refusal.js';
import type { Surroundings } from './surroundings.js';
import { type ScannedTensor, scanSparseTensor, scanTensor } from './tensors.js';
import { scanType } from './types.js';
import { walk } from './walk.js';
import type { Cursor } from './wire.js';

interface Owner {
  readonly name: string;
  readonly op_type: string;
}

/** Checks the attributes of one node, or the defaults of a local function, and everything inside them; their names must differ. */
export function scanAttributes(attributes: readonly Cursor[], owner: Owner, around: Surroundings): void {
  const { name, op_type } = owner;
  const where = `Node ${quote(name)} (${quote(op_type)})`;
  const names = new Set<string>();
  for (const attribute of attributes) {
    const found = scanAttribute(attribute, owner, `${where}, an attribute`, around);
    if (names.has(found))
      throw invalid(`${where} has the attribute ${quote(found)} twice.`, { node: { name, op_type } });
    names.add(found);
  }
}

function scanAttribute(cursor: Cursor, owner: Owner, where: string, around: Surroundings): string {
  const { body, state, scanSubgraph } = around;
  let name = '';
  const constant = ({ elements, bytes }: ScannedTensor) => {
    if (!body.reported || owner.op_type !== 'Constant') return;
    state.parameters += elements;
    state.weightBytes += bytes;
  };
  const tensor = (payload: Cursor) => constant(scanTensor(payload, where, state));
  const sparse = (payload: Cursor) => constant(scanSparseTensor(payload, where, state));
  const type = (payload: Cursor) => void scanType(payload, where);
  walk(cursor, ATTRIBUTE, {
    bytes: {
      name: (payload) => {
        name = payload.text(MAX_NAME_BYTES);
      },
      t: tensor,
      tensors: tensor,
      g: scanSubgraph,
      graphs: scanSubgraph,
      sparse_tensor: sparse,
      sparse_tensors: sparse,
      tp: type,
      type_protos: type,
    },
  });
  return name;
}
