import { type ErrorContext, ServiceError } from '../platform/errors.js';

type NodeName = NonNullable<ErrorContext['node']>;

/**
 * Where ONNX Runtime names a node, in the order in which the patterns are tried. They only pick the node out: no other word of its
 * messages goes on, because they hold paths of the server, source lines and whatever a hostile model was named.
 */
const NODE_PATTERNS: readonly { readonly pattern: RegExp; readonly name: number | null; readonly opType: number }[] = [
  { pattern: /while running (\S+) node\. Name:'([^']*)'/, name: 2, opType: 1 },
  { pattern: /Node \(([^)]*)\) Op \(([^)]*)\)/, name: 1, opType: 2 },
  { pattern: /In Node, \("([^"]*)", ([^,]+),/, name: 1, opType: 2 },
  { pattern: /implementation for (\S+)\(\d+\) node with name '([^']*)'/, name: 2, opType: 1 },
  { pattern: /of Optype \(([^)]*)\).* in node \(([^)]*)\)/, name: 2, opType: 1 },
  { pattern: /Fatal error: (?:\S*:)?([^\s:]+)\(-?\d+\) is not a registered/, name: null, opType: 1 },
];

/** What is recognised in a message, as a sentence of ours. */
const CAUSES: readonly { readonly pattern: RegExp; readonly sentence: string }[] = [
  { pattern: /Could not find an implementation|NOT_IMPLEMENTED/, sentence: 'The CPU has no kernel for it.' },
  { pattern: /not a registered function|No Op registered/, sentence: 'The operator does not exist in this opset.' },
  { pattern: /Unrecognized attribute/, sentence: 'It has an attribute that the operator does not know.' },
  { pattern: /Type Error|bound to different types/, sentence: 'Its inputs have types that do not go together.' },
  { pattern: /ShapeInferenceError|dimension mismatch|cannot be reshaped/, sentence: 'Its shapes do not fit together.' },
  { pattern: /protobuf parsing failed/, sentence: 'The file is not a readable ONNX model.' },
  { pattern: /not a graph input, initializer/, sentence: 'A node reads a value that nothing makes.' },
  { pattern: /Non tensor type/, sentence: 'An output is not a tensor.' },
];

const OUT_OF_MEMORY = /Failed to allocate memory|bad_alloc|bad allocation/;

/** The node that an ONNX Runtime message blames; undefined when it names none. */
function nodeInMessage(message: string): NodeName | undefined {
  for (const { pattern, name, opType } of NODE_PATTERNS) {
    const found = pattern.exec(message);
    if (found) return { name: name === null ? '' : (found[name] ?? ''), op_type: found[opType] ?? '' };
  }
  return undefined;
}

/**
 * What ONNX Runtime threw, as an error of the catalogue: the node when it names one, a sentence of ours, the original as `cause`.
 * An allocation that failed becomes memory_limit_exceeded.
 */
export function runtimeFailure(code: 'model_load_failed' | 'model_run_failed', cause: unknown): ServiceError {
  const message = cause instanceof Error ? cause.message : String(cause);
  const node = nodeInMessage(message);
  const place = node ? ` at ${node.op_type} ${node.name === '' ? 'without a name' : `"${node.name}"`}` : '';
  const context = { cause, ...(node && { node }) };
  if (OUT_OF_MEMORY.test(message)) {
    return new ServiceError(
      'memory_limit_exceeded',
      `ONNX Runtime could not get the memory it needs${place}.`,
      context,
    );
  }
  const verb = code === 'model_load_failed' ? 'load' : 'run';
  const reason = CAUSES.find(({ pattern }) => pattern.test(message))?.sentence ?? '';
  return new ServiceError(code, `ONNX Runtime could not ${verb} the model${place}. ${reason}`.trim(), context);
}
