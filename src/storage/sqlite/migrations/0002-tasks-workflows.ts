import type { Migration } from './migration.ts';

/**
 * The queue's table stays fast whatever lies in it because each question has a partial index of its own that holds only
 * the rows in that state, in the order in which they are asked for.
 */
export const tasksWorkflows: Migration = {
  version: 2,
  name: 'tasks, schedules, workflows',
  up(db) {
    db.exec(`
      CREATE TABLE topics (
        n INTEGER PRIMARY KEY,
        space TEXT NOT NULL,
        name TEXT NOT NULL,
        declared TEXT NOT NULL DEFAULT '{}',
        overrides TEXT NOT NULL DEFAULT '{}',
        revision INTEGER NOT NULL DEFAULT 0,
        UNIQUE (space, name)
      ) STRICT;

      -- One row: the last number given to a task or to a place in a line.
      CREATE TABLE task_sequence (n INTEGER PRIMARY KEY CHECK (n = 1), value INTEGER NOT NULL) STRICT;
      INSERT INTO task_sequence (n, value) VALUES (1, 0);

      CREATE TABLE tasks (
        seq INTEGER PRIMARY KEY,
        topic_n INTEGER NOT NULL,
        -- 0 ready, 1 scheduled, 2 blocked, 3 running, 4 done, 5 dead, 6 dropped, 7 staged
        state INTEGER NOT NULL,
        -- Place in the line of the topic (ready) or of the key (blocked).
        line INTEGER NOT NULL,
        priority INTEGER NOT NULL,
        run_at INTEGER,
        key TEXT,
        -- 1 while the task counts against the concurrency of its key.
        holds_key INTEGER NOT NULL DEFAULT 0,
        dedupe_key TEXT,
        public_id TEXT,
        job_id TEXT,
        payload TEXT NOT NULL,
        options TEXT,
        attempt INTEGER NOT NULL DEFAULT 0,
        failures INTEGER NOT NULL DEFAULT 0,
        crashes INTEGER NOT NULL DEFAULT 0,
        owner TEXT,
        lease_until INTEGER,
        created_at INTEGER NOT NULL,
        started_at INTEGER,
        finished_at INTEGER,
        forget_at INTEGER,
        reason TEXT,
        error TEXT
      ) STRICT;
      CREATE INDEX tasks_claim ON tasks (topic_n, priority DESC, line) WHERE state = 0;
      CREATE INDEX tasks_due ON tasks (run_at) WHERE state = 1;
      CREATE INDEX tasks_scheduled ON tasks (topic_n) WHERE state = 1;
      CREATE INDEX tasks_blocked ON tasks (topic_n, key, line) WHERE state = 2;
      CREATE INDEX tasks_running ON tasks (lease_until) WHERE state = 3;
      CREATE INDEX tasks_dead ON tasks (topic_n, seq) WHERE state = 5;
      CREATE INDEX tasks_key ON tasks (topic_n, key) WHERE holds_key = 1;
      CREATE INDEX tasks_forget ON tasks (forget_at) WHERE forget_at IS NOT NULL;
      CREATE UNIQUE INDEX tasks_dedupe ON tasks (topic_n, dedupe_key) WHERE dedupe_key IS NOT NULL;
      CREATE INDEX tasks_public_id ON tasks (public_id) WHERE public_id IS NOT NULL;
      CREATE INDEX tasks_staged ON tasks (job_id, seq) WHERE state = 7;

      CREATE TABLE task_attempts (
        seq INTEGER NOT NULL,
        attempt INTEGER NOT NULL,
        started_at INTEGER NOT NULL,
        ended_at INTEGER NOT NULL,
        outcome TEXT NOT NULL,
        error TEXT,
        PRIMARY KEY (seq, attempt)
      ) STRICT, WITHOUT ROWID;

      CREATE TABLE task_stages (stage TEXT PRIMARY KEY, state TEXT NOT NULL) STRICT, WITHOUT ROWID;

      CREATE TABLE task_rates (
        topic_n INTEGER NOT NULL,
        key TEXT NOT NULL,
        arrival REAL NOT NULL,
        PRIMARY KEY (topic_n, key)
      ) STRICT, WITHOUT ROWID;
      CREATE INDEX task_rates_old ON task_rates (arrival);

      CREATE TABLE schedules (
        space TEXT NOT NULL,
        name TEXT NOT NULL,
        spec TEXT NOT NULL,
        topic TEXT NOT NULL,
        payload TEXT NOT NULL,
        last_tick INTEGER,
        next_tick INTEGER,
        skipped INTEGER NOT NULL DEFAULT 0,
        PRIMARY KEY (space, name)
      ) STRICT, WITHOUT ROWID;

      CREATE TABLE schedule_ticks (
        space TEXT NOT NULL,
        name TEXT NOT NULL,
        tick INTEGER NOT NULL,
        task_seq INTEGER,
        PRIMARY KEY (space, name, tick)
      ) STRICT, WITHOUT ROWID;

      CREATE TABLE workflow_instances (
        n INTEGER PRIMARY KEY,
        space TEXT NOT NULL,
        id TEXT NOT NULL,
        name TEXT NOT NULL,
        collection TEXT NOT NULL,
        queue_prefix TEXT NOT NULL,
        max_step_count INTEGER NOT NULL,
        version TEXT,
        parent TEXT,
        status TEXT NOT NULL,
        step TEXT,
        control TEXT NOT NULL,
        created_at INTEGER NOT NULL,
        ended_at INTEGER,
        UNIQUE (space, id)
      ) STRICT;
      CREATE INDEX workflow_instances_by_status ON workflow_instances (space, name, status, step);
      CREATE INDEX workflow_instances_ended ON workflow_instances (ended_at) WHERE ended_at IS NOT NULL;
      CREATE INDEX workflow_instances_version ON workflow_instances (space, version)
        WHERE version IS NOT NULL AND ended_at IS NULL;

      CREATE TABLE workflow_history (
        instance_n INTEGER NOT NULL,
        number INTEGER NOT NULL,
        entry TEXT NOT NULL,
        state_before TEXT NOT NULL,
        PRIMARY KEY (instance_n, number)
      ) STRICT, WITHOUT ROWID;

      CREATE TABLE workflow_memory (
        instance_n INTEGER NOT NULL,
        visit INTEGER NOT NULL,
        memo TEXT NOT NULL,
        value TEXT NOT NULL,
        PRIMARY KEY (instance_n, visit, memo)
      ) STRICT, WITHOUT ROWID;

      CREATE TABLE workflow_waits (
        instance_n INTEGER NOT NULL,
        branch TEXT NOT NULL,
        space TEXT NOT NULL,
        address TEXT NOT NULL,
        visit INTEGER NOT NULL,
        line INTEGER NOT NULL,
        PRIMARY KEY (instance_n, branch)
      ) STRICT, WITHOUT ROWID;
      CREATE INDEX workflow_waits_by_address ON workflow_waits (space, address, line);

      CREATE TABLE workflow_events (
        n INTEGER PRIMARY KEY,
        space TEXT NOT NULL,
        address TEXT NOT NULL,
        payload TEXT NOT NULL,
        dedupe_id TEXT,
        consumed INTEGER NOT NULL DEFAULT 0,
        expires_at INTEGER NOT NULL
      ) STRICT;
      CREATE INDEX workflow_events_by_address ON workflow_events (space, address, n) WHERE consumed = 0;
      CREATE UNIQUE INDEX workflow_events_once ON workflow_events (space, address, dedupe_id) WHERE dedupe_id IS NOT NULL;
      CREATE INDEX workflow_events_expiry ON workflow_events (expires_at);
    `);
  },
};
