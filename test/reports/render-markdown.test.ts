import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Report, StageReport } from '../../src/contracts/report.js';
import { renderMarkdown as render } from '../../src/reports/render-markdown.js';
import { missedRequirements } from '../../src/reports/requirement-words.js';
import { sampleReport } from './sample-report.js';

const CREATED = new Date('2026-03-04T05:06:07.000Z');
const renderMarkdown = (report: Report) => render(report, CREATED);

/** The cells of the first table row whose first cell is `name`. */
function row(markdown: string, name: string): string[] {
  const line = markdown.split('\n').find((text) => text.startsWith(`| ${name} |`));
  assert.ok(line, `no row ${name} in\n${markdown}`);
  return line.split(' | ').map((cell) => cell.replace(/^\| | \|$/g, ''));
}

describe('renderMarkdown', () => {
  it('says the verdict first', () => {
    for (const [verdict, words] of [
      ['met', '# Met'],
      ['not_met', '# Not met'],
      ['undecided', '# Undecided'],
      [null, '# No requirements'],
    ] as const) {
      assert.ok(renderMarkdown(sampleReport({ verdict })).startsWith(words));
    }
  });

  it('says of a large certain drop in its first line, when no requirement does', () => {
    const titled = (verdict: Report['verdict'], low: number) =>
      renderMarkdown(sampleReport({ verdict, metric_drop: { value: 0.2, ci95: [low, 0.3] } })).split('\n')[0];
    assert.equal(titled(null, 0.1), '# No requirements were stated; the metric fell by 0.2 (0.1 to 0.3)');
    assert.equal(titled(null, -0.1), '# No requirements were stated');
    assert.match(titled('met', 0.1) ?? '', /^# Met: every requirement is satisfied$/);
  });

  it('says what a speed-up is', () => {
    assert.match(renderMarkdown(sampleReport()), /A speed-up is the ratio of the 20th percentiles/);
  });

  it('shows each requirement with bound, value, interval and what would decide it', () => {
    const markdown = renderMarkdown(sampleReport());
    assert.deepEqual(row(markdown, '`max_metric_drop`'), [
      '`max_metric_drop`',
      '0.01',
      '0.002',
      '-0.004 to 0.013',
      '**undecided**',
      '600 samples cannot decide; about 1234 would',
    ]);
    assert.deepEqual(row(markdown, '`max_size_ratio`').slice(1, 5), ['0.5', '0.295', 'exact', '**met**']);
  });

  it('says in its first paragraph what the steps have to say, and keeps other notes in its head', () => {
    const asked = 'int8_static was asked for: nothing runs in INT8.';
    const [stage] = sampleReport().stages;
    assert.ok(stage);
    const report = sampleReport({ stages: [{ ...stage, notes: [asked] }], notes: [asked, 'Check the labels.'] });
    const [title, first, , ...others] = renderMarkdown(report).split('\n\n');
    assert.match(title ?? '', /^# /);
    assert.ok(first?.endsWith(asked));
    assert.equal(others[0], '- Check the labels.');
    assert.match(
      others[1] ?? '',
      /^Job `job_\w+` of 2026-03-04T05:06:07\.000Z\. Model `sha256:a{64}`, result `sha256:b{64}`\.$/,
    );
  });

  it('says that samples were made up, and shows nothing for what was not measured', () => {
    const markdown = renderMarkdown(
      sampleReport({
        splits: { evaluation: { samples: 64, source: 'synthetic' } },
        requirements: [
          { name: 'min_metric', bound: 0.9, value: null, ci95: null, verdict: 'undecided', reason: 'no_dataset' },
        ],
      }),
    );
    assert.match(markdown, /on 600 synthetic samples\./);
    assert.deepEqual(row(markdown, '`min_metric`').slice(2, 4), ['—', '—']);
  });

  it('tells what was missed from what is only undecided', () => {
    const drop = sampleReport().requirements[0];
    assert.ok(drop);
    const noise = { name: 'min_speedup', bound: 1, value: 1.00412345, ci95: [0.98, 1.02] as [number, number] };
    const strict = sampleReport({
      verdict: 'not_met',
      requirements: [drop, { ...noise, verdict: 'undecided', reason: 'timing_noise' }],
    });
    assert.equal(
      missedRequirements(strict),
      'Undecided, which "strict" counts as not met: max_metric_drop 0.01 (measured 0.002, -0.004 to 0.013): 600 samples cannot decide; about 1234 would; ' +
        'min_speedup 1 (measured 1.004, 0.98 to 1.02): the bound lies within the noise of timing: take more runs (evaluate.latency.runs), or a bound slightly lower.',
    );
    assert.match(renderMarkdown(strict), /^# Not met: the evidence does not suffice/);
    const missed = sampleReport({ verdict: 'not_met', requirements: [{ ...noise, bound: 2, verdict: 'not_met' }] });
    assert.equal(
      missedRequirements(missed),
      'The result misses what the job requires: min_speedup 2 (measured 1.004, 0.98 to 1.02).',
    );
  });

  it('groups the nodes that stay in float for one reason', () => {
    const node = sampleReport().nodes[1] as Report['nodes'][number];
    const nodes = Array.from({ length: 12 }, (_, i) => ({ ...node, name: `d${i}` }));
    const cells = row(renderMarkdown(sampleReport({ nodes })), 'depthwise');
    assert.deepEqual(cells.slice(1, 3), ['12', '`Conv`']);
    assert.match(cells[4] ?? '', /^`d0`, .*`d7` and 4 more$/);
  });

  it('compares original and result in size, metric and latency', () => {
    const markdown = renderMarkdown(sampleReport());
    assert.deepEqual(row(markdown, 'size'), ['size', '578.97 kB', '171.00 kB']);
    assert.deepEqual(row(markdown, '`top1`'), ['`top1`', '0.9917 (0.98 to 0.9965)', '0.9897 (0.977 to 0.9955)']);
    assert.deepEqual(row(markdown, 'latency, p90'), ['latency, p90', '0.6 ms', '0.44 ms']);
    assert.deepEqual(row(markdown, 'lossless clean-up'), ['lossless clean-up', '1.2 (1.18 to 1.22)']);
  });

  it('tells what a teacher was worth', () => {
    const [stage] = sampleReport().stages;
    assert.ok(stage);
    const distillation: StageReport['distillation'] = {
      parameters: 1810,
      loss: 'kd',
      batch_size: 64,
      ...{ micro_batch: 64, estimated_memory_bytes: null },
      epochs: 40,
      best_epoch: 37,
      stopped: 'finished',
      history: [],
      baseline: 'labels',
      metric: 'top1',
      samples: 224,
      distilled: 0.951,
      baseline_value: 0.929,
      gain: { value: 0.022, ci95: [0.004, 0.05] },
      outcome: 'gain',
      kept: 'distilled',
    };
    const markdown = renderMarkdown(sampleReport({ stages: [{ ...stage, type: 'distill', distillation }] }));
    assert.match(markdown, /1810 parameters, trained for 40 epochs \(finished\); the weights of epoch 38/);
    assert.deepEqual(row(markdown, 'the same, trained on labels alone').at(-1), '0.929');
    assert.deepEqual(row(markdown, 'difference').at(-1), '0.022 (0.004 to 0.05)');
    assert.match(markdown, /224 selection samples the teacher made the student better; the student with it was kept/);
    const labels: StageReport['distillation'] = { ...distillation, loss: 'labels', baseline: 'untrained' };
    const alone = renderMarkdown(sampleReport({ stages: [{ ...stage, type: 'distill', distillation: labels }] }));
    assert.doesNotMatch(alone, /teacher/);
    assert.match(alone, /224 selection samples training on labels made the student better/);
    assert.deepEqual(row(alone, 'the same, untrained').at(-1), '0.929');
  });

  it('tells what a recovery won back', () => {
    const [stage] = sampleReport().stages;
    assert.ok(stage);
    const recovery: StageReport['recovery'] = {
      parameters: 271258,
      frozen: 0,
      loss: 'kd',
      training_samples: 4096,
      batch_size: 64,
      micro_batch: 64,
      estimated_memory_bytes: null,
      epochs: 6,
      best_epoch: 5,
      stopped: 'finished',
      held_out_loss_before: 0.49,
      history: Array.from({ length: 6 }, (_, epoch) => ({ epoch, loss: 0.1, held_out_loss: 0.5 - 0.08 * epoch })),
      metric: 'top1',
      samples: 500,
      before: 0.842,
      after: 0.922,
      gain: { value: 0.08, ci95: [0.058, 0.106] },
      outcome: 'gain',
      kept: 'recovered',
    };
    const markdown = renderMarkdown(sampleReport({ stages: [{ ...stage, recovery }] }));
    assert.match(
      markdown,
      /271258 numbers of its weights and biases, trained for 6 epochs \(finished\) on 4096 samples; epoch 6/,
    );
    assert.match(markdown, /from 0.49 to 0.1/);
    assert.deepEqual(row(markdown, 'without recovery').at(-1), '0.842');
    assert.deepEqual(row(markdown, 'recovered').at(-1), '0.922');
    assert.match(markdown, /500 selection samples .* made the quantized model better; the recovered model was kept/);
    const stage2 = { ...stage, recovery: { ...recovery, best_epoch: -1, kept: 'post_training' as const } };
    const unchanged = renderMarkdown(sampleReport({ stages: [stage2] }));
    assert.match(unchanged, /none of them had a lower held-out loss than plain post-training quantization\./);
  });

  it('tells what a step before the last one left', () => {
    const { stages, original, metric_drop, speedup } = sampleReport();
    const measured = { metric: original.metric, metric_drop, latency_ms: original.latency_ms, speedup };
    const first = stages.map((stage) => ({ ...stage, measured }));
    assert.match(renderMarkdown(sampleReport({ stages: first })), /drop .*\(p20\), .* times as fast as the original/);
    assert.doesNotMatch(renderMarkdown(sampleReport()), /times as fast as the original\./);
  });
  it('tells of every step, node, candidate, note and of the machine', () => {
    const markdown = renderMarkdown(sampleReport());
    for (const text of [
      '### quantize `int8_static`',
      'Calibrated by `mean_minmax` on 200 samples, 54 tensors.',
      '1 of 2 nodes runs in integer kernels.',
      'may saturate without VNNI',
      'depthwise',
      'slower than the original: 0.81x',
      '- A note.',
      '- CPU: AMD EPYC (avx2)',
      '600 evaluation samples (seeded)',
      '"scheme": "int8_static"',
    ]) {
      assert.ok(markdown.includes(text), `${text} is missing in\n${markdown}`);
    }
  });

  it('lists 200 nodes and counts the rest', () => {
    const node = sampleReport().nodes[0] as Report['nodes'][number];
    const nodes = Array.from({ length: 450 }, (_, i) => ({ ...node, name: `n${i}` }));
    const markdown = renderMarkdown(sampleReport({ nodes }));
    assert.ok(markdown.includes('| `n199` |') && !markdown.includes('n200'));
    assert.ok(markdown.includes('250 more nodes'));
  });

  it('leaves nothing of a hostile name that a renderer would act on', () => {
    const hostile =
      '<img src=x onerror=alert(1)> [a](javascript:x) ![i](http://e.vil) | `c` **b** \n# h \u202Ewww.e.vil <!--';
    const name = (markdown: string) => markdown.split('\n').find((line) => line.includes('onerror')) ?? '';
    const line = name(
      renderMarkdown(
        sampleReport({
          nodes: [{ name: hostile, op_type: 'Conv', integer: true, sqnr_db: null, exact_everywhere: null }],
        }),
      ),
    );
    assert.ok(line.startsWith('| &lt;img'));
    assert.equal(line.split(' | ').length, 5, 'the cell does not split');
    const cell = line.split(' | ')[0] ?? '';
    assert.doesNotMatch(cell, /[<>\u202E]|(?<!\\)[[\]`*!#]|(?<!\\):\/\/|www\./);
  });

  it('repeats of the specification what its scheme reads', () => {
    const text = renderMarkdown(sampleReport());
    assert.match(text, /"calibration": \{/);
    assert.doesNotMatch(text, /"weights": \{/);
  });

  it('keeps a specification inside its fence', () => {
    const report = sampleReport();
    const spec = { ...report.reproduce.spec, metadata: { note: '```\n# out' } };
    const markdown = renderMarkdown(sampleReport({ reproduce: { ...report.reproduce, spec } }));
    const lines = markdown.slice(markdown.indexOf('## To reproduce')).split('\n');
    assert.deepEqual(
      lines.filter((line) => line.startsWith('`')),
      ['````json', '````'],
    );
  });
});
