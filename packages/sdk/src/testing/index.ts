export type { RecordedStep, ReplayDifference } from './replay.ts';
export { createTestApp, TestApp } from './test-app.ts';
export type { TestTask } from './test-worker.ts';
export type { StepMock, TestInstance } from './test-workflows.ts';
export { VirtualClock } from './virtual-clock.ts';
