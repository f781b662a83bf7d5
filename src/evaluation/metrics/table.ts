import type { MetricName } from '../../contracts/job-spec.js';
import { agreement } from './agreement.js';
import { cosine } from './cosine.js';
import { ctc } from './ctc.js';
import { mae, mse } from './errors.js';
import { iou } from './iou.js';
import type { Metric } from './metric.js';
import { top1, top5 } from './top-k.js';

export const METRIC_TABLE: Readonly<Record<MetricName, Metric>> = { top1, top5, mse, mae, cosine, iou, agreement, ctc };
