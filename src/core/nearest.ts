/** Number of single-character insertions, deletions, replacements and swaps of neighbours between two texts. */
function computeDistance(a: string, b: string): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const current = [i];
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1];
      let best = Math.min(last[j]! + 1, current[j - 1]! + 1, last[j - 1]! + (same ? 0 : 1));
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1])
        best = Math.min(best, beforeLast[j - 2]! + 1);
      current.push(best);
    }
    beforeLast = last;
    last = current;
  }
  return last[b.length]!;
}

/** The candidate that somebody who typed `text` most likely meant; null when none is near. */
export function findNearest(text: string, candidates: readonly string[]): string | null {
  const allowed = Math.max(1, Math.floor(text.length / 3));
  let nearest: string | null = null;
  let nearestDistance = allowed + 1;
  for (const candidate of candidates) {
    const distance = computeDistance(text.toLowerCase(), candidate.toLowerCase());
    if (distance < nearestDistance) [nearest, nearestDistance] = [candidate, distance];
  }
  return nearest;
}
