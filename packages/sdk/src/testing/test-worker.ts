import type { JsonValue } from '../workflows/types.ts';

export interface TestTask {
  readonly topic: string;
  readonly payload: JsonValue;
  status: 'waiting' | 'done' | 'failed';
  error: string | null;
}

export type TestWorker = (...values: never[]) => unknown;

/** Gives the task to the worker, and notes in it how it ended. */
export async function runTestWorker(worker: TestWorker, task: TestTask): Promise<void> {
  await new Promise<void>((resolve) => {
    const response = createResponse((status) => {
      task.status = status < 400 ? 'done' : 'failed';
      resolve();
    });
    const request = { body: { payload: task.payload, topic: task.topic, _id: 'test' }, headers: {} };
    Promise.resolve()
      .then(() => worker(request as never, response as never))
      .then(
        () => response.end(),
        (error: unknown) => {
          task.status = 'failed';
          task.error = error instanceof Error ? error.message : String(error);
          resolve();
        },
      );
  });
}

interface TestResponse {
  status(code: number): TestResponse;
  end(): TestResponse;
  json(): TestResponse;
  send(): TestResponse;
}

/** The first answer counts. */
function createResponse(onEnd: (status: number) => void): TestResponse {
  let status = 200;
  let isEnded = false;
  const end = (): TestResponse => {
    if (!isEnded) onEnd(status);
    isEnded = true;
    return response;
  };
  const response: TestResponse = {
    status(code) {
      status = code;
      return response;
    },
    end,
    json: end,
    send: end,
  };
  return response;
}
