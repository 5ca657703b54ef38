export { createTestApp, type StepMock, TestApp, type TestInstance, type TestTask } from './test-app.ts';
export { VirtualClock } from './virtual-clock.ts';
