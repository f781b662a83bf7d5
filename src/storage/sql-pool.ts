/** The shape of pg's Pool and Client that Kysely and BullMQ use; pg's own and the embedded adapter both have it. */
export interface SqlResult<Row> {
  readonly rows: Row[];
  readonly rowCount: number | null;
  readonly command: string;
}
interface SqlNotification {
  readonly channel: string;
  readonly payload?: string;
}
export interface SqlClient {
  query<Row>(text: string, values?: readonly unknown[]): Promise<SqlResult<Row>>;
  /** Gives the client back; `destroy` when its session can no longer be trusted. */
  release(destroy?: boolean): void;
  on(event: 'notification', listener: (notification: SqlNotification) => void): this;
  on(event: 'error', listener: (error: Error) => void): this;
  on(event: 'end', listener: () => void): this;
  removeListener(event: 'notification', listener: (notification: SqlNotification) => void): this;
  removeAllListeners(event?: string): this;
}
export interface SqlPool {
  query<Row>(text: string, values?: readonly unknown[]): Promise<SqlResult<Row>>;
  connect(): Promise<SqlClient>;
  end(): Promise<void>;
  readonly options: object;
  on(event: 'error', listener: (error: Error) => void): this;
  on(event: 'connect', listener: (client: SqlClient) => void): this;
  removeAllListeners(event?: string): this;
}

/** Where unqualified names are looked up: our tables, then BullMQ's, whose functions name theirs without a schema. */
export const SEARCH_PATH = 'public,bullmq';

/** A transaction that waits for its own process this long is lost: it holds locks that others need. */
export const IDLE_IN_TRANSACTION_LIMIT_MS = 5_000;
