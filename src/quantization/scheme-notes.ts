import type { SettledStep } from '../contracts/quantize-step.js';
import type { Scheme } from './apply-scheme.js';
import { nodesInFourBits } from './four-bit-weights.js';
import { runsInInteger } from './plan.js';

/** How many nodes multiply INT8 by weights of 4 bits. */
function fourBitNotes({ plan: { graph, decisions }, fusion }: Scheme): string[] {
  const few = nodesInFourBits(graph);
  const integer = [...decisions.values()].filter(
    ({ node, treatment }) => treatment === 'static' && few.has(node.name) && !fusion?.unfused.has(node.name),
  );
  if (integer.length === 0) return [];
  const nodes = integer.length === 1 ? '1 integer node holds' : `${integer.length} integer nodes hold`;
  return [`${nodes} weights of 4 bits, which become INT8 when the model is loaded.`];
}

/** What each treatment of a node that stays in float makes of its weights. */
const storedAs = (bits: number) => ({ stored: 'INT8', stored4: `INT${bits}`, stored16: 'FP16' });

/** What a report says of a scheme beside its numbers. */
export function notesOn({ scheme, only_what_pays, weights, weight_bits }: SettledStep, made: Scheme): string[] {
  const decisions = [...made.plan.decisions.values()];
  const notes: string[] = [];
  if (weight_bits === 4) notes.push(...fourBitNotes(made));
  if (scheme === 'fp16_weights') {
    notes.push('FP16 saves bytes, not time: everything runs in FP32.');
  } else if (!decisions.some(runsInInteger)) {
    const integer = scheme.startsWith('int8') ? 'INT8' : 'integer';
    const why = only_what_pays ? `on this CPU no node would be faster in ${integer}` : `no node can run in ${integer}`;
    const format = decisions.some(({ treatment }) => treatment === 'stored4') ? 'fewer bits' : 'INT8';
    notes.push(
      `${scheme} was asked for: ${why}, so the arithmetic stays FP32 and only the weights are stored in ${format}.`,
    );
  }
  for (const [treatment, format] of Object.entries(storedAs(weights.bits))) {
    const stored = decisions.filter((decision) => decision.treatment === treatment).length;
    if (stored === 0) continue;
    const nodes = stored === 1 ? '1 node runs' : `${stored} nodes run`;
    notes.push(`${nodes} in float, with weights stored in ${format} that unfold when the model is loaded.`);
  }
  return notes;
}
