import type { NodeReport, Report, RequirementVerdict, StageReport } from '../contracts/report.js';
import { escapeText, fence, section, table } from './markdown.js';
import { bytes, estimate, interval, milliseconds, number } from './numbers.js';

/** More nodes than this are counted, not listed. */
const MAX_NODE_ROWS = 200;

const VERDICT_WORDS = {
  met: 'Met: every requirement is satisfied',
  not_met: 'Not met: at least one requirement is missed',
  undecided: 'Undecided: the evidence does not suffice',
} as const;

function headline(report: Report): string[] {
  const { original, result, speedup, metric_drop } = report;
  const verdict = report.verdict === null ? 'No requirements were stated' : VERDICT_WORDS[report.verdict];
  return [
    `# ${verdict}`,
    '',
    `The result takes ${number(report.size_ratio * 100)} % of the bytes and runs at ${estimate(speedup, 'x')} the original's speed. ` +
      `Its ${original.metric.name} is ${number(result.metric.value)} where the original has ${number(original.metric.value)}: ` +
      `a drop of ${estimate(metric_drop)} on ${result.metric.samples} samples.`,
    '',
    'Ranges in parentheses are 95 % confidence intervals. A positive drop is worse, whatever the metric.',
    '',
  ];
}

const requirementRow = (row: RequirementVerdict): string[] => [
  escapeText(row.name),
  number(row.bound),
  row.value === null ? 'unknown' : number(row.value),
  row.ci95 === null ? 'exact' : interval(row.ci95),
  `**${escapeText(row.verdict)}**`,
  [row.reason ?? '', row.samples_needed === undefined ? '' : `about ${row.samples_needed} samples would decide`]
    .filter((text) => text !== '')
    .map(escapeText)
    .join('; '),
];

function comparison({ original, result }: Report): string[] {
  const sides = [original, result];
  return table(
    ['', 'original', 'result'],
    [
      ['size', ...sides.map((side) => bytes(side.bytes))],
      [original.metric.name, ...sides.map((side) => estimate(side.metric))],
      ...(['p20', 'p50', 'p90', 'p99'] as const).map((percentile) => [
        `latency, ${percentile}`,
        ...sides.map((side) => milliseconds(side.latency_ms[percentile])),
      ]),
      ['SHA-256', ...sides.map((side) => `\`${side.sha256.slice(0, 16)}…\``)],
    ],
  );
}

function speed({ speedup, speedup_parts }: Report): string[] {
  if (!speedup_parts) return [];
  return table(
    ['from', 'times as fast'],
    [
      ['lossless clean-up', estimate(speedup_parts.cleanup)],
      ['number format', estimate(speedup_parts.quantization)],
      ['together', estimate(speedup)],
    ],
  );
}

const stageLines = (stage: StageReport): string[] => [
  `### ${escapeText(stage.type)}${stage.scheme === undefined ? '' : `, ${escapeText(stage.scheme)}`}`,
  '',
  `${bytes(stage.bytes)} after ${number(stage.seconds)} s, ${bytes(stage.peak_memory_bytes)} of memory at most.` +
    (stage.integer_nodes === undefined
      ? ''
      : ` ${stage.integer_nodes} nodes run in integer, ${stage.float_nodes ?? 0} that could stayed in float.`) +
    (stage.calibration === undefined
      ? ''
      : ` Calibrated by ${escapeText(stage.calibration.method)} on ${stage.calibration.samples} samples, ${stage.calibration.tensors} tensors.`),
  '',
  ...table(
    ['ranges', 'outputs against FP32, dB', 'kept'],
    (stage.calibration?.presets ?? []).map(({ name, output_sqnr_db, chosen }) => [
      escapeText(name),
      number(output_sqnr_db),
      chosen ? 'yes' : '',
    ]),
  ),
  ...(stage.calibration?.presets?.length ? [''] : []),
  ...table(
    ['pass', 'changes'],
    (stage.passes ?? []).map((pass) => [escapeText(pass.name), pass.changes.toString()]),
  ),
  ...(stage.passes?.length ? [''] : []),
  ...stage.notes.map((note) => `- ${escapeText(note)}`),
  ...(stage.notes.length > 0 ? [''] : []),
];

const candidateRow = (candidate: Report['candidates'][number]): string[] => [
  escapeText(candidate.scheme),
  candidate.on_front ? 'yes' : 'no',
  candidate.bytes === null ? '' : bytes(candidate.bytes),
  candidate.metric === null ? '' : number(candidate.metric),
  candidate.speedup === null ? '' : `${number(candidate.speedup)}x`,
  escapeText(candidate.refused ?? ''),
];

const PORTABLE = new Map<boolean | null, string>([
  [true, 'exact'],
  [false, 'may saturate without VNNI'],
  [null, ''],
]);
const nodeRow = (node: NodeReport): string[] => [
  escapeText(node.name),
  escapeText(node.op_type),
  node.integer ? 'integer' : 'float',
  node.sqnr_db === null ? '' : `${number(node.sqnr_db)} dB`,
  PORTABLE.get(node.exact_everywhere) ?? '',
  escapeText(node.reason ?? ''),
];

function nodeLines({ nodes }: Report): string[] {
  if (nodes.length === 0) return [];
  const integer = nodes.filter((node) => node.integer).length;
  const rest = nodes.length - MAX_NODE_ROWS;
  return [
    `${integer} of ${nodes.length} nodes run in integer kernels.`,
    '',
    ...table(
      ['node', 'operator', 'runs in', 'signal to noise', 'on other CPUs', 'why'],
      nodes.slice(0, MAX_NODE_ROWS).map(nodeRow),
    ),
    ...(rest > 0 ? ['', `${rest} more nodes are in the JSON report.`] : []),
  ];
}

const environmentLines = ({ environment, splits }: Report): string[] => [
  `- CPU: ${escapeText(environment.cpu)} (${environment.instruction_sets.map(escapeText).join(', ')})`,
  `- ${environment.threads} threads, ONNX Runtime ${escapeText(environment.onnxruntime)}, Node ${escapeText(environment.node)}, ${escapeText(environment.platform)}`,
  ...Object.entries(splits).map(
    ([name, split]) => `- ${split.samples} ${escapeText(name)} samples (${escapeText(split.source)})`,
  ),
];

const reproduceLines = ({ reproduce }: Report): string[] => [
  `Model ${escapeText(reproduce.inputs.model)}, dataset ${escapeText(reproduce.inputs.dataset ?? 'none')}, seed ${reproduce.seed}.`,
  '',
  ...fence('json', JSON.stringify(reproduce.spec, null, 2)),
];

/** A report for a person, as GitHub-flavoured Markdown: the verdict first, evidence after. Text from models and specs is escaped. */
export function renderMarkdown(report: Report): string {
  return [
    ...headline(report),
    ...section(
      'Requirements',
      table(
        ['requirement', 'bound', 'measured', '95 % interval', 'verdict', 'reason'],
        report.requirements.map(requirementRow),
      ),
    ),
    ...section('Original and result', comparison(report)),
    ...section('Where the speed comes from', speed(report)),
    ...section('Steps', report.stages.flatMap(stageLines)),
    ...section(
      'Candidates',
      table(
        ['scheme', 'on the front', 'size', 'metric', 'speed-up', 'refused because'],
        report.candidates.map(candidateRow),
      ),
    ),
    ...section('Nodes', nodeLines(report)),
    ...section(
      'Notes',
      report.notes.map((note) => `- ${escapeText(note)}`),
    ),
    ...section('Measured on', environmentLines(report)),
    ...section('To reproduce', reproduceLines(report)),
  ].join('\n');
}
