/**
 * The seam to the queue. The queue only says which worker should look at which step now; what is owed, and to whom, the
 * records say. A lost, repeated or late delivery is therefore harmless.
 */
export const QUEUE_NAMES = ['quantize', 'distill'] as const;
export type QueueName = (typeof QUEUE_NAMES)[number];

/** A step of a job; `step` counts from 0 (a job without steps has one, its evaluation). */
export interface StepReference {
  readonly job: string;
  readonly step: number;
}

export interface Delivery extends StepReference {
  readonly queue: QueueName;
}

/** What a worker did with a delivery: it is over, or it should go to somebody else at once. */
export type DeliveryOutcome = 'done' | 'give_back';

/**
 * Works on one delivery. `signal` aborts when this consumer shuts down; the handler then ends soon and answers `give_back`.
 * A handler that throws drops the delivery; the reconciler brings it again after a few seconds.
 */
export type DeliveryHandler = (delivery: Delivery, signal: AbortSignal) => Promise<DeliveryOutcome>;

export interface Consumer {
  /** Takes nothing new, aborts the signals of what runs, waits for it and gives it back. */
  close(): Promise<void>;
}

export interface QueueCounts {
  readonly waiting: number;
  readonly active: number;
}

export interface StepQueue {
  /** Throws `unavailable` within QUEUE_DEADLINE_MS when the queue cannot be reached. */
  check(): Promise<void>;
  /** Idempotent while the step is known to the queue. Throws `unavailable` within QUEUE_DEADLINE_MS. */
  enqueue(delivery: Delivery): Promise<void>;
  /** Takes a waiting step out; one that is being worked on stays. */
  remove(delivery: Delivery): Promise<void>;
  /** Every step that waits or is held by a consumer. */
  known(): Promise<readonly Delivery[]>;
  counts(queue: QueueName): Promise<QueueCounts>;
  /** Forgets everything, held deliveries included: for a start when nobody else can be working. */
  clear(): Promise<void>;
  /** Hands steps to `handler`, at most `concurrency` at once. Waits for an unreachable queue for as long as it takes. */
  consume(queue: QueueName, concurrency: number, handler: DeliveryHandler): Consumer;
  close(): Promise<void>;
}

/** The longest that an API request waits for the queue before it answers 503. */
export const QUEUE_DEADLINE_MS = 2500;
