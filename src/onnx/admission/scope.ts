/** The names that a node may read: those of its own graph so far, and those of the graphs around it. */
export class Scope {
  readonly #names = new Set<string>();

  constructor(readonly outer: Scope | null) {}

  has(name: string): boolean {
    return this.#names.has(name) || (this.outer?.has(name) ?? false);
  }

  /** False when the graph itself has the name already (static single assignment). */
  add(name: string): boolean {
    if (this.#names.has(name)) return false;
    this.#names.add(name);
    return true;
  }
}
