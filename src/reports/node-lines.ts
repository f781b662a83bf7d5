import type { NodeReport, Report } from '../contracts/report.js';
import { code, escapeText, table } from './markdown.js';
import { number, plural } from './numbers.js';

/** More rows than this are counted, not listed. */
const MAX_ROWS = 200;
/** Names that a row of nodes with one reason lists. */
const MAX_NAMES = 8;

const PORTABLE = new Map<boolean | null, string>([
  [true, 'exact'],
  [false, 'may saturate without VNNI'],
  [null, ''],
]);
const decibels = (value: number | null): string => (value === null ? '' : `${number(value)} dB`);

const integerRow = (node: NodeReport): string[] => [
  code(node.name),
  code(node.op_type),
  decibels(node.sqnr_db),
  PORTABLE.get(node.exact_everywhere) ?? '',
  escapeText(node.reason ?? ''),
];

/** Nodes that stayed in float for one reason, in one row. */
function floatRow(reason: string, nodes: readonly NodeReport[]): string[] {
  const rest = nodes.length - MAX_NAMES;
  const names = nodes.slice(0, MAX_NAMES).map(({ name }) => code(name));
  const noise = nodes.flatMap(({ sqnr_db }) => sqnr_db ?? []);
  return [
    escapeText(reason),
    nodes.length.toString(),
    [...new Set(nodes.map(({ op_type }) => code(op_type)))].join(', '),
    noise.length === 0 ? '' : decibels(Math.min(...noise)),
    names.join(', ') + (rest > 0 ? ` and ${rest} more` : ''),
  ];
}

function byReason(nodes: readonly NodeReport[]): Map<string, NodeReport[]> {
  const groups = new Map<string, NodeReport[]>();
  for (const node of nodes) {
    const group = groups.get(node.reason ?? '');
    if (group) group.push(node);
    else groups.set(node.reason ?? '', [node]);
  }
  return groups;
}

const rest = (count: number, what: string): string[] =>
  count > MAX_ROWS ? ['', `${plural(count - MAX_ROWS, `more ${what}`)} in the JSON report.`] : [];

/** The nodes of the result: those in integer one by one, those in float by reason. */
export function nodeLines({ nodes }: Report): string[] {
  if (nodes.length === 0) return [];
  const integer = nodes.filter((node) => node.integer);
  const groups = [...byReason(nodes.filter((node) => !node.integer))];
  const integerRows = table(
    ['runs in integer', 'operator', 'signal to noise', 'on other CPUs', 'note'],
    integer.slice(0, MAX_ROWS).map(integerRow),
  );
  return [
    `${integer.length} of ${plural(nodes.length, 'node')} ${integer.length === 1 ? 'runs' : 'run'} in integer kernels.`,
    '',
    ...integerRows,
    ...rest(integer.length, 'node'),
    ...(integerRows.length > 0 && groups.length > 0 ? [''] : []),
    ...table(
      ['stays in float because', 'nodes', 'operators', 'least signal to noise', 'which'],
      groups.slice(0, MAX_ROWS).map(([reason, group]) => floatRow(reason, group)),
    ),
    ...rest(groups.length, 'reason'),
  ];
}
