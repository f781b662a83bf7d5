import { type Node, subgraphs } from '../onnx/ir/graph.js';
import { ServiceError } from '../platform/errors.js';

/** Which nodes a caller lets us quantize. */
export type NodeSelection = (node: Node) => boolean;

/**
 * A glob as a test: `*` stands for any characters, everything else for itself. Pieces are looked for from left to right, which is
 * linear; a regular expression of many stars would let a hostile pattern take for ever.
 */
function glob(pattern: string): (text: string) => boolean {
  const pieces = pattern.split('*');
  const first = pieces[0] as string;
  const last = pieces[pieces.length - 1] as string;
  return (text) => {
    if (text.length < first.length + last.length || !text.startsWith(first) || !text.endsWith(last)) return false;
    let at = first.length;
    for (const piece of pieces.slice(1, -1)) {
      const found = text.indexOf(piece, at);
      if (found < 0) return false;
      at = found + piece.length;
    }
    return at <= text.length - last.length;
  };
}

/** Number of single-character edits between two words (Levenshtein). */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const substitution = (row[j - 1] as number) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(substitution, (row[j] as number) + 1, (next[j - 1] as number) + 1));
    }
    row = next;
  }
  return row[b.length] as number;
}

/** Names are compared up to this length, so that a hostile pattern costs little. */
const SUGGESTION_LENGTH = 128;
/** A model may have very many nodes; a suggestion is looked for among the first ones. */
const SUGGESTION_CANDIDATES = 5000;

function closest(word: string, candidates: readonly string[]): string | undefined {
  const target = word.slice(0, SUGGESTION_LENGTH).toLowerCase();
  let best: { name: string; distance: number } | undefined;
  for (const name of candidates.slice(0, SUGGESTION_CANDIDATES)) {
    const distance = editDistance(target, name.slice(0, SUGGESTION_LENGTH).toLowerCase());
    if (!best || distance < best.distance) best = { name, distance };
  }
  return best && best.distance <= Math.max(2, target.length / 3) ? best.name : undefined;
}

/** Nodes and the nodes in their branches and bodies. */
const withNested = (nodes: readonly Node[]): Node[] =>
  nodes.flatMap((node) => [node, ...subgraphs(node).flatMap((inner) => withNested(inner.nodes))]);

/**
 * Turns `include` and `exclude` (node names, globs with *, operator types) into a test. `exclude` wins.
 * @param nodes the nodes of the model as it was uploaded, which is what the caller can know
 * @throws ServiceError unknown_node when a pattern fits nothing, with the nearest name as a hint
 */
export function selectNodes(
  nodes: readonly Node[],
  patterns: { readonly include?: readonly string[] | undefined; readonly exclude: readonly string[] },
): NodeSelection {
  const names = [...new Set(withNested(nodes).flatMap((node) => [node.name, node.opType]))].filter(
    (name) => name !== '',
  );
  const compile = (field: 'include' | 'exclude') => {
    const exact = new Set<string>();
    const globs: ((text: string) => boolean)[] = [];
    (patterns[field] ?? []).forEach((pattern, index) => {
      const fits = pattern.includes('*') ? glob(pattern) : (name: string) => name === pattern;
      if (!names.some(fits)) {
        const near = closest(pattern, names);
        throw new ServiceError('unknown_node', `No node or operator type of the model fits "${pattern}".`, {
          errors: [{ pointer: `/${field}/${index}`, code: 'unknown_node', message: 'fits no node', received: pattern }],
          ...(near !== undefined && { hint: `Did you mean "${near}"?` }),
        });
      }
      if (pattern.includes('*')) globs.push(fits);
      else exact.add(pattern);
    });
    const fits = (name: string) => exact.has(name) || globs.some((matches) => matches(name));
    return (node: Node) => fits(node.name) || fits(node.opType);
  };
  const included = patterns.include ? compile('include') : () => true;
  const excluded = compile('exclude');
  return (node) => included(node) && !excluded(node);
}
