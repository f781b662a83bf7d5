import type { MetricPlan } from '../../evaluation/plan-metric.js';
import type { CheckedSpec } from './check-spec.js';

/** What became of the labels that a caller may not have meant so. */
export function labelWarnings({ spec, dataset }: CheckedSpec, metric: MetricPlan['metric']): string[] {
  if (dataset === null || dataset.match.labels === null) return [];
  const { labels } = dataset.match;
  const name = JSON.stringify(labels);
  const range = dataset.row.inspection.arrays.find((array) => array.name === labels)?.range;
  const byName = dataset.row.manifest.labels === undefined;
  const unscored = metric.comparedWith === 'original' && spec.evaluate.metric === undefined;
  return [
    ...(byName
      ? [
          `The array ${name} is taken as the labels for its name, as the manifest names none; "labels": null in the manifest leaves it unread.`,
        ]
      : []),
    ...(range?.[0] === -1 && metric.comparedWith === 'labels'
      ? [
          `Some labels of ${name} are -1. A sample without label cannot be scored: state splits in the manifest whose selection and evaluation samples all have one.`,
        ]
      : []),
    ...(unscored
      ? [`The labels ${name} are not scored: ${metric.name} compares with the original's own answers.`]
      : []),
  ];
}
