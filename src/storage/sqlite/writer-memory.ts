import type { JsonObject } from '../../core/json.ts';
import type { TopicSettings } from '../../core/task-topic.ts';
import type { WorkflowInstance } from '../../core/workflow.ts';
import type { TopicRef } from '../../ports/storage/tasks.ts';
import type { Connection } from './connection.ts';
import type { DocumentRow } from './document-table.ts';

export interface Topic extends TopicRef {
  readonly n: number;
  readonly settings: TopicSettings;
}

export interface StoredInstance {
  readonly n: number;
  readonly space: string;
  readonly instance: WorkflowInstance;
  /** Number of the last entry of its history; null when somebody has to look. */
  readonly lastEntry: number | null;
  /** What never changes of it, as JSON; made when it is asked for. */
  readonly head?: string;
}

/** The document of an instance as its last step left it. */
export interface KeptDocument {
  readonly collectionN: number;
  readonly row: DocumentRow;
  /** `row.body`, decoded. */
  readonly document: JsonObject;
}

const mostTopics = 10_000;
const mostInstances = 2_000;
/** So many numbers are marked as given in the file at once: what a crash leaves unused is a gap. */
const numbersAhead = 1_000;
/** Larger instances (wide forks) are read each time, so that the memory stays within a few megabytes. */
const longestControl = 4_000;
const longestBody = 4_000;

/**
 * Rows of the durable work that the writer need not read again, because nobody else writes them. A commit that is undone
 * takes everything with it: that is rare, and reading is all that it costs. Numbers are given out from here; those of an
 * undone commit are left out.
 */
export class WriterMemory {
  readonly #connection: Connection;
  readonly #topics = new Map<string, Topic>();
  readonly #topicsByNumber = new Map<number, Topic>();
  /** By id; instances of two spaces may have the same, then the later one is kept. */
  readonly #instances = new Map<string, StoredInstance>();
  readonly #documents = new Map<string, KeptDocument>();
  #lastNumber: number | null = null;
  /** Up to here they are marked in the file. */
  #markedNumber = 0;

  constructor(connection: Connection) {
    this.#connection = connection;
    memories.set(connection, this);
  }

  /** Reserves `count` numbers and answers the first of them. */
  reserveNumbers(count: number): number {
    if (this.#lastNumber === null) {
      this.#markedNumber = Number(this.#connection.sql('SELECT value FROM task_sequence').get()?.value);
      this.#lastNumber = this.#markedNumber;
    }
    const first = this.#lastNumber + 1;
    this.#lastNumber += count;
    return first;
  }

  findTopic(space: string, name: string): Topic | undefined {
    return this.#topics.get(`${space}\n${name}`);
  }

  getTopic(n: number): Topic | undefined {
    return this.#topicsByNumber.get(n);
  }

  keepTopic(topic: Topic): void {
    if (this.#topics.size >= mostTopics) {
      this.#topics.clear();
      this.#topicsByNumber.clear();
    }
    this.#topics.set(`${topic.space}\n${topic.topic}`, topic);
    this.#topicsByNumber.set(topic.n, topic);
  }

  forgetTopic({ n, space, topic }: Topic): void {
    this.#topics.delete(`${space}\n${topic}`);
    this.#topicsByNumber.delete(n);
  }

  findInstance(space: string, id: string): StoredInstance | undefined {
    const stored = this.#instances.get(id);
    return stored?.space === space ? stored : undefined;
  }

  /** `controlLength`: characters of its control fields as JSON. */
  keepInstance(stored: StoredInstance, controlLength: number): void {
    if (controlLength > longestControl) this.#instances.delete(stored.instance.id);
    else keepLatest(this.#instances, stored.instance.id, stored);
  }

  findDocument(collectionN: number, storedId: string): KeptDocument | undefined {
    const kept = this.#documents.get(storedId);
    return kept?.collectionN === collectionN ? kept : undefined;
  }

  /** After it was written; only what no time and no cap takes away. */
  keepDocument(kept: KeptDocument): void {
    if (kept.row.body.length <= longestBody) keepLatest(this.#documents, kept.row._id, kept);
  }

  /** Before every write of a document, whoever writes it. */
  forgetDocument(storedId: string): void {
    if (this.#documents.size > 0) this.#documents.delete(storedId);
  }

  forgetInstances(): void {
    this.#instances.clear();
  }

  /** Before the end of each transaction. */
  flush(): void {
    if (this.#lastNumber === null || this.#lastNumber <= this.#markedNumber) return;
    this.#markedNumber = this.#lastNumber + numbersAhead;
    this.#connection.sql('UPDATE task_sequence SET value = ?').run(this.#markedNumber);
  }

  /** A commit was undone, the transaction goes on. */
  undo(): void {
    this.#topics.clear();
    this.#topicsByNumber.clear();
    this.#instances.clear();
    this.#documents.clear();
  }

  /** The whole transaction was undone, or nobody knows. */
  reset(): void {
    this.undo();
    this.#lastNumber = null;
  }
}

function keepLatest<Value>(map: Map<string, Value>, key: string, value: Value): void {
  map.delete(key);
  if (map.size >= mostInstances) map.delete(map.keys().next().value!);
  map.set(key, value);
}

const memories = new WeakMap<Connection, WriterMemory>();

/** Undefined on the connection of a reader, which has to look. */
export function memoryOf(connection: Connection): WriterMemory | undefined {
  return memories.get(connection);
}
