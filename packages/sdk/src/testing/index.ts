export type { RecordedStep, ReplayDifference } from './replay.ts';
export { createTestApp, type StepMock, TestApp, type TestInstance } from './test-app.ts';
export type { TestTask } from './test-worker.ts';
export { VirtualClock } from './virtual-clock.ts';
