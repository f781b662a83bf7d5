import { Gauge, type Registry } from 'prom-client';
import { QUEUE_NAMES } from '../../jobs/queue.js';
import type { Services } from '../services.js';

/** Steps in each queue, asked for whenever somebody looks; a queue that is away has no depth. */
export function collectQueueDepth(registry: Registry, { queue }: Services): void {
  new Gauge({
    name: 'modelpress_queue_steps',
    help: 'Steps that wait for a worker, and steps that a worker holds.',
    labelNames: ['queue', 'state'],
    registers: [registry],
    async collect() {
      this.reset();
      for (const name of QUEUE_NAMES) {
        const counts = await queue.counts(name).catch(() => null);
        if (counts === null) continue;
        this.set({ queue: name, state: 'waiting' }, counts.waiting);
        this.set({ queue: name, state: 'active' }, counts.active);
      }
    },
  });
}
