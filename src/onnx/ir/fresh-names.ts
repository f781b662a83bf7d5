/**
 * Gives names beside those that are taken: the hint itself, else the hint with the first free number. What is given is taken.
 * @param taken may grow from outside too
 */
export function namesBeside(taken: Set<string>): (hint: string) => string {
  // One hint may be given very often: each time the search goes on where it ended.
  const next = new Map<string, number>();
  return (hint) => {
    let name = hint;
    let number = next.get(hint) ?? 1;
    for (; taken.has(name); number++) name = `${hint}_${number}`;
    next.set(hint, number);
    taken.add(name);
    return name;
  };
}
