/** A pass over samples, as far as it has come. */
export interface Pass<Found> {
  /** Runs of the model that are done. */
  done: number;
  readonly found: Map<string, Found>;
}
