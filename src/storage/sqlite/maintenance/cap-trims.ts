/** Which capped collections have too many documents, and when they are to be trimmed. */
export class CapTrims {
  readonly #dueByCollection = new Map<number, number>();

  /** The first note counts: a steady stream of inserts must not put the trim off for ever. */
  note(collectionN: number, dueMs: number): void {
    if (!this.#dueByCollection.has(collectionN)) this.#dueByCollection.set(collectionN, dueMs);
  }

  nextDueMs(): number {
    return Math.min(Number.POSITIVE_INFINITY, ...this.#dueByCollection.values());
  }

  takeDue(nowMs: number): number | null {
    for (const [collectionN, dueMs] of this.#dueByCollection) {
      if (dueMs > nowMs) continue;
      this.#dueByCollection.delete(collectionN);
      return collectionN;
    }
    return null;
  }
}
