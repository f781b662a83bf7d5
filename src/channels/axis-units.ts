/** One axis of one value of a graph: an activation or a constant. */
export interface Slot {
  readonly value: string;
  readonly axis: number;
}

/**
 * The positions along all axes of all values. Positions that are joined form a unit: they are removed together or not at all.
 * A disjoint-set forest with path halving (Tarjan and van Leeuwen 1984).
 */
export class AxisUnits {
  readonly #parent: number[] = [];
  readonly #first = new Map<string, readonly number[]>();
  readonly #reasons = new Map<number, string>();

  /** @param shapes of every value that takes part */
  constructor(readonly shapes: ReadonlyMap<string, readonly number[]>) {
    for (const [value, dims] of shapes) {
      const first = dims.map((size) => {
        const start = this.#parent.length;
        for (let position = 0; position < size; position++) this.#parent.push(start + position);
        return start;
      });
      this.#first.set(value, first);
    }
  }

  size({ value, axis }: Slot): number {
    return this.shapes.get(value)?.[axis] ?? 0;
  }

  /** The unit that a position belongs to: a number that is equal for all of its positions until more are joined. */
  unit({ value, axis }: Slot, position: number): number {
    const first = this.#first.get(value)?.[axis];
    if (first === undefined || position >= this.size({ value, axis }))
      throw new RangeError(`axis ${axis} of ${value} has no position ${position}`);
    return this.#root(first + position);
  }

  /** The units along an axis, in order; a unit may come several times. */
  units(slot: Slot): number[] {
    return Array.from({ length: this.size(slot) }, (_, position) => this.unit(slot, position));
  }

  join(a: number, b: number): void {
    const [kept, joined] = [this.#root(a), this.#root(b)];
    if (kept === joined) return;
    this.#parent[joined] = kept;
    const reason = this.#reasons.get(kept) ?? this.#reasons.get(joined);
    if (reason !== undefined) this.#reasons.set(kept, reason);
  }

  /** Nothing along the axis can be removed. The first reason given stays. */
  fix(slot: Slot, reason: string): void {
    for (const unit of this.units(slot)) if (!this.#reasons.has(unit)) this.#reasons.set(unit, reason);
  }

  /** Why a unit cannot be removed; undefined when it can. */
  reason(unit: number): string | undefined {
    return this.#reasons.get(this.#root(unit));
  }

  isFree(slot: Slot): boolean {
    return this.units(slot).some((unit) => !this.#reasons.has(unit));
  }

  #root(start: number): number {
    let at = start;
    for (;;) {
      const parent = this.#parent[at] as number;
      if (parent === at) return at;
      const grandparent = this.#parent[parent] as number;
      this.#parent[at] = grandparent;
      at = grandparent;
    }
  }
}
