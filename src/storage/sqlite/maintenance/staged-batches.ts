/**
 * Batches of rows that were inserted invisibly and are not yet published (foundations 4). Known in memory only: after a
 * restart every batch that is not published is thrown away.
 */
export class StagedBatches {
  readonly #open = new Map<number, { documents: number; bytes: number }>();
  /** Ended batches whose rows still carry the mark; `keep` says whether the rows stay. */
  readonly #ended = new Map<number, { keep: boolean }>();

  add(stage: number, documents: number, bytes: number): void {
    const batch = this.#open.get(stage) ?? { documents: 0, bytes: 0 };
    batch.documents += documents;
    batch.bytes += bytes;
    this.#open.set(stage, batch);
  }

  /** Publishes or discards; answers what the batch held. */
  end(stage: number, keep: boolean): { documents: number; bytes: number } {
    const batch = this.#open.get(stage) ?? { documents: 0, bytes: 0 };
    this.#open.delete(stage);
    this.#ended.set(stage, { keep });
    return batch;
  }

  /** Found in the file at start. */
  adopt(stage: number, keep: boolean): void {
    this.#ended.set(stage, { keep });
  }

  nextEnded(): { stage: number; keep: boolean } | null {
    const [first] = this.#ended;
    return first === undefined ? null : { stage: first[0], keep: first[1].keep };
  }

  finished(stage: number): void {
    this.#ended.delete(stage);
  }
}
