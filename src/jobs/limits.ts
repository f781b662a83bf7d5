/** Unfinished jobs of one tenant: more would let one client fill the queue for everybody. */
export const MAX_UNFINISHED_JOBS = 100;
/** Retries after an engine's crash: the second crash of the same step is seldom bad luck. */
export const MAX_CRASHES = 2;
/** Workers that may be lost under one job; a lost worker is not the job's fault, but a job may be what kills them. */
export const MAX_LOSSES = 20;
/** An attempt whose worker has not been heard of for so long may be taken over. BullMQ brings it again after 30 to 40 s. */
export const LEASE_MS = 30_000;
/** How often a worker renews the lease and learns of a cancel that it was not woken for. */
export const HEARTBEAT_MS = 2000;
/** When to come back after the quota was full: jobs take seconds to minutes. */
export const QUOTA_RETRY_SECONDS = 10;
/** How often records and queue are compared. */
export const RECONCILE_INTERVAL_MS = 5000;
