import { type BarVerdict, times, verdicts } from './bars.js';
import { best, type CaseResults, type Measured, readCase, scoreOf } from './case-results.js';
import { CASES } from './cases.js';
import type { Results } from './results.js';

const MEBIBYTE = 1024 ** 2;

const line = (cells: readonly string[]): string => `| ${cells.map((cell) => cell.replaceAll('|', '/')).join(' | ')} |`;

function markdown(head: readonly string[], rows: readonly (readonly string[])[]): string {
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}

/** Speed-up, metric and size ratio of a model in one cell, as the peers' tables give them. */
function cell(found: CaseResults, one: Measured | null | undefined): string {
  if (!one?.timed) return 'not run';
  const ratio = (one.made.bytes / found.timing.original_bytes).toFixed(3);
  return `${times(one.timed.speedup.value)} / ${scoreOf(one).toFixed(4)} / ${ratio}`;
}

/** One line for each case: who is how fast, how good and how small. */
function summary(all: readonly CaseResults[]): string {
  const head = [
    'case (FP32)',
    '`int8_static`',
    '`int8_dynamic`',
    '`auto`',
    'ORT default',
    'ORT best of 7',
    'NNCF best of 2',
  ];
  const rows = all.map((found) => {
    const named = (name: string) => found.measured.find(({ contender }) => contender.name === name);
    const of = (kind: string) => best(found.measured.filter(({ contender }) => contender.kind === kind));
    const reference = found.measured.find(({ contender }) => contender.subset === 0)?.score;
    const fp32 =
      reference && !reference.closed_loop ? `${reference.metric} ${reference.original.value.toFixed(4)}, ` : '';
    const [ort, nncf] = [of('ort'), of('nncf')];
    const bestOf = (one: Measured | null) => (one ? `${cell(found, one)} (${one.contender.name})` : 'not run');
    return [
      `${found.benchCase.title} (${fp32}${found.timing.original_ms.toFixed(2)} ms)`,
      ...['int8_static', 'int8_dynamic', 'auto', 'ort-default'].map((name) => cell(found, named(name))),
      ...[bestOf(ort), bestOf(nncf)],
    ];
  });
  return markdown(head, rows);
}

function bars(all: readonly CaseResults[]): string {
  const rows = all.flatMap((found) =>
    verdicts(found).map(({ bar, measured, verdict, why }: BarVerdict, index) => [
      index === 0 ? found.benchCase.title : '',
      ...[bar, measured, verdict, why],
    ]),
  );
  return markdown(['case', 'bar', '`auto`', 'verdict', 'why'], rows);
}

/** Every model of a case with its intervals, and what making it took. */
function details(found: CaseResults): string {
  const rows = found.measured.map((one) => {
    const { made, score, timed, contender } = one;
    const [low, high] = score.drop.ci95.map((end) => end.toFixed(4));
    const speedup = timed
      ? `${times(timed.speedup.value)} (${timed.speedup.ci95.map((end) => end.toFixed(2)).join('–')})`
      : '';
    const loop = score.closed_loop ? `, recordings ${score.closed_loop.error.toFixed(4)}` : '';
    return [
      contender.name,
      speedup,
      timed ? timed.ms.toFixed(3) : '',
      `${score.result.value.toFixed(4)}${loop}`,
      `${low} to ${high}`,
      (made.bytes / found.timing.original_bytes).toFixed(3),
      `${made.seconds.toFixed(1)} s, ${(made.peak_bytes / MEBIBYTE).toFixed(0)} MiB`,
    ];
  });
  const failed = found.failed.map(({ contender, reason }) => [contender.name, reason, '', '', '', '', '']);
  const samples = found.measured.find(({ contender }) => contender.subset === 0)?.score.samples ?? 0;
  const head = ['model', 'speed-up', 'ms', found.benchCase.metric, 'drop, paired', 'size', 'made in'];
  const { timing, benchCase } = found;
  const title = `### ${benchCase.title}\nFP32 ${timing.original_ms.toFixed(3)} ms, ${timing.original_bytes} bytes; ${samples} evaluation samples, ${timing.runs} timed runs of each.`;
  return `${title}\n\n${markdown(head, [...rows, ...failed])}`;
}

/** The results of a run as Markdown; only what was measured. */
export function table(results: Results): string {
  const all = Object.entries(CASES).flatMap(([name, benchCase]) => readCase(name, benchCase, results) ?? []);
  const [first] = all;
  if (!first) return 'Nothing was measured yet.\n';
  const { cpu, instruction_sets, onnxruntime, node, threads } = first.timing.environment;
  const where = `${cpu} (${instruction_sets.join(', ')}), ${threads} thread, ONNX Runtime ${onnxruntime}, Node ${node}, batch 1.`;
  const cells = 'Each cell: speed-up over FP32 / metric / size ratio.';
  return `${[where, cells, summary(all), '## Bars', bars(all), '## Every model', ...all.map(details)].join('\n\n')}\n`;
}
